/* SPDX-License-Identifier: Apache-2.0 */
/* Packing and unpacking: every byte comes back, parts too, and damage is found. */
#include "blob/blob.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

/* Text that packs well, or bytes that do not (a fixed sequence). */
static str make_message(struct arena *a, size_t n, bool random)
{
    char *bytes = arena_alloc(a, n + 1);
    uint64_t state = 88172645463325252ULL;
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] =
            random ? (char)(state >> 24) : "A quiet line of mail.\r\n"[(i * 7 + i / 91) % 23];
    }
    return str_of(bytes, n);
}

struct pack_case {
    const char *name;
    size_t size;
    size_t header;
    bool random;
    enum blob_codec codec;
};

static const struct pack_case cases[] = {
    { "empty", 0, 0, false, BLOB_RAW },
    { "one byte", 1, 1, false, BLOB_RAW },
    { "only a header", 3000, 3000, false, BLOB_ZSTD },
    { "no header", 3000, 0, false, BLOB_ZSTD },
    { "a header beyond the end", 3000, 9000, false, BLOB_ZSTD },
    { "usual", 12000, 1500, false, BLOB_ZSTD },
    { "noise", 12000, 1500, true, BLOB_RAW },
    { "at the limit of one frame", BLOB_FRAMES_ABOVE, 800, false, BLOB_ZSTD },
    { "frames", BLOB_FRAMES_ABOVE + 1, 800, false, BLOB_FRAMES },
    { "whole frames", (size_t)8 * BLOB_FRAME_BYTES, 800, false, BLOB_FRAMES },
    { "a header of several frames", 3000000, 700000, false, BLOB_FRAMES },
    { "big noise", 2000000, 700, true, BLOB_RAW },
};

static void assert_part(struct arena *a, const struct blob_packed *p, str message, size_t from,
                        size_t n)
{
    str out;
    struct err e = ERR_CLEAR;
    str expected = str_slice(message, from, n);
    if (!blob_unpack(a, p, from, n, &out, &e))
        fail_msg("%zu+%zu: %s", from, n, e.msg);
    if (!str_eq(out, expected))
        fail_msg("%zu+%zu of %zu bytes came back differently", from, n, message.n);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct pack_case *c = &cases[i];
        struct arena a;
        struct blob_packed p;
        arena_init(&a);
        str message = make_message(&a, c->size, c->random);
        blob_pack(&a, message, c->header, &p);
        if (p.codec != c->codec)
            fail_msg("%s: codec %d", c->name, (int)p.codec);
        assert_int_equal(p.size, c->size);
        assert_true(p.head <= p.data.n);
        const size_t points[] = { 0,
                                  1,
                                  p.header,
                                  p.header + 1,
                                  c->size / 2,
                                  BLOB_FRAME_BYTES - 1,
                                  BLOB_FRAME_BYTES,
                                  BLOB_FRAME_BYTES + 1,
                                  c->size };
        for (size_t k = 0; k < COUNT_OF(points); k++) {
            assert_part(&a, &p, message, points[k], SIZE_MAX);
            assert_part(&a, &p, message, points[k], 1);
            assert_part(&a, &p, message, points[k], BLOB_FRAME_BYTES);
            assert_part(&a, &p, message, 0, points[k]);
        }
        arena_fini(&a);
    }
}

/* What listings of headers read: the leading bytes alone. */
static void test_head_is_enough(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct blob_packed p;
        arena_init(&a);
        str message = make_message(&a, cases[i].size, cases[i].random);
        blob_pack(&a, message, cases[i].header, &p);
        p.data = str_slice(p.data, 0, p.head);
        assert_part(&a, &p, message, 0, p.header);
        if (p.header > 10)
            assert_part(&a, &p, message, 5, p.header - 5);
        arena_fini(&a);
    }
}

/* Any changed, missing or invented byte is an error or the same text, never another text. */
static void test_damage(void **state)
{
    (void)state;
    for (size_t size = 5000; size <= 1500000; size += 1495000) {
        struct arena a;
        struct blob_packed p;
        arena_init(&a);
        str message = make_message(&a, size, false);
        blob_pack(&a, message, 400, &p);
        unsigned errors = 0;
        for (size_t at = 0; at < p.data.n; at += p.data.n / 60 + 1) {
            struct blob_packed bad = p;
            char *bytes = (char *)heap_alloc(p.data.n);
            str out;
            struct err e = ERR_CLEAR;
            memcpy(bytes, p.data.p, p.data.n);
            bytes[at] = (char)(bytes[at] ^ 0x55);
            bad.data = str_of(bytes, p.data.n);
            if (blob_unpack(&a, &bad, 0, SIZE_MAX, &out, &e)) {
                assert_true(str_eq(out, message));
            } else {
                assert_int_equal(e.kind, ERR_DAMAGED);
                errors++;
            }
            bad.data = str_slice(p.data, 0, at);
            assert_false(blob_unpack(&a, &bad, 0, SIZE_MAX, &out, &e));
            free(bytes);
        }
        assert_true(errors > 50);
        arena_fini(&a);
    }
}

/* A small message whose packed form says and holds much more is damaged before a byte of that is
 * made room for. */
static void test_bomb(void **state)
{
    (void)state;
    struct arena a;
    struct blob_packed p;
    str out;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    blob_pack(&a, str_of(arena_alloc(&a, 1000000), 1000000), 0, &p);
    assert_int_equal(p.codec, BLOB_ZSTD);
    assert_true(p.data.n < 1000);
    size_t before = a.total;
    p.size = 100;
    assert_false(blob_unpack(&a, &p, 0, SIZE_MAX, &out, &e));
    assert_int_equal(e.kind, ERR_DAMAGED);
    assert_false(blob_unpack(&a, &p, 10, 20, &out, &e));
    assert_int_equal(a.total, before);
    arena_fini(&a);
}

static void test_nonsense_numbers(void **state)
{
    (void)state;
    struct arena a;
    struct blob_packed p;
    str out;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    blob_pack(&a, make_message(&a, 1500000, false), 400, &p);
    struct blob_packed bad = p;
    bad.size = (size_t)BLOB_MAX_BYTES + 1;
    assert_false(blob_unpack(&a, &bad, 0, SIZE_MAX, &out, &e));
    bad = p;
    bad.size = 90000000; /* more frames than there are */
    assert_false(blob_unpack(&a, &bad, 80000000, 10, &out, &e));
    int64_t frames[] = { 0, 1000000000, -5, 10, 20, 30, 40 };
    bad = p;
    bad.frames = frames;
    assert_false(blob_unpack(&a, &bad, 0, SIZE_MAX, &out, &e));
    bad = p;
    bad.codec = (enum blob_codec)7;
    assert_false(blob_unpack(&a, &bad, 0, SIZE_MAX, &out, &e));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_head_is_enough),
        cmocka_unit_test(test_damage),     cmocka_unit_test(test_nonsense_numbers),
        cmocka_unit_test(test_bomb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
