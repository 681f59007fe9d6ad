/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery reports about anything: the input is cut at bytes 0x1f into texts of peers and an
 * original. Whatever they are, the report has CRLF lines of at most 998 octets, its own fields
 * only once, and exactly its own three parts. */
#include "mime/header.h"
#include "queue/dsn.h"

#include <stdint.h>

static void check_lines(str s)
{
    size_t line = 0;
    for (size_t i = 0; i < s.n; i++) {
        INVARIANT(s.p[i] != '\0' && s.p[i] != '\n');
        if (s.p[i] != '\r') {
            line++;
            continue;
        }
        INVARIANT(i + 1 < s.n && s.p[i + 1] == '\n' && line <= 998);
        line = 0;
        i++;
    }
    INVARIANT(line == 0);
}

static size_t count(str text, str needle)
{
    size_t n = 0;
    ptrdiff_t at;
    while ((at = str_find(text, needle)) >= 0) {
        n++;
        text = str_skip(text, (size_t)at + 1);
    }
    return n;
}

static void check_shape(struct arena *a, str report)
{
    struct mime_header h;
    mime_header_parse(a, report, &h);
    INVARIANT(mime_header_count(&h, STR("From")) == 1 && mime_header_count(&h, STR("To")) == 1);
    INVARIANT(mime_header_count(&h, STR("Auto-Submitted")) == 1 && h.n == 8);
    const struct mime_field *type = mime_header_find(&h, STR("Content-Type"), 0);
    INVARIANT(type);
    ptrdiff_t at = str_find(type->body, STR("boundary=\""));
    INVARIANT(at > 0);
    str boundary;
    str rest;
    str_cut(str_skip(type->body, (size_t)at + 10), '"', &boundary, &rest);
    str delimiter = arena_printf(a, "\r\n--%.*s", STR_FMT(boundary));
    INVARIANT(count(str_skip(report, h.body_offset - 2), delimiter) == 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str rest = str_of((const char *)data, n < 100000 ? n : 100000);
    str part[10];
    for (size_t i = 0; i < COUNT_OF(part); i++)
        str_cut(rest, '\x1f', &part[i], &rest);
    const struct dsn_recipient recipients[] = {
        { part[0], part[1], part[2], part[3], part[4], 1700000000000000 },
        { part[5], STR("rfc822;x@y"), STR("4.2.1"), part[6], STR_EMPTY, 0 },
    };
    const struct dsn d = {
        .action = n % 2 ? DSN_FAILED : DSN_DELAYED,
        .reporting_mta = STR("mx.heronry.example"),
        .from = STR("mailer-daemon@heronry.example"),
        .to = STR("sender@heronry.example"),
        .message_id = STR("id@heronry.example"),
        .now_us = 1700000000000000,
        .envelope_id = part[7],
        .queue_id = STR("0g7m2v0000001"),
        .arrived_us = 1600000000000000,
        .expires_us = 1800000000000000,
        .recipients = recipients,
        .n = 2,
        .original = rest.n ? rest : part[9],
        .return_full = n % 3 == 0,
    };
    struct buf out;
    struct arena a;
    struct err e = ERR_CLEAR;
    bool is_utf8 = false;
    bool is_8bit = false;
    buf_init(&out, DSN_MAX);
    arena_init(&a);
    INVARIANT(dsn_compose(&d, &out, &is_utf8, &is_8bit, &e));
    check_lines(buf_str(&out));
    check_shape(&a, buf_str(&out));
    arena_fini(&a);
    buf_fini(&out);
    return 0;
}
