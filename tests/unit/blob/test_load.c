/* SPDX-License-Identifier: Apache-2.0 */
/* Reading messages back from a real database: whole, in part, many at once, damaged, gone. */
#include "blob/blob.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

struct fixture {
    struct runtime *rt;
    struct db *db;
    struct arena a;
};

static int64_t soon(void)
{
    return clock_deadline_in(10000);
}

static void with_db(fiber_fn fn)
{
    struct fixture f = { 0 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(f.rt);
    f.db = db_new(f.rt, &(struct db_options){ .conninfo = test_pg_start_migrated(),
                                              .named_statements = true });
    arena_init(&f.a);
    in_fiber_run_to_end(f.rt, fn, &f);
    arena_fini(&f.a);
    db_free(&f.db);
    runtime_free(&f.rt);
}

static const struct db_stmt insert = {
    "INSERT INTO blob (account_id, msg_id, codec, size, header, head, frames, data)"
    " VALUES ($1, $2, $3::int, $4, $5, $6, $7, $8)"
};

static void put_packed(struct fixture *f, int64_t msg_id, const struct blob_packed *p)
{
    struct err e = ERR_CLEAR;
    const struct db_param params[] = {
        DB_INT8(7),
        DB_INT8(msg_id),
        DB_INT4(p->codec),
        DB_INT4((int64_t)p->size),
        DB_INT4((int64_t)p->header),
        DB_INT4((int64_t)p->head),
        p->n_frames ? DB_INT4S(p->frames, p->n_frames) : DB_NULL,
        DB_BYTEA(p->data),
    };
    MUST(db_query(f->db, DB_DELIVER, &insert, params, COUNT_OF(params), &f->a, soon(), NULL, &e),
         e);
}

static str put_message(struct fixture *f, int64_t msg_id, size_t size, size_t header, bool noise)
{
    char *bytes = arena_alloc(&f->a, size + 1);
    uint64_t state = 88172645463325252ULL + (uint64_t)msg_id;
    struct blob_packed p;
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = noise ? (char)(state >> 24) : "Some lines of mail\r\n"[(state >> 60) + i % 5];
    }
    blob_pack(&f->a, str_of(bytes, size), header, &p);
    put_packed(f, msg_id, &p);
    return str_of(bytes, size);
}

static void assert_loads(struct fixture *f, int64_t msg_id, str message, size_t from, size_t n)
{
    str out;
    struct err e = ERR_CLEAR;
    MUST(blob_load(f->db, 7, msg_id, from, n, &f->a, soon(), &out, &e), e);
    if (!str_eq(out, str_slice(message, from, n)))
        fail_msg("message %lld, %zu+%zu: %zu bytes came", (long long)msg_id, from, n, out.n);
}

static void assert_parts(struct fixture *f, int64_t id, str m)
{
    const size_t points[] = { 0, 899, 900, 262143, 262144, 700000, m.n, m.n + 5 };
    for (size_t k = 0; k < COUNT_OF(points); k++) {
        assert_loads(f, id, m, points[k], SIZE_MAX);
        assert_loads(f, id, m, points[k], 1);
        assert_loads(f, id, m, points[k], 300000);
        assert_loads(f, id, m, points[k], 0);
        assert_loads(f, id, m, 0, points[k]);
    }
}

/* The same with a field in front of it, of 31 octets. */
static str put_in_front(struct fixture *f, int64_t id, str m)
{
    static const char prefix[] = "Delivered-To: ada@example.org\r\n";
    test_pg_run("UPDATE blob SET prefix = E'Delivered-To: ada@example.org\\r\\n'::bytea WHERE "
                "prefix IS NULL");
    size_t n = sizeof(prefix) - 1;
    char *bytes = arena_alloc(&f->a, n + m.n);
    memcpy(bytes, prefix, n);
    memcpy(bytes + n, m.p, m.n);
    str whole = str_of(bytes, n + m.n);
    const size_t points[] = { 1, 30, 31, 32, 31 + 900, 31 + 262144 };
    for (size_t k = 0; k < COUNT_OF(points); k++) {
        assert_loads(f, id, whole, points[k], SIZE_MAX);
        assert_loads(f, id, whole, points[k], 1);
        assert_loads(f, id, whole, points[k] - 1, 2);
        assert_loads(f, id, whole, 0, points[k]);
    }
    return whole;
}

static void parts_body(void *arg)
{
    struct fixture *f = arg;
    static const struct {
        size_t size;
        size_t header;
        bool noise;
    } messages[] = { { 0, 0, false },          { 10000, 900, false },      { 10000, 900, true },
                     { 3000000, 1000, false }, { 2500000, 600000, false }, { 3000000, 100, true } };
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        int64_t id = 100 + (int64_t)i;
        str m = put_message(f, id, messages[i].size, messages[i].header, messages[i].noise);
        assert_parts(f, id, m);
        assert_parts(f, id, put_in_front(f, id, m));
    }
}

static void test_parts(void **state)
{
    (void)state;
    with_db(parts_body);
}

static void gone_and_damaged_body(void *arg)
{
    struct fixture *f = arg;
    str out;
    struct err e = ERR_CLEAR;
    assert_false(blob_load(f->db, 7, 999999, 0, SIZE_MAX, &f->a, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    str m = put_message(f, 200, 5000, 500, false);
    put_message(f, 201, 2000000, 500, false);
    test_pg_run("UPDATE blob SET data = substring(data FROM 1 FOR 20) WHERE msg_id IN (200, 201)");
    for (int64_t id = 200; id <= 201; id++) {
        assert_false(blob_load(f->db, 7, id, 0, SIZE_MAX, &f->a, soon(), &out, &e));
        assert_int_equal(e.kind, ERR_DAMAGED);
    }
    test_pg_run("UPDATE blob SET frames = NULL WHERE msg_id = 201");
    assert_false(blob_load(f->db, 7, 201, 0, 10, &f->a, soon(), &out, &e));
    /* Another account's message is not there. */
    assert_false(blob_load(f->db, 8, 200, 0, 10, &f->a, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    (void)m;
}

static void test_gone_and_damaged(void **state)
{
    (void)state;
    with_db(gone_and_damaged_body);
}

static void many_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    enum {
        N = 8
    };
    str texts[N];
    str messages[N];
    int64_t ids[N];
    bool damaged[N];
    size_t done = 0;
    for (size_t i = 0; i < N; i++) {
        ids[i] = 300 + (int64_t)i;
        messages[i] = put_message(f, ids[i], i == 5 ? 1500000 : 2000 + i, 300 + i, false);
    }
    ids[3] = 12345; /* not there */
    test_pg_run("UPDATE blob SET data = '\\x00' WHERE msg_id = 304");
    struct blob_many wanted = { .class = DB_READ, .account_id = 7, .msg_ids = ids, .n = N };
    for (int only_header = 0; only_header <= 1; only_header++) {
        wanted.only_header = only_header;
        wanted.damaged = damaged;
        memset(damaged, 1, sizeof(damaged));
        MUST(blob_load_many(f->db, &wanted, &f->a, soon(), texts, &done, &e), e);
        assert_int_equal(done, N);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(damaged[i], i == 4);
            if (i == 3 || i == 4) {
                assert_null(texts[i].p);
            } else {
                assert_true(str_eq(
                    texts[i], str_slice(messages[i], 0, only_header ? 300 + i : messages[i].n)));
            }
        }
    }
}

static void many_prefixed_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const int64_t ids[] = { 500, 501 };
    str messages[2];
    str texts[2];
    size_t done = 0;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        messages[i] = put_message(f, ids[i], i ? 2000000 : 4000, 300, false);
        messages[i] = put_in_front(f, ids[i], messages[i]);
    }
    struct blob_many wanted = { .class = DB_READ, .account_id = 7, .msg_ids = ids, .n = 2 };
    for (int only_header = 0; only_header <= 1; only_header++) {
        wanted.only_header = only_header;
        MUST(blob_load_many(f->db, &wanted, &f->a, soon(), texts, &done, &e), e);
        assert_int_equal(done, 2);
        for (size_t i = 0; i < COUNT_OF(ids); i++)
            assert_true(
                str_eq(texts[i], str_slice(messages[i], 0, only_header ? 331 : messages[i].n)));
    }
}

static void test_many_prefixed(void **state)
{
    (void)state;
    with_db(many_prefixed_body);
}

static void test_many(void **state)
{
    (void)state;
    with_db(many_body);
}

/* A few bytes in the database may be a lot unpacked: an answer has a limit. */
static void many_limit_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    char *zeros = arena_alloc(&f->a, 10000000);
    struct blob_packed p;
    str texts[3];
    const int64_t ids[] = { 400, 401, 402 };
    size_t done = 0;
    memset(zeros, 'x', 10000000);
    blob_pack(&f->a, str_of(zeros, 10000000), 100, &p);
    assert_true(p.data.n < 100000);
    for (int64_t id = 400; id <= 402; id++)
        put_packed(f, id, &p);
    struct blob_many wanted = { .class = DB_READ, .account_id = 7, .msg_ids = ids, .n = 3 };
    MUST(blob_load_many(f->db, &wanted, &f->a, soon(), texts, &done, &e), e);
    assert_int_equal(done, 1);
    assert_int_equal(texts[0].n, 10000000);
    wanted.only_header = true;
    MUST(blob_load_many(f->db, &wanted, &f->a, soon(), texts, &done, &e), e);
    assert_int_equal(done, 3);
    assert_int_equal(texts[2].n, 100);
}

static void test_many_limit(void **state)
{
    (void)state;
    with_db(many_limit_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),      cmocka_unit_test(test_gone_and_damaged),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_many_prefixed),
        cmocka_unit_test(test_many_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
