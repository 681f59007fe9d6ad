/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a report, by records of strangers: the first line of the input is the policy record, the
 * others answer the questions in turn; an empty one is no record. */
#include "reports/destination.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool answer_next(void *arg, str name, enum dns_type type, struct arena *a,
                        int64_t deadline_ms, struct dns_answer *out, struct err *e)
{
    str *lines = arg;
    str line;
    (void)deadline_ms;
    (void)e;
    INVARIANT(name.n > 0 && type == DNS_TXT);
    (void)str_cut(*lines, '\n', &line, lines);
    *out = (struct dns_answer){ .status = line.n ? DNS_OK : DNS_NXDOMAIN, .n = line.n > 0 };
    out->rdata = ARENA_NEW(a, str);
    char *p = arena_alloc(a, 256);
    line = str_slice(line, 0, 255);
    p[0] = (char)(unsigned char)line.n;
    if (line.n)
        memcpy(p + 1, line.p, line.n);
    out->rdata[0] = str_of(p, line.n + 1);
    return true;
}

/* Each is at a host that the policy record names, whatever a host answers. */
static void check(const struct reports_uris *named, const struct reports_uris *found)
{
    INVARIANT(found->n <= named->n);
    for (size_t i = 0; i < found->n; i++) {
        bool is_named = false;
        for (size_t j = 0; j < named->n; j++)
            is_named |= str_ieq(found->list[i].host, named->list[j].host);
        INVARIANT(is_named && !found->list[i].is_https);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (int is_failure = 0; is_failure < 2; is_failure++) {
        struct arena a;
        struct err e = ERR_CLEAR;
        struct mailauth_dmarc_record policy;
        struct reports_uris named;
        struct reports_destinations out;
        str lines = str_of((const char *)data, n);
        str record;
        arena_init(&a);
        (void)str_cut(lines, '\n', &record, &lines);
        const struct mailauth_resolver resolver = { .query = answer_next, .arg = &lines };
        const struct reports_question question = { REPORTS_DMARC, STR("a.test"), record,
                                                   is_failure };
        bool ok = reports_find_destinations(&resolver, &question, &a, DEADLINE_NONE, &out, &e);
        bool is_record = mailauth_dmarc_record_parse(record, &policy, &e);
        INVARIANT(ok == is_record);
        if (ok) {
            reports_uris_parse(REPORTS_DMARC, is_failure ? policy.failure : policy.aggregate, &a,
                               &named);
            check(&named, &out.uris);
        }
        arena_fini(&a);
    }
    return 0;
}
