/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of store share: a store on a real database, accounts, small messages. Header only.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "db/db.h"
#include "store/store.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct runtime *rt;
    struct db *db;
    struct store *store;
    struct arena a;
    int64_t account;
};

static inline int64_t soon(void)
{
    return clock_deadline_in(20000);
}

/* A fresh account of a domain made at the first call; quota 0 = unlimited. */
static inline int64_t new_account(int64_t quota)
{
    static int number;
    char sql[256];
    if (number == 0)
        test_pg_run("SELECT domain_create('example.org')");
    (void)snprintf(sql, sizeof(sql),
                   "SELECT account_create('user%d@example.org', 'example.org', '', NULL, %lld,"
                   " false)",
                   ++number, (long long)quota);
    return test_pg_number(sql);
}

static inline void fixture_open(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    f->rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(f->rt);
    f->db = db_new(f->rt, &(struct db_options){ .conninfo = test_pg_start_migrated(),
                                                .named_statements = true });
    f->store = store_new(&(struct store_options){ .runtime = f->rt, .db = f->db, .node_id = 3 });
    arena_init(&f->a);
}

static inline void fixture_close(struct fixture *f)
{
    in_fiber_unwind(f->rt);
    arena_fini(&f->a);
    store_free(&f->store);
    db_free(&f->db);
    runtime_free(&f->rt);
}

/* Runs fn in a fiber with a store and a fresh account. */
static inline void with_store(fiber_fn fn)
{
    struct fixture f = { 0 };
    fixture_open(&f);
    f.account = new_account(0);
    in_fiber_run(f.rt, fn, &f);
    fixture_close(&f);
}

static inline struct store_message *prepare(struct fixture *f, str raw)
{
    struct err e = ERR_CLEAR;
    struct store_message *m = ARENA_NEW(&f->a, struct store_message);
    MUST(store_prepare_message(f->store, &f->a, raw, soon(), m, &e), e);
    return m;
}

/* A message of about `size` octets whose subject holds `number`. */
static inline str make_raw(struct fixture *f, int number, size_t size)
{
    str head = arena_printf(&f->a,
                            "From: Ada <ada@example.org>\r\nTo: bob@example.org\r\n"
                            "Subject: number %d\r\nDate: Tue, 1 Jul 2003 10:52:37 +0200\r\n"
                            "Message-ID: <m%d@example.org>\r\n\r\n",
                            number, number);
    size_t n = size > head.n ? size : head.n;
    char *bytes = arena_alloc(&f->a, n);
    memcpy(bytes, head.p, head.n);
    for (size_t i = head.n; i < n; i++)
        bytes[i] = "A line of a mail.\r\n"[(i - head.n) % 19];
    return str_of(bytes, n);
}

/* Appends a small message and gives its UID. */
static inline uint32_t append_one(struct fixture *f, int mailbox, int number, unsigned flags)
{
    struct err e = ERR_CLEAR;
    struct store_appended out;
    const struct store_append_item item = { .message = prepare(f, make_raw(f, number, 300)),
                                            .idate_s = 1700000000 + number,
                                            .flags = flags };
    MUST(store_append(f->store, f->account, mailbox, &item, 1, soon(), &out, &e), e);
    return out.first_uid;
}

/* A mailbox in the eyes of its owner. */
static inline struct store_viewed own(const struct fixture *f, int mailbox)
{
    return (struct store_viewed){ f->account, f->account, mailbox };
}

static inline struct store_snapshot snapshot_of(struct fixture *f, int mailbox)
{
    struct err e = ERR_CLEAR;
    struct store_snapshot out;
    const struct store_viewed of = own(f, mailbox);
    MUST(store_snapshot_load(f->store, &of, &f->a, soon(), &out, &e), e);
    return out;
}

static inline struct store_delta delta_of(struct fixture *f, int mailbox, int64_t since)
{
    struct err e = ERR_CLEAR;
    struct store_delta out;
    const struct store_viewed of = own(f, mailbox);
    MUST(store_delta_load(f->store, &of, since, &f->a, soon(), &out, &e), e);
    return out;
}

/* All counters of the account are what a recount says. */
static inline void assert_sound(struct fixture *f, int64_t account)
{
    struct err e = ERR_CLEAR;
    struct store_check check;
    MUST(store_check_counters(f->store, account, false, &f->a, soon(), &check, &e), e);
    for (size_t i = 0; i < check.n_faults; i++) {
        fail_msg("account %lld mailbox %d: %.*s", (long long)check.faults[i].account_id,
                 check.faults[i].mailbox_id, STR_FMT(check.faults[i].what));
    }
}

/* A set of one range. */
#define RANGE(from, to)            \
    (&(const struct store_ranges){ \
        (const struct store_range[]){ { (uint32_t)(from), (uint32_t)(to) } }, 1 })

#endif
