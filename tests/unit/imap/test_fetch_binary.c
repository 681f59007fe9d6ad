/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that are decoded in pieces: as if they were decoded at once. */
#include "services/imap/fetch_binary.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct {
    enum mime_encoding encoding;
    str body;
} bodies[] = {
    { MIME_ENCODING_7BIT, STR_INIT("plain\r\ntext\r\n") },
    { MIME_ENCODING_BASE64, STR_INIT("AAEC\r\nAwQF BgcI\r\nCQ==") },
    { MIME_ENCODING_QUOTED_PRINTABLE, STR_INIT("a=3Db=\r\nc =20 \r\nend   ") },
    { MIME_ENCODING_UUENCODE, STR_INIT("begin 644 x\r\n#0V%T\r\n`\r\nend\r\n") },
    { MIME_ENCODING_BASE64, STR_INIT("") },
};

/* The message is the body between two other texts. */
static struct imap_binary part_of(struct buf *message, size_t i)
{
    assert_true(buf_add(message, STR("before")) && buf_add(message, bodies[i].body) &&
                buf_add(message, STR("after")));
    return (struct imap_binary){ .encoding = bodies[i].encoding,
                                 .start = 6,
                                 .end = 6 + bodies[i].body.n };
}

static void gives_what_is_asked_for(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        const str whole = mime_decode(&a, bodies[i].encoding, bodies[i].body, SIZE_MAX);
        struct buf message;
        struct buf out;
        buf_init(&message, 1000);
        buf_init(&out, 1000);
        struct imap_binary part = part_of(&message, i);
        for (size_t from = 0; from <= whole.n + 1; from++) {
            for (size_t n = 1; n <= whole.n + 2; n++) {
                const str wanted = str_slice(whole, from, n);
                bool has_nul = false;
                part.from = from;
                part.n = n;
                imap_binary_measure(&part, buf_str(&message), &has_nul);
                assert_int_equal(part.n, wanted.n);
                assert_int_equal(has_nul, str_find_byte(wanted, '\0') >= 0);
                buf_clear(&out);
                assert_true(imap_binary_add(&part, buf_str(&message), &out));
                assert_true(str_eq(buf_str(&out), wanted));
            }
        }
        buf_fini(&message);
        buf_fini(&out);
    }
    arena_fini(&a);
}

/* However the encoded octets come. */
static void takes_any_slices(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        const str whole = mime_decode(&a, bodies[i].encoding, bodies[i].body, SIZE_MAX);
        struct buf message;
        struct buf out;
        buf_init(&message, 1000);
        buf_init(&out, 1000);
        struct imap_binary part = part_of(&message, i);
        part.n = SIZE_MAX;
        for (size_t size = 1; size <= bodies[i].body.n; size++) {
            struct imap_binary_cursor c;
            buf_clear(&out);
            imap_binary_begin(&c, &part);
            while (c.at < part.end) {
                const size_t left = part.end - c.at;
                const str slice = str_slice(buf_str(&message), c.at, size < left ? size : left);
                assert_true(buf_add(&out, imap_binary_decode(&c, slice)));
            }
            imap_binary_end(&c);
            assert_true(str_eq(buf_str(&out), whole));
        }
        buf_fini(&message);
        buf_fini(&out);
    }
    arena_fini(&a);
}

/* At the limit of one slice, and beyond it: what a decoder holds back has room. */
static void decodes_whole_slices(void **state)
{
    static const size_t sizes[] = { IMAP_BINARY_SLICE - 1, IMAP_BINARY_SLICE, IMAP_BINARY_SLICE + 1,
                                    3 * (size_t)IMAP_BINARY_SLICE };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char *spaces = arena_alloc(&a, sizes[i]);
        struct buf out;
        bool has_nul = true;
        memset(spaces, ' ', sizes[i]);
        spaces[sizes[i] - 1] = 'x';
        buf_init(&out, sizes[i]);
        struct imap_binary part = { .encoding = MIME_ENCODING_QUOTED_PRINTABLE,
                                    .end = sizes[i],
                                    .n = SIZE_MAX };
        const str whole = mime_decode(&a, part.encoding, str_of(spaces, sizes[i]), SIZE_MAX);
        imap_binary_measure(&part, str_of(spaces, sizes[i]), &has_nul);
        assert_int_equal(part.n, whole.n);
        assert_false(has_nul);
        assert_true(imap_binary_add(&part, str_of(spaces, sizes[i]), &out));
        assert_true(str_eq(buf_str(&out), whole));
        buf_fini(&out);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_is_asked_for),
        cmocka_unit_test(takes_any_slices),
        cmocka_unit_test(decodes_whole_slices),
    };
    return cmocka_run_group_tests_name("imap/fetch_binary", tests, NULL, NULL);
}
