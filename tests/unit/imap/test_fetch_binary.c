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

/* One of the bodies between two other texts, and what it is when it is decoded at once. */
struct trial {
    struct arena a;
    struct buf message;
    struct buf out;
    struct imap_binary part;
    str whole;
};

static void trial_begin(struct trial *t, size_t i)
{
    arena_init(&t->a);
    buf_init(&t->message, 1000);
    buf_init(&t->out, 1000);
    assert_true(buf_add(&t->message, STR("before")) && buf_add(&t->message, bodies[i].body) &&
                buf_add(&t->message, STR("after")));
    t->part = (struct imap_binary){
        .encoding = bodies[i].encoding, .start = 6, .end = 6 + bodies[i].body.n, .n = SIZE_MAX
    };
    t->whole = mime_decode(&t->a, bodies[i].encoding, bodies[i].body, SIZE_MAX);
}

static void trial_end(struct trial *t)
{
    buf_fini(&t->message);
    buf_fini(&t->out);
    arena_fini(&t->a);
}

static void check_range(struct trial *t, size_t from, size_t n)
{
    const str wanted = str_slice(t->whole, from, n);
    bool has_nul = false;
    t->part.from = from;
    t->part.n = n;
    imap_binary_measure(&t->part, buf_str(&t->message), &has_nul, NULL);
    assert_int_equal(t->part.n, wanted.n);
    assert_int_equal(has_nul, str_find_byte(wanted, '\0') >= 0);
    buf_clear(&t->out);
    assert_true(imap_binary_add(&t->part, buf_str(&t->message), &t->out));
    assert_true(str_eq(buf_str(&t->out), wanted));
}

static void gives_what_is_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct trial t;
        trial_begin(&t, i);
        for (size_t from = 0; from <= t.whole.n + 1; from++) {
            for (size_t n = 1; n <= t.whole.n + 2; n++)
                check_range(&t, from, n);
        }
        trial_end(&t);
    }
}

static void check_slices(struct trial *t, size_t size)
{
    struct imap_binary_cursor c;
    buf_clear(&t->out);
    imap_binary_begin(&c, &t->part, NULL);
    while (c.at < t->part.end) {
        const size_t left = t->part.end - c.at;
        const str slice = str_slice(buf_str(&t->message), c.at, size < left ? size : left);
        assert_true(buf_add(&t->out, imap_binary_decode(&c, slice)));
    }
    imap_binary_end(&c);
    assert_true(str_eq(buf_str(&t->out), t->whole));
}

/* However the encoded octets come. */
static void takes_any_slices(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct trial t;
        trial_begin(&t, i);
        for (size_t size = 1; size <= bodies[i].body.n; size++)
            check_slices(&t, size);
        trial_end(&t);
    }
}

/* One piece, from the mark on, by slices of at most `size` octets; the mark is moved to its end. */
static void check_piece(struct trial *t, size_t from, size_t n, size_t size,
                        struct imap_binary_mark *mark)
{
    struct imap_binary_cursor c;
    size_t wants;
    t->part.from = from;
    t->part.n = n;
    buf_clear(&t->out);
    imap_binary_begin(&c, &t->part, mark);
    while ((wants = imap_binary_wants(&c)) > 0) {
        const str slice = str_slice(buf_str(&t->message), c.at, wants < size ? wants : size);
        assert_true(c.at + slice.n <= t->part.end);
        assert_true(buf_add(&t->out, imap_binary_decode(&c, slice)));
    }
    assert_true(str_eq(buf_str(&t->out), str_slice(t->whole, from, n)));
    assert_true(c.first.decoded <= from && c.last.decoded <= from + n);
    *mark = c.last;
    imap_binary_end(&c);
}

/* Piece by piece, each begun where the one before it ended; then backwards, and again. */
static void goes_on_from_marks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct trial t;
        trial_begin(&t, i);
        for (size_t size = 1; size <= bodies[i].body.n; size++) {
            for (size_t n = 1; n <= t.whole.n + 1; n++) {
                struct imap_binary_mark mark = { .at = 0 };
                for (size_t from = 0; from <= t.whole.n; from += n)
                    check_piece(&t, from, n, size, &mark);
                for (size_t from = t.whole.n; from > 0; from--)
                    check_piece(&t, from - 1, n, size, &mark);
                check_piece(&t, 0, SIZE_MAX, size, &mark);
            }
        }
        trial_end(&t);
    }
}

/* A mark saves the work: what stands before it is not decoded again. */
static void decodes_once(void **state)
{
    enum {
        SIZE = 1000 * 1000,
        PIECE = 1000
    };
    struct arena a;
    struct imap_binary_mark mark = { .at = 0 };
    size_t read = 0;
    (void)state;
    arena_init(&a);
    char *octets = arena_alloc(&a, SIZE);
    memset(octets, 'x', SIZE);
    for (size_t from = 0; from < SIZE; from += PIECE) {
        const struct imap_binary part = {
            .encoding = MIME_ENCODING_BINARY, .end = SIZE, .from = from, .n = PIECE
        };
        struct imap_binary_cursor c;
        size_t wants;
        imap_binary_begin(&c, &part, &mark);
        while ((wants = imap_binary_wants(&c)) > 0) {
            (void)imap_binary_decode(&c, str_of(octets + c.at, wants));
            read += wants;
        }
        mark = c.last;
        imap_binary_end(&c);
    }
    assert_true(read < 2 * (size_t)SIZE);
    arena_fini(&a);
}

/* Of a part that decodes to almost nothing a small piece is asked for: what is read grows. */
static void reads_more_at_a_time(void **state)
{
    enum {
        SIZE = 4 * 1024 * 1024,
        PIECE = 256 * 1024,
        READS_MAX = SIZE / PIECE + 10
    };
    const struct imap_binary part = { .encoding = MIME_ENCODING_BASE64, .end = SIZE, .n = 100 };
    struct imap_binary_cursor c;
    struct arena a;
    size_t wants;
    size_t read_to = 0;
    size_t reads = 0;
    size_t decoded = 0;
    (void)state;
    arena_init(&a);
    char *octets = arena_alloc(&a, SIZE);
    memset(octets, '\n', SIZE);
    memcpy(octets, "QUJD", 4);
    imap_binary_begin(&c, &part, NULL);
    while ((wants = imap_binary_wants(&c)) > 0) {
        if (c.at == read_to) {
            size_t n = imap_binary_worth_reading(&c);
            assert_true(n > 0 && n <= SIZE - c.at && (reads > 0 || n < PIECE / 100));
            read_to += n < PIECE ? n : PIECE;
            reads++;
        }
        decoded += imap_binary_decode(&c, str_slice(str_of(octets, read_to), c.at, wants)).n;
    }
    imap_binary_end(&c);
    assert_int_equal(decoded, 3);
    assert_in_range(reads, SIZE / PIECE, READS_MAX);
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
        imap_binary_measure(&part, str_of(spaces, sizes[i]), &has_nul, NULL);
        assert_int_equal(part.n, whole.n);
        assert_false(has_nul);
        assert_true(imap_binary_add(&part, str_of(spaces, sizes[i]), &out));
        assert_true(str_eq(buf_str(&out), whole));
        buf_fini(&out);
    }
    arena_fini(&a);
}

static unsigned pauses;

static void pause_once(void)
{
    pauses++;
}

/* Others have their turn while a big part is measured. */
static void pauses_at_times(void **state)
{
    enum {
        SIZE = 4 * 1024 * 1024
    };
    struct arena a;
    bool has_nul = false;
    (void)state;
    arena_init(&a);
    char *octets = arena_alloc(&a, SIZE);
    memset(octets, 'x', SIZE);
    struct imap_binary part = { .encoding = MIME_ENCODING_BINARY, .end = SIZE, .n = SIZE_MAX };
    imap_binary_measure(&part, str_of(octets, SIZE), &has_nul, pause_once);
    assert_int_equal(part.n, SIZE);
    assert_in_range(pauses, 8, 64);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_is_asked_for), cmocka_unit_test(takes_any_slices),
        cmocka_unit_test(goes_on_from_marks),      cmocka_unit_test(decodes_once),
        cmocka_unit_test(reads_more_at_a_time),    cmocka_unit_test(decodes_whole_slices),
        cmocka_unit_test(pauses_at_times),
    };
    return cmocka_run_group_tests_name("imap/fetch_binary", tests, NULL, NULL);
}
