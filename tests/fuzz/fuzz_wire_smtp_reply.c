/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of servers nobody trusts: caps hold, and what is kept can break no line of ours. */
#include "wire/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_reply(const struct smtp_reply *r)
{
    struct smtp_extensions extensions;
    INVARIANT(r->code >= 200 && r->code <= 599);
    INVARIANT(r->n_lines >= 1 && r->n_lines <= SMTP_REPLY_LINES_MAX);
    INVARIANT(r->text.n <= SMTP_REPLY_TEXT_MAX);
    for (size_t i = 0; i < r->text.n; i++)
        INVARIANT((unsigned char)r->text.p[i] >= ' ' || r->text.p[i] == '\n');
    smtp_extensions_parse(r, &extensions);
    struct buf out;
    buf_init(&out, 1 << 20);
    INVARIANT(smtp_reply_format(&out, r->code, STR("2.0.0"), buf_str(&r->text)));
    INVARIANT(str_has_suffix(buf_str(&out), STR("\r\n")));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct smtp_reply r;
    str rest = str_of((const char *)data, n);
    bool more = true;
    smtp_reply_init(&r);
    while (more) {
        struct err e = ERR_CLEAR;
        str line;
        more = str_cut(rest, '\n', &line, &rest);
        enum smtp_reply_step step = smtp_reply_add_line(&r, str_trim(line), &e);
        INVARIANT((step == SMTP_REPLY_BAD) == (e.kind != ERR_NONE));
        if (step == SMTP_REPLY_DONE)
            check_reply(&r);
        if (step != SMTP_REPLY_MORE)
            smtp_reply_clear(&r);
    }
    smtp_reply_fini(&r);
    return 0;
}
