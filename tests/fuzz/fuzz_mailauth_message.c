/* SPDX-License-Identifier: Apache-2.0 */
/* A whole message with signatures, seals and results of strangers, over a DNS in which every TXT
 * record is the first line of the input: DKIM, ARC and DMARC judge it and the judgement is written.
 */
#include "mailauth/mailauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool answer_always(void *arg, str name, enum dns_type type, struct arena *a,
                          int64_t deadline_ms, struct dns_answer *out, struct err *e)
{
    str *rdata = arg;
    (void)deadline_ms;
    (void)e;
    INVARIANT(name.n > 0);
    *out = (struct dns_answer){ .status = type == DNS_TXT ? DNS_OK : DNS_NXDOMAIN };
    out->rdata = ARENA_NEW(a, str);
    out->rdata[0] = *rdata;
    out->n = type == DNS_TXT;
    return true;
}

static void check_written(const struct mailauth_verdict *verdict)
{
    struct buf field;
    buf_init(&field, 1000000);
    INVARIANT(mailauth_authres_format(STR("mx.test"), verdict, &field));
    str text = buf_str(&field);
    INVARIANT(str_has_suffix(text, STR("\r\n")));
    /* One field: each line but the first is a continuation, and it says again what was found. */
    for (size_t i = 0; i + 2 < text.n; i++)
        INVARIANT(text.p[i] != '\n' || text.p[i + 1] == '\t');
    struct arena a;
    struct mailauth_told told;
    arena_init(&a);
    INVARIANT(mailauth_authres_find(text, STR("mx.test"), &a, &told));
    INVARIANT(!verdict->dmarc || told.dmarc == verdict->dmarc->result);
    for (size_t i = 0; verdict->dkim && i < verdict->dkim->n; i++)
        INVARIANT(verdict->dkim->list[i].result != MAILAUTH_PASS || told.dkim == MAILAUTH_PASS);
    arena_fini(&a);
    buf_fini(&field);
}

/* Whatever chain there is, a seal on it is three whole fields or none. The key stays for all
 * inputs: making one takes longer than all else. */
static void check_sealed(const struct mailauth_message *message, enum mailauth_result chain)
{
    static struct crypto_key *key;
    struct err e = ERR_CLEAR;
    struct buf set;
    INVARIANT(key || crypto_key_generate(CRYPTO_ED25519, 0, &key, &e));
    const struct mailauth_signer signer = { STR("x.test"), STR("s"), key };
    const struct mailauth_sealing sealing = { .signer = &signer,
                                              .chain = chain,
                                              .results = STR(" mx.test; none") };
    buf_init(&set, 1000000);
    INVARIANT(mailauth_arc_seal(message, &sealing, &set, &e));
    size_t fields = 0;
    for (size_t i = 0; i + 1 < set.n; i++)
        fields += set.p[i] == '\n' && set.p[i + 1] != '\t';
    INVARIANT(set.n == 0 || (fields == 2 && str_has_suffix(buf_str(&set), STR("\r\n"))));
    buf_fini(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    str rdata, raw;
    struct mailauth_message message;
    struct mailauth_dkim_results dkim;
    struct mailauth_dmarc dmarc;
    struct mailauth_arc arc;
    arena_init(&a);
    (void)str_cut(str_of((const char *)data, n), '\n', &rdata, &raw);
    const struct mailauth_resolver resolver = { .query = answer_always, .arg = &rdata };
    mailauth_message_init(&a, raw, &message);
    INVARIANT(mailauth_dkim_verify(&resolver, &message, 1, &a, DEADLINE_NONE, &dkim, &e));
    INVARIANT(mailauth_arc_verify(&resolver, &message, &a, DEADLINE_NONE, &arc, &e));
    const struct mailauth_dmarc_query query = { .author = mailauth_message_author(&a, &message),
                                                .dkim = &dkim };
    INVARIANT(mailauth_dmarc_check(&resolver, &query, &a, DEADLINE_NONE, &dmarc, &e));
    const struct mailauth_verdict verdict = { .dkim = &dkim, .dmarc = &dmarc, .arc = &arc };
    check_written(&verdict);
    check_sealed(&message, arc.result);
    arena_fini(&a);
    return 0;
}
