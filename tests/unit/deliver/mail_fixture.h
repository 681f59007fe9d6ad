/* SPDX-License-Identifier: Apache-2.0 */
/* A domain with two accounts on a real database, for tests of deliver and submit. */
#ifndef DELIVER_MAIL_FIXTURE_H
#define DELIVER_MAIL_FIXTURE_H

#include "account/account.h"
#include "db/db.h"
#include "milter/milter.h"
#include "queue/queue.h"
#include "store/store.h"
#include "support/in_fiber.h"
#include "support/servers.h"
#include "wire/smtp_envelope.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct mail_world {
    struct runtime *rt;
    struct db *db;
    struct account_directory *accounts;
    struct store *store;
    struct queue *queue;
    struct arena a;
    int64_t ada;  /* ada@example.org, without a quota */
    int64_t bert; /* bert@example.org, a quota of 10000 octets */
    int transactions;
    int64_t retry_window_ms; /* of deliveries from now on */
};

static inline int64_t mail_soon(void)
{
    return clock_deadline_in(20000);
}

/* A filter that mail does not wait for, and that says nothing for longer than MAIL_SHORT_MS. */
enum {
    MAIL_SHORT_MS = 1000
};

struct mail_silent_filter {
    int fd;
    struct milter_server server;
    struct milter_chain chain;
};

static inline void mail_silence_begin(struct mail_silent_filter *f, struct runtime *rt)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(at);
    char text[40];
    struct err e = ERR_CLEAR;
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->fd, (const struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(f->fd, 1), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    f->server = (struct milter_server){ .name = STR("silent"), .is_optional = true };
    assert_true(net_address_parse(str_from_cstr(text), &f->server.at, &e));
    f->chain = (struct milter_chain){
        .runtime = rt, .servers = &f->server, .n = 1, .timeout_ms = MAIL_SHORT_MS + 50
    };
}

static inline int64_t mail_add_account(struct mail_world *w, const char *address, int64_t quota)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const struct account_actor actor = { .name = STR("cli") };
    const struct account_new account = { .address = str_from_cstr(address), .quota_bytes = quota };
    if (!account_add(w->accounts, &actor, &account, &w->a, mail_soon(), &id, &e))
        fail_msg("%s", e.msg);
    return id;
}

/* In a fiber: the domain and its accounts. */
static inline void mail_fill(struct mail_world *w)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = { .name = STR("cli") };
    if (!account_domain_add(w->accounts, &actor, STR("example.org"), &w->a, mail_soon(), &e))
        fail_msg("%s", e.msg);
    w->ada = mail_add_account(w, "ada@example.org", 0);
    w->bert = mail_add_account(w, "bert@example.org", 10000);
}

static inline void mail_begin(struct mail_world *w)
{
    struct err e = ERR_CLEAR;
    *w = (struct mail_world){ 0 };
    w->rt = runtime_new(NULL, &e);
    assert_non_null(w->rt);
    const struct db_options options = { .conninfo = test_pg_start_migrated() };
    w->db = db_new(w->rt, &options);
    w->accounts = account_directory_new(w->db, NULL);
    const struct store_options store = { .runtime = w->rt, .db = w->db, .node_id = 1 };
    w->store = store_new(&store);
    const struct queue_options queue = { .owner = "test", .node_id = 1 };
    w->queue = queue_new(w->rt, w->db, NULL, NULL, &queue);
    arena_init(&w->a);
}

static inline void mail_end(struct mail_world *w)
{
    in_fiber_unwind(w->rt);
    arena_fini(&w->a);
    queue_free(&w->queue);
    store_free(&w->store);
    account_directory_free(&w->accounts);
    db_free(&w->db);
    runtime_free(&w->rt);
    test_servers_stop();
}

/* A name that no other transaction of the test has. */
static inline str mail_transaction(struct mail_world *w)
{
    return arena_printf(&w->a, "test.%d", ++w->transactions);
}

/* A message of a remote sender in a transaction of its own. */
static inline struct smtp_message mail_message(struct mail_world *w, str content,
                                               const struct smtp_recipient *recipients, size_t n)
{
    return (struct smtp_message){
        .trace = { .helo = STR("client.example"),
                   .peer_ip = STR("192.0.2.1"),
                   .hostname = STR("mx.example.org"),
                   .session = STR("session"),
                   .is_esmtp = true },
        .sender = STR("sender@remote.example"),
        .content = content,
        .transaction = mail_transaction(w),
        .recipients = recipients,
        .n = n,
        .max_hops = 3,
    };
}

/* Text of exactly `size` octets: `head`, then lines that are joined by `fold`, then `tail`. */
static inline str mail_text(struct mail_world *w, str head, str fold, str tail, size_t size)
{
    struct buf b;
    buf_init(&b, size);
    assert_true(buf_add(&b, head));
    while (b.n + tail.n < size) {
        bool folds = b.n % 900 == 0 && b.n + fold.n + tail.n < size;
        assert_true(folds ? buf_add(&b, fold) : buf_add_byte(&b, 'y'));
    }
    assert_true(buf_add(&b, tail));
    str text = arena_str(&w->a, buf_str(&b));
    buf_fini(&b);
    return text;
}

/* Messages in an account's mailboxes. */
static inline int64_t mail_count(struct mail_world *w, int64_t account_id)
{
    struct err e = ERR_CLEAR;
    struct store_quota quota;
    if (!store_get_quota(w->store, account_id, mail_soon(), &quota, &e))
        fail_msg("%s", e.msg);
    return quota.used_messages;
}

#endif
