/* SPDX-License-Identifier: Apache-2.0 */
/* POP3 command lines, and messages on the wire: cut anywhere a message must give the same octets,
 * hold its end once, at its end, and be the message again when the dots are taken off. */
#include "base/utf8.h"
#include "mime/header.h"
#include "wire/pop3_command.h"
#include "wire/pop3_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_command(str line)
{
    struct err e = ERR_CLEAR;
    struct pop3_auth auth;
    uint32_t number = 0;
    uint32_t lines = 0;
    struct pop3_command command = pop3_command_parse(line);
    INVARIANT(command.argument.n <= line.n);
    INVARIANT(pop3_verb_name(command.verb)[0] != '\0');
    if (pop3_number_parse(command.argument, &number, &e))
        INVARIANT(number > 0 && number <= INT32_MAX);
    if (pop3_top_parse(command.argument, &number, &lines, &e))
        INVARIANT(number > 0 && lines <= INT32_MAX);
    if (pop3_auth_parse(command.argument, &auth, &e))
        INVARIANT(auth.mechanism.n <= 20 && str_find_byte(auth.initial, ' ') < 0);
}

static void encode(str message, size_t cut, struct buf *out)
{
    struct pop3_stuffer stuffer;
    pop3_stuffer_init(&stuffer);
    buf_init(out, 2 * message.n + 16);
    bool ok = pop3_stuff(&stuffer, str_slice(message, 0, cut), out) &&
              pop3_stuff(&stuffer, str_skip(message, cut), out) && pop3_stuff_end(&stuffer, out);
    INVARIANT(ok);
}

/* As a client reads that takes LF and CRLF for line ends. */
static void decode(str wire, struct buf *out)
{
    str line;
    buf_init(out, wire.n);
    for (;;) {
        bool has_end = str_cut(wire, '\n', &line, &wire);
        INVARIANT(has_end);
        if (str_eq(line, STR(".\r"))) {
            INVARIANT(wire.n == 0);
            return;
        }
        INVARIANT(!str_eq(line, STR(".")));
        if (str_has_prefix(line, STR(".")))
            line = str_skip(line, 1);
        (void)buf_add(out, line);
        (void)buf_add_byte(out, '\n');
    }
}

static void check_ascii(str header)
{
    struct buf out;
    buf_init(&out, (header.n + 1) * POP3_ASCII_GROWTH);
    INVARIANT(pop3_header_to_ascii(header, &out));
    INVARIANT(utf8_is_ascii(buf_str(&out)));
    INVARIANT(!utf8_is_ascii(header) || str_eq(buf_str(&out), header));
    buf_fini(&out);
}

/* The same comes of a message, wherever it is cut, and its header is what others take for it. */
static void check_top(str in, uint32_t lines, size_t cut)
{
    struct pop3_top one;
    struct pop3_top two;
    size_t header;
    size_t begun;
    size_t more;
    pop3_top_init(&one, lines);
    pop3_top_init(&two, lines);
    str whole = pop3_top_next(&one, in, &header);
    str begin = pop3_top_next(&two, str_slice(in, 0, cut), &begun);
    str rest = pop3_top_next(&two, str_skip(in, cut), &more);
    INVARIANT(whole.n == begin.n + rest.n && header == begun + more);
    INVARIANT(header == mime_header_end(in) && header <= whole.n && whole.n <= in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = str_of((const char *)data, n);
    struct buf whole;
    struct buf cut;
    check_ascii(in);
    struct buf again;
    check_command(in);
    encode(in, 0, &whole);
    encode(in, n > 0 ? data[0] % n : 0, &cut);
    INVARIANT(str_eq(buf_str(&whole), buf_str(&cut)));
    decode(buf_str(&whole), &again);
    INVARIANT(str_has_prefix(buf_str(&again), in) && again.n <= n + 2);
    check_top(in, n > 0 ? data[n - 1] : 0, n > 0 ? data[0] % n : 0);
    buf_fini(&whole);
    buf_fini(&cut);
    buf_fini(&again);
    return 0;
}
