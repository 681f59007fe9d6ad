/* SPDX-License-Identifier: Apache-2.0 */
/* TXT records: which of those at a name are meant, and what is wrong with one. */
#include "published/private.h"

#include "reports/address.h"

/* An address that no record names on purpose (RFC 5737): what it may do, everybody may. */
static const char stranger[] = "198.51.100.1";

/* Judges the only text. Yields where it asks further. */
typedef bool (*judge_fn)(const struct check *c, str text, struct published_finding *f,
                         struct err *e);

/* ---- SPF ---- */

/* As a receiver of mail from the client would: a message of the domain, or a report. Yields. */
YIELDS static bool ask_spf(const struct check *c, const struct net_address *client,
                           enum published_purpose purpose, struct mailauth_spf *out, struct err *e)
{
    const struct mailauth_spf_query query = {
        .client = client,
        .helo = str_from_cstr(c->self->helo),
        .sender = purpose == PUBLISHED_SPF_HOST
                      ? STR_EMPTY
                      : arena_printf(c->a, "postmaster@%.*s", STR_FMT(c->domain)),
        .receiver = str_from_cstr(c->self->host),
    };
    return mailauth_spf_check(c->resolver, &query, c->a, c->until_ms, out, e);
}

static enum published_reason reason_of_spf(const struct mailauth_spf *spf)
{
    if (spf->result == MAILAUTH_PASS)
        return PUBLISHED_IS_RIGHT;
    if (spf->result == MAILAUTH_TEMPERROR)
        return PUBLISHED_NO_ANSWER;
    return spf->result == MAILAUTH_PERMERROR ? PUBLISHED_IS_INVALID : PUBLISHED_SPF_NOT_US;
}

/* Whether mail from there is good; what is wrong goes into the finding. Yields. */
YIELDS static bool judge_source(const struct check *c, const struct net_address *source,
                                struct published_finding *f, struct err *e)
{
    struct mailauth_spf spf;
    char ip[NET_ADDRESS_TEXT];
    if (f->reason != PUBLISHED_IS_RIGHT)
        return true;
    if (!ask_spf(c, source, f->record.purpose, &spf, e))
        return false;
    f->reason = reason_of_spf(&spf);
    if (f->reason != PUBLISHED_IS_RIGHT) {
        f->detail = arena_printf(c->a, "%.*s: %s", STR_FMT(net_address_ip(source, ip)),
                                 mailauth_result_name(spf.result));
    }
    return true;
}

/* For a stranger all terms are looked at: whatever breaks the record breaks it here. */
YIELDS static bool judge_spf(const struct check *c, str text, struct published_finding *f,
                             struct err *e)
{
    struct mailauth_spf spf;
    struct net_address nobody;
    (void)text;
    if (!net_address_parse_ip(str_from_cstr(stranger), &nobody, e) ||
        !ask_spf(c, &nobody, f->record.purpose, &spf, e))
        return false;
    if (spf.result == MAILAUTH_PERMERROR) {
        f->reason = PUBLISHED_IS_INVALID;
        f->detail = str_from_cstr(spf.problem);
        return true;
    }
    f->reason = spf.result == MAILAUTH_PASS        ? PUBLISHED_SPF_ANYBODY
                : spf.result == MAILAUTH_TEMPERROR ? PUBLISHED_NO_ANSWER
                : c->n_sources == 0                ? PUBLISHED_SOURCE_UNKNOWN
                                                   : PUBLISHED_IS_RIGHT;
    for (size_t i = 0; i < c->n_sources; i++) {
        if (!judge_source(c, &c->sources[i], f, e))
            return false;
    }
    for (size_t i = 0; i < c->self->n_pools; i++) {
        if (!judge_source(c, &c->self->pools[i], f, e))
            return false;
    }
    return true;
}

/* ---- DKIM ---- */

/* Whether both records hold the same key. */
static bool is_same_key(struct arena *arena, str a, str b)
{
    struct mailauth_tags *tags = ARENA_NEW(arena, struct mailauth_tags);
    struct err ignored = ERR_CLEAR;
    struct buf keys[2];
    bool ok = true;
    for (size_t i = 0; i < 2; i++) {
        buf_init(&keys[i], CRYPTO_KEY_MAX);
        ok = ok && mailauth_tags_parse(i == 0 ? a : b, tags, &ignored) &&
             mailauth_base64_decode(mailauth_tags_get(tags, STR("p")), &keys[i]);
    }
    ok = ok && str_eq(buf_str(&keys[0]), buf_str(&keys[1]));
    buf_fini(&keys[0]);
    buf_fini(&keys[1]);
    return ok;
}

static bool judge_dkim(const struct check *c, str text, struct published_finding *f, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct mailauth_key key;
    struct mailauth_tags *ours = ARENA_NEW(c->a, struct mailauth_tags);
    const struct mailauth_tag *kind = NULL;
    (void)e;
    if (mailauth_tags_parse(f->record.value, ours, &why))
        kind = mailauth_tags_find(ours, STR("k"));
    const struct mailauth_signature of = { .key_kind = kind && str_eq(kind->value, STR("ed25519"))
                                                           ? CRYPTO_ED25519
                                                           : CRYPTO_RSA,
                                           .hash_kind = CRYPTO_SHA256 };
    if (!mailauth_key_parse(text, &of, NULL, &key, &why)) {
        f->reason = PUBLISHED_IS_INVALID;
        f->detail = arena_printf(c->a, "%s", why.msg);
        return true;
    }
    f->reason = !key.key                                   ? PUBLISHED_REVOKED
                : is_same_key(c->a, text, f->record.value) ? PUBLISHED_IS_RIGHT
                                                           : PUBLISHED_IS_OTHER;
    crypto_key_free(&key.key);
    return true;
}

/* ---- DMARC, MTA-STS, TLS-RPT ---- */

/* Any policy will do: how strict to be is the operator's choice. */
static bool judge_dmarc(const struct check *c, str text, struct published_finding *f, struct err *e)
{
    struct mailauth_dmarc_record record;
    struct err why = ERR_CLEAR;
    (void)e;
    f->reason = PUBLISHED_IS_RIGHT;
    if (!mailauth_dmarc_record_parse(text, &record, &why)) {
        f->reason = PUBLISHED_IS_INVALID;
        f->detail = arena_printf(c->a, "%s", why.msg);
    }
    return true;
}

static bool judge_mta_sts(const struct check *c, str text, struct published_finding *f,
                          struct err *e)
{
    struct err why = ERR_CLEAR;
    str found;
    str wanted;
    (void)e;
    if (!mta_sts_record_find(&text, 1, &found, &why)) {
        f->reason = PUBLISHED_IS_INVALID;
        f->detail = arena_printf(c->a, "%s", why.msg);
        return true;
    }
    f->reason = mta_sts_record_find(&f->record.value, 1, &wanted, &why) && str_eq(found, wanted)
                    ? PUBLISHED_IS_RIGHT
                    : PUBLISHED_IS_OTHER;
    return true;
}

static bool judge_tls_rpt(const struct check *c, str text, struct published_finding *f,
                          struct err *e)
{
    struct err why = ERR_CLEAR;
    str rua;
    (void)e;
    f->reason = PUBLISHED_IS_RIGHT;
    if (!reports_tls_record_find(&text, 1, &rua, &why)) {
        f->reason = PUBLISHED_IS_INVALID;
        f->detail = arena_printf(c->a, "%s", why.msg);
    }
    return true;
}

/* ---- all of them ---- */

static const struct text_kind {
    str version; /* that such a record begins with; empty: any text at the name is meant */
    judge_fn judge;
} kinds[] = {
    [PUBLISHED_SPF] = { STR_INIT("v=spf1"), judge_spf },
    [PUBLISHED_SPF_HOST] = { STR_INIT("v=spf1"), judge_spf },
    [PUBLISHED_DKIM] = { STR_INIT(""), judge_dkim },
    [PUBLISHED_DMARC] = { STR_INIT("v=DMARC1"), judge_dmarc },
    [PUBLISHED_MTA_STS] = { STR_INIT("v=STSv1"), judge_mta_sts },
    [PUBLISHED_TLS_RPT] = { STR_INIT("v=TLSRPTv1"), judge_tls_rpt },
};

/* Whether the text is of that version: the version's word ends with a space, a ';' or the text. */
static bool is_of(str text, str version)
{
    str rest = str_skip(text, version.n);
    return str_has_iprefix(text, version) &&
           (version.n == 0 || rest.n == 0 || rest.p[0] == ' ' || rest.p[0] == ';');
}

bool published_check_text(const struct check *c, struct published_finding *f, struct err *e)
{
    const struct text_kind *kind = &kinds[f->record.purpose];
    struct dns_answer answer;
    if (!published_ask(c, f->record.name, DNS_TXT, &answer, e))
        return false;
    f->reason = published_reason_of(answer.status);
    for (size_t i = 0; i < answer.n; i++) {
        str text = dns_join_txt(c->a, answer.rdata[i]);
        if (is_of(text, kind->version))
            published_note(c->a, f, text);
    }
    if (f->reason != PUBLISHED_IS_RIGHT)
        return true;
    if (f->n_found != 1) {
        f->reason = f->n_found ? PUBLISHED_IS_SEVERAL : PUBLISHED_IS_MISSING;
        return true;
    }
    return kind->judge(c, f->found[0], f, e);
}
