/* SPDX-License-Identifier: Apache-2.0 */
/* What a list of the DNS answers: each line of the input is an answer to the next question, cut
 * into records at 0xff. The first octet tells whether it is an error. */
#include "spam/dnsbl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool answer_next(void *arg, str name, enum dns_type type, struct arena *a,
                        int64_t deadline_ms, struct dns_answer *out, struct err *e)
{
    str *lines = arg;
    str line;
    (void)deadline_ms;
    INVARIANT(name.n > 0 && (type == DNS_A || type == DNS_TXT));
    (void)str_cut(*lines, '\n', &line, lines);
    if (str_has_prefix(line, STR("!")))
        return ERR(e, ERR_TIMEOUT, "too slow");
    *out = (struct dns_answer){ .status = line.n ? DNS_OK : DNS_NXDOMAIN };
    out->rdata = ARENA_ARRAY(a, str, line.n + 1);
    while (line.n) {
        str one;
        (void)str_cut(line, '\377', &one, &line);
        out->rdata[out->n++] = one;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const zones[] = { "a.test*2", "b.test=127.0.0.[2..9]*-3" };
    const struct spam_dnsbl_rules rules = { .zones = zones, .n = 2, .threshold = 1 };
    struct arena a;
    struct net_address client;
    struct spam_dnsbl_verdict out;
    struct err e = ERR_CLEAR;
    str lines = str_of((const char *)data, n);
    const struct mailauth_resolver resolver = { .query = answer_next, .arg = &lines };
    arena_init(&a);
    INVARIANT(net_address_parse_ip(STR("192.0.2.1"), &client, &e));
    INVARIANT(spam_dnsbl_ask(&resolver, &rules, &client, &a, DEADLINE_NONE, &out, &e));
    INVARIANT(out.score == 0 || out.score == 2 || out.score == -3 || out.score == -1);
    INVARIANT((out.score == 0) == (out.zone.n == 0));
    INVARIANT(out.text.n == 0 || out.score >= rules.threshold);
    INVARIANT(out.text.n <= SPAM_DNSBL_TEXT_MAX);
    for (size_t i = 0; i < out.text.n; i++)
        INVARIANT(out.text.p[i] >= ' ' && out.text.p[i] <= '~');
    arena_fini(&a);
    return 0;
}
