/* SPDX-License-Identifier: Apache-2.0 */
/* The messages with tokens: a token has no octet that could end it somewhere else, a name none that
 * could break a log line. */
#include "auth/bearer.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct bearer_message *m)
{
    INVARIANT(m->token.n > 0 && m->token.n <= BEARER_TOKEN_MAX);
    for (size_t i = 0; i < m->token.n; i++)
        INVARIANT(m->token.p[i] > ' ' && m->token.p[i] < 0x7f);
    INVARIANT(utf8_is_valid(m->user));
    for (size_t i = 0; i < m->user.n; i++)
        INVARIANT((unsigned char)m->user.p[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct bearer_message m;
    struct err e = ERR_CLEAR;
    str in = str_of((const char *)data, n);
    arena_init(&a);
    if (bearer_parse(in, &a, &m, &e))
        check(&m);
    if (bearer_parse_xoauth2(in, &a, &m, &e)) {
        INVARIANT(m.user.n > 0);
        check(&m);
    }
    arena_fini(&a);
    return 0;
}
