/* SPDX-License-Identifier: Apache-2.0 */
/* SPF over a DNS of the input: each question is answered by the next line of it. */
#include "mailauth/mailauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool answer_in_turn(void *arg, str name, enum dns_type type, struct arena *a,
                           int64_t deadline_ms, struct dns_answer *out, struct err *e)
{
    str *rest = arg;
    str line;
    (void)deadline_ms;
    (void)e;
    INVARIANT(name.n <= 4096);
    *out = (struct dns_answer){ .status = DNS_NXDOMAIN };
    if (!rest->n)
        return true;
    (void)str_cut(*rest, '\n', &line, rest);
    if (!line.n)
        return true;
    out->status = DNS_OK;
    out->rdata = ARENA_NEW(a, str);
    out->n = 1;
    if (type == DNS_TXT) {
        line = str_slice(line, 0, 255);
        char *p = arena_alloc(a, line.n + 1);
        p[0] = (char)(unsigned char)line.n;
        memcpy(p + 1, line.p, line.n);
        line = str_of(p, line.n + 1);
    }
    out->rdata[0] = line;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct net_address client;
    struct mailauth_spf out;
    struct mailauth_iprev iprev;
    struct err e = ERR_CLEAR;
    str sender, rest;
    arena_init(&a);
    (void)str_cut(str_of((const char *)data, n), '\n', &sender, &rest);
    bool is_ip6 = n && data[0] & 1;
    INVARIANT(net_address_parse_ip(is_ip6 ? STR("2001:db8::1") : STR("192.0.2.3"), &client, &e));
    const struct mailauth_resolver resolver = { .query = answer_in_turn, .arg = &rest };
    const struct mailauth_spf_query query = {
        .client = &client, .helo = sender, .sender = sender, .receiver = STR("mx.test"), .now_s = 1
    };
    INVARIANT(mailauth_iprev_check(&resolver, &client, &a, DEADLINE_NONE, &iprev, &e));
    INVARIANT(mailauth_spf_check(&resolver, &query, &a, DEADLINE_NONE, &out, &e));
    for (size_t i = 0; i < out.explanation.n; i++)
        INVARIANT(out.explanation.p[i] >= ' ' && out.explanation.p[i] <= '~');
    arena_fini(&a);
    return 0;
}
