/* SPDX-License-Identifier: Apache-2.0 */
/* Compression of a connection: both directions with zlib as the peer, rest and its memory, what an
 * attacker sends, and the way back to plain octets. */
#include "net/deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

enum {
    BUFFER = 4 * 1024 * 1024,
    LISTING = 1024 * 1024
};

/* A peer: zlib with the widest window. */
struct peer {
    z_stream out;
    z_stream in;
    char *packed;
    char *plain;
};

static int set_up(void **state)
{
    struct peer *p = HEAP_NEW(struct peer);
    p->packed = heap_zalloc(BUFFER);
    p->plain = heap_zalloc(BUFFER);
    if (deflateInit2(&p->out, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK ||
        inflateInit2(&p->in, -15) != Z_OK)
        return -1;
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct peer *p = *state;
    (void)deflateEnd(&p->out);
    (void)inflateEnd(&p->in);
    free(p->packed);
    free(p->plain);
    free(p);
    return 0;
}

/* What the peer sends for the text. */
static str pack(struct peer *p, str text, int flush)
{
    p->out.next_in = (Bytef *)(uintptr_t)text.p;
    p->out.avail_in = (uInt)text.n;
    p->out.next_out = (Bytef *)p->packed;
    p->out.avail_out = BUFFER;
    (void)deflate(&p->out, flush);
    return str_of(p->packed, BUFFER - p->out.avail_out);
}

/* Feeds octets and gives all that comes of them, with the last step that was not SOME. */
static enum deflate_step feed(struct deflate *d, str packed, struct buf *out)
{
    char to[2048];
    for (;;) {
        size_t got;
        enum deflate_step step = deflate_unpack(d, to, sizeof(to), &got);
        if (step == DEFLATE_SOME) {
            assert_true(got > 0 && got <= sizeof(to));
            assert_true(buf_add(out, str_of(to, got)));
            continue;
        }
        if (step != DEFLATE_EMPTY || packed.n == 0)
            return step;
        size_t room;
        char *at = deflate_room(d, &room);
        str part = str_slice(packed, 0, room);
        memcpy(at, part.p, part.n);
        deflate_put(d, part.n);
        packed = str_skip(packed, part.n);
    }
}

/* Sends a text the other way. */
static void send_text(struct peer *p, struct deflate *d, str text)
{
    size_t wanted = text.n;
    p->in.next_out = (Bytef *)p->plain;
    p->in.avail_out = BUFFER;
    for (;;) {
        size_t used;
        str piece = deflate_pack(d, text, &used);
        text = str_skip(text, used);
        if (piece.n == 0)
            break;
        size_t n = piece.n > 3 ? piece.n / 2 : piece.n; /* a socket takes some of it */
        p->in.next_in = (Bytef *)(uintptr_t)piece.p;
        p->in.avail_in = (uInt)n;
        int result = inflate(&p->in, Z_SYNC_FLUSH);
        assert_true(result == Z_OK || result == Z_BUF_ERROR);
        deflate_sent(d, n);
    }
    assert_int_equal(BUFFER - p->in.avail_out, wanted);
}

/* Text that compresses about as lists of messages do. */
static str listing(char *to, size_t n)
{
    size_t at = 0;
    for (unsigned i = 1; at + 80 < n; i++) {
        int added = snprintf(to + at, n - at, "* %u FETCH (UID %u FLAGS (\\Seen) MODSEQ (%u))\r\n",
                             i, i * 7, i * 7919 % 100000);
        at += (size_t)added;
    }
    return str_of(to, at);
}

static void texts_go_both_ways(void **state)
{
    struct peer *p = *state;
    struct deflate *d = deflate_new();
    struct buf out;
    char *text = heap_zalloc(LISTING);
    buf_init(&out, BUFFER);
    str lines = listing(text, LISTING);
    for (unsigned round = 0; round < 5; round++) {
        size_t from = (size_t)round * 100;
        str command = str_slice(lines, from, 5000);
        buf_clear(&out);
        assert_int_equal(feed(d, pack(p, command, Z_SYNC_FLUSH), &out), DEFLATE_EMPTY);
        assert_true(str_eq(buf_str(&out), command));
        send_text(p, d, round % 2 ? lines : STR("* OK\r\n"));
        assert_memory_equal(p->plain, round % 2 ? lines.p : "* OK\r\n", round % 2 ? lines.n : 6);
        deflate_rest(d, round != 2);
    }
    buf_fini(&out);
    free(text);
    deflate_free(&d);
}

static void a_connection_at_rest_holds_little(void **state)
{
    struct peer *p = *state;
    struct deflate *d = deflate_new();
    struct buf out;
    char *text = heap_zalloc(60000);
    buf_init(&out, BUFFER);
    str lines = listing(text, 60000);
    assert_int_equal(feed(d, pack(p, STR("a NOOP\r\n"), Z_SYNC_FLUSH), &out), DEFLATE_EMPTY);
    send_text(p, d, lines);
    assert_in_range(deflate_memory(d), 60 * 1024, 128 * 1024);
    deflate_rest(d, false);
    assert_in_range(deflate_memory(d), 40 * 1024, 72 * 1024); /* while a slow peer reads */
    deflate_rest(d, true);
    assert_in_range(deflate_memory(d), 0, 512);
    /* A peer that has sent much may refer to its last 32 KiB. */
    assert_int_equal(feed(d, pack(p, lines, Z_SYNC_FLUSH), &out), DEFLATE_EMPTY);
    deflate_rest(d, true);
    assert_in_range(deflate_memory(d), 32768, 32768 + 512);
    buf_clear(&out);
    assert_int_equal(feed(d, pack(p, lines, Z_SYNC_FLUSH), &out), DEFLATE_EMPTY);
    assert_true(str_eq(buf_str(&out), lines));
    buf_fini(&out);
    free(text);
    deflate_free(&d);
}

static void bombs_are_stopped(void **state)
{
    static const char empty[] = { 0, 0, 0, '\xff', '\xff' };
    struct peer *p = *state;
    struct deflate *d = deflate_new();
    struct buf out;
    buf_init(&out, BUFFER);
    char *zeros = heap_zalloc(BUFFER);
    str bomb = pack(p, str_of(zeros, BUFFER), Z_SYNC_FLUSH);
    assert_true(bomb.n < BUFFER / 900);
    assert_int_equal(feed(d, bomb, &out), DEFLATE_BOMB);
    assert_in_range(out.n, DEFLATE_FREE, DEFLATE_FREE + DEFLATE_RATIO * bomb.n + 4096);
    size_t got;
    assert_int_equal(deflate_unpack(d, zeros, 100, &got), DEFLATE_BOMB);
    deflate_free(&d);

    /* Blocks of nothing, without end. */
    d = deflate_new();
    char *nothing = heap_zalloc(BUFFER);
    for (size_t i = 0; i + 5 <= 200000; i += 5)
        memcpy(nothing + i, empty, sizeof(empty));
    buf_clear(&out);
    assert_int_equal(feed(d, str_of(nothing, 200000), &out), DEFLATE_BOMB);
    assert_int_equal(out.n, 0);
    deflate_free(&d);
    free(nothing);
    free(zeros);
    buf_fini(&out);
}

static void damage_is_noticed(void **state)
{
    struct peer *p = *state;
    struct deflate *d = deflate_new();
    struct buf out;
    buf_init(&out, BUFFER);
    assert_int_equal(feed(d, STR("a NOOP\r\n"), &out), DEFLATE_BROKEN);
    assert_int_equal(feed(d, STR("b NOOP\r\n"), &out), DEFLATE_BROKEN);
    deflate_rest(d, true);
    deflate_free(&d);
    d = deflate_new();
    /* The end of the stream is no fault before something comes behind it. */
    assert_int_equal(feed(d, pack(p, STR("a LOGOUT\r\n"), Z_FINISH), &out), DEFLATE_EMPTY);
    assert_true(str_eq(buf_str(&out), STR("a LOGOUT\r\n")));
    deflate_rest(d, true);
    assert_int_equal(feed(d, STR("b NOOP\r\n"), &out), DEFLATE_BROKEN);
    deflate_free(&d);
    buf_fini(&out);
}

/* After the flush of the last command the peer speaks in plain octets at once. */
static void compression_ends_behind_a_flush(void **state)
{
    static const int flushes[] = { Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH };
    struct peer *p = *state;
    for (size_t i = 0; i < COUNT_OF(flushes); i++) {
        struct deflate *d = deflate_new();
        struct buf sent;
        char to[1000];
        size_t got;
        size_t room;
        buf_init(&sent, 10000);
        assert_int_equal(deflateReset(&p->out), Z_OK);
        assert_true(buf_add(&sent, pack(p, STR("a UNAUTHENTICATE\r\n"), flushes[i])));
        assert_true(buf_add(&sent, STR("b LOGIN ada secret\r\n")));
        memcpy(deflate_room(d, &room), sent.p, sent.n);
        deflate_put(d, sent.n);
        enum deflate_step step = deflate_unpack(d, to, sizeof(to), &got);
        assert_true(step == DEFLATE_SOME || flushes[i] == Z_FINISH);
        assert_true(str_eq(str_of(to, got), STR("a UNAUTHENTICATE\r\n")));
        str rest = deflate_leave(d);
        if (!str_eq(rest, STR("b LOGIN ada secret\r\n")))
            fail_msg("case %zu: %.*s", i, STR_FMT(rest));
        buf_fini(&sent);
        deflate_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_go_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_at_rest_holds_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bombs_are_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(compression_ends_behind_a_flush, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
