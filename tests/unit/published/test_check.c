/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of each record of a domain, over a table of DNS answers: from a world in which all
 * is right, with one thing changed in each case. */
#include "mailauth/world.h"
#include "published/published.h"

#define RSA_KEY                                                                                \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFC" \
    "jxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9" \
    "tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
#define RSA_RECORD "v=DKIM1; k=rsa; p=" RSA_KEY
#define ED_RECORD  "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static const uint8_t key[TLS_KEY_SHA256] = { 0xab, 1, 2, 3 };
static const uint8_t next_key[TLS_KEY_SHA256] = { 0xad, 1, 2, 3 };

static const struct published_record wanted[] = {
    { PUBLISHED_MX, "MX", STR_INIT("example.org"), STR_INIT("10 mx.example.org."), true },
    { PUBLISHED_SPF, "TXT", STR_INIT("example.org"), STR_INIT("v=spf1 mx -all"), true },
    { PUBLISHED_SPF_HOST, "TXT", STR_INIT("mx.example.org"), STR_INIT("v=spf1 a -all"), false },
    { PUBLISHED_DKIM, "TXT", STR_INIT("mail._domainkey.example.org"), STR_INIT(RSA_RECORD), true },
    { PUBLISHED_DKIM, "TXT", STR_INIT("old._domainkey.example.org"), STR_INIT(ED_RECORD), false },
    { PUBLISHED_MTA_STS, "TXT", STR_INIT("_mta-sts.example.org"), STR_INIT("v=STSv1; id=7;"),
      true },
    { PUBLISHED_MTA_STS, "CNAME", STR_INIT("mta-sts.example.org"), STR_INIT("mx.example.org."),
      true },
    { PUBLISHED_DMARC, "TXT", STR_INIT("_dmarc.example.org"), STR_INIT("v=DMARC1; p=none"), true },
    { PUBLISHED_TLS_RPT, "TXT", STR_INIT("_smtp._tls.example.org"),
      STR_INIT("v=TLSRPTv1; rua=mailto:p@example.org"), false },
    { PUBLISHED_TLSA, "TLSA", STR_INIT("_25._tcp.mx.example.org"), STR_INIT("3 1 1 ab"), false },
    { PUBLISHED_TLSA_NEXT, "TLSA", STR_INIT("_25._tcp.mx.example.org"), STR_INIT("3 1 1 ad"),
      false },
    { PUBLISHED_IMAPS, "SRV", STR_INIT("_imaps._tcp.example.org"),
      STR_INIT("0 1 993 mx.example.org."), false },
};

/* A change of the world: the records of the name and type give way to these values. */
struct change {
    const char *name;
    enum dns_type type;
    const char *values[3]; /* names, texts, or octets; none: the record is gone */
};

static const struct change right[] = {
    { "example.org", DNS_MX, { "mx.example.org" } },
    { "example.org", DNS_TXT, { "some other text", "v=spf1 mx -all" } },
    { "mx.example.org", DNS_A, { "\xc0\x02\x02\x01" } },
    { "mx.example.org", DNS_TXT, { "v=spf1 a -all" } },
    { "other.example.org", DNS_A, { "\xc0\x02\x02\x02" } },
    { "out.example.org", DNS_A, { "\xc0\x02\x02\x03" } },
    { "1.2.2.192.in-addr.arpa", DNS_PTR, { "mx.example.org" } },
    { "mail._domainkey.example.org", DNS_TXT, { "k=rsa; p=" RSA_KEY } },
    { "old._domainkey.example.org", DNS_TXT, { ED_RECORD } },
    { "_mta-sts.example.org", DNS_TXT, { "v=STSv1; id=7;" } },
    { "mta-sts.example.org", DNS_CNAME, { "MX.Example.org" } },
    { "_dmarc.example.org", DNS_TXT, { "v=DMARC1; p=reject" } },
    { "_smtp._tls.example.org", DNS_TXT, { "v=TLSRPTv1;rua=mailto:x@example.org" } },
    { "_25._tcp.mx.example.org", DNS_TLSA, { "\xab", "\xad" } },
    { "_imaps._tcp.example.org", DNS_SRV, { "mx.example.org" } },
};

static str rdata_of(struct world *w, enum dns_type type, const char *value)
{
    str text = str_from_cstr(value);
    struct buf b;
    buf_init(&b, 4096);
    switch (type) {
    case DNS_TXT:
        return world_txt(w, text);
    case DNS_MX:
        (void)buf_add(&b, str_of("\0\x0a", 2));
        break;
    case DNS_SRV:
        (void)buf_add(&b, str_of("\0\0\0\1\x03\xe1", 6));
        break;
    case DNS_TLSA: /* the first octet of the key, and of our own the rest */
        (void)buf_add(&b, str_of("\3\1\1", 3));
        (void)buf_add(&b, text);
        (void)buf_add(&b, str_of((const char *)key + 1, TLS_KEY_SHA256 - 1));
        text = STR_EMPTY;
        break;
    case DNS_A:
    case DNS_AAAA:
        return text;
    case DNS_CNAME:
    case DNS_PTR:
        break;
    }
    if (type != DNS_TLSA)
        (void)buf_add(&b, world_name(w, text));
    str rdata = arena_str(&w->a, buf_str(&b));
    buf_fini(&b);
    return rdata;
}

static bool is_changed(const struct change *c, const struct change *by)
{
    return by->name && c->type == by->type && strcmp(c->name, by->name) == 0;
}

static void add_values(struct world *w, const struct change *c)
{
    for (size_t i = 0; i < COUNT_OF(c->values) && c->values[i]; i++)
        world_add(w, str_from_cstr(c->name), c->type, rdata_of(w, c->type, c->values[i]));
}

/* All answers are validated, but for those below "unsigned". */
static bool query(void *arg, str name, enum dns_type type, struct arena *a, int64_t deadline_ms,
                  struct dns_answer *out, struct err *e)
{
    struct world *w = arg;
    bool ok = world_query(w, name, type, a, deadline_ms, out, e);
    out->secure = w->n_failing < COUNT_OF(w->failing) &&
                  !str_eq(w->failing[COUNT_OF(w->failing) - 1], STR("unsigned"));
    if (str_eq(name, STR("alias.example.org"))) {
        out->status = DNS_OK;
        out->canonical = "mx.example.org";
    }
    return ok;
}

/* As behind a resolver whose clock is wrong. */
static bool query_bogus(void *arg, str name, enum dns_type type, struct arena *a,
                        int64_t deadline_ms, struct dns_answer *out, struct err *e)
{
    (void)arg;
    (void)name;
    (void)type;
    (void)a;
    (void)deadline_ms;
    (void)e;
    *out = (struct dns_answer){ .status = DNS_BOGUS };
    return true;
}

struct tried {
    struct change by;
    const char *silent; /* name that nobody answers for */
    const char *source; /* delivery.source */
    const char *pool;   /* delivery.pools */
    const char *policy; /* problem with the policy; "": it is served */
    bool is_unsigned;
    bool is_bogus;  /* all answers are */
    bool no_signer; /* no key of the domain signs */
    bool no_key;    /* our certificate is not known */
};

static void check(struct world *w, const struct tried *t, struct published_findings *out)
{
    struct err e = ERR_CLEAR;
    struct net_address source;
    struct net_address pool;
    struct published_record list[COUNT_OF(wanted)];
    const struct published_records records = { STR("example.org"), list, COUNT_OF(wanted),
                                               !t->no_signer };
    struct published_policy policy = { .is_asked = t->policy != NULL };
    struct published_self self = { .host = "mx.example.org",
                                   .helo = "mx.example.org",
                                   .inbox = "postmaster",
                                   .tls_key = t->no_key ? NULL : key,
                                   .next_tls_key = next_key,
                                   .allow_private = true,
                                   .signs_mail = true };
    memcpy(list, wanted, sizeof(wanted));
    if (t->policy)
        policy.problem = *t->policy ? t->policy : NULL;
    if (t->pool) {
        assert_true(net_address_parse_ip(str_from_cstr(t->pool), &pool, &e));
        self.pools = &pool;
        self.n_pools = 1;
    }
    if (t->source) {
        assert_true(net_address_parse_ip(str_from_cstr(t->source), &source, &e));
        self.sources = &source;
        self.n_sources = 1;
    }
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        if (!is_changed(&right[i], &t->by))
            add_values(w, &right[i]);
    }
    if (t->by.name)
        add_values(w, &t->by);
    if (t->silent)
        w->failing[w->n_failing++] = str_from_cstr(t->silent);
    if (t->is_unsigned)
        w->failing[COUNT_OF(w->failing) - 1] = STR("unsigned");
    const struct mailauth_resolver resolver = { .query = t->is_bogus ? query_bogus : query,
                                                .arg = w };
    assert_true(published_check(&resolver, &self, &records, &policy, &w->a, out, &e));
}

static const struct published_finding *find(const struct published_findings *in,
                                            const char *purpose, const char *name)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct published_finding *f = &in->list[i];
        if (strcmp(published_purpose_name(f->record.purpose), purpose) == 0 &&
            (!name || str_eq(f->record.name, str_from_cstr(name))))
            return f;
    }
    fail_msg("no finding for %s %s", purpose, name ? name : "");
    return NULL;
}

static void test_all_is_right(void **state)
{
    struct published_findings found;
    check(*state, &(struct tried){ .policy = NULL }, &found);
    assert_int_equal(found.n, COUNT_OF(wanted) + 3); /* host, reverse, dnssec */
    for (size_t i = 0; i < found.n; i++) {
        if (found.list[i].reason != PUBLISHED_IS_RIGHT) {
            fail_msg("%.*s: %s", STR_FMT(found.list[i].record.name),
                     published_reason_name(found.list[i].reason));
        }
        assert_false(published_is_wrong(&found.list[i]));
    }
}

static const struct wrong {
    const char *title;
    struct tried tried;
    const char *purpose;
    const char *name; /* NULL: the first of that purpose */
    const char *reason;
    bool is_wrong;
} wrongs[] = {
    { "no MX", { .by = { "example.org", DNS_MX, { NULL } } }, "mx", NULL, "missing", true },
    { "MX elsewhere",
      { .by = { "example.org", DNS_MX, { "other.example.org" } } },
      "mx",
      NULL,
      "mxElsewhere",
      true },
    { "null MX", { .by = { "example.org", DNS_MX, { "" } } }, "mx", NULL, "mxNull", true },
    { "MX names an alias",
      { .by = { "example.org", DNS_MX, { "mx.example.org", "alias.example.org" } } },
      "mx",
      NULL,
      "mxAlias",
      true },
    { "MX of nobody we know, with an address",
      { .by = { "example.org", DNS_MX, { "1.2.2.192.in-addr.arpa" } } },
      "mx",
      NULL,
      "mxNoAddress",
      true },
    { "silence", { .silent = "_dmarc.example.org" }, "dmarc", NULL, "noAnswer", true },
    { "no address",
      { .by = { "mx.example.org", DNS_A, { NULL } } },
      "host",
      NULL,
      "noAddress",
      true },
    { "no SPF",
      { .by = { "example.org", DNS_TXT, { "v=spf10 -all" } } },
      "spf",
      NULL,
      "missing",
      true },
    { "two SPF records",
      { .by = { "example.org", DNS_TXT, { "v=spf1 mx -all", "v=spf1 -all" } } },
      "spf",
      NULL,
      "several",
      true },
    { "SPF without us",
      { .by = { "example.org", DNS_TXT, { "v=spf1 ip4:192.0.2.9 -all" } } },
      "spf",
      NULL,
      "spfNotUs",
      true },
    { "SPF for everybody",
      { .by = { "example.org", DNS_TXT, { "v=spf1 mx +all" } } },
      "spf",
      NULL,
      "spfAnybody",
      true },
    { "SPF that breaks behind us",
      { .by = { "example.org", DNS_TXT, { "v=spf1 mx include:nowhere.example -all" } } },
      "spf",
      NULL,
      "invalid",
      true },
    { "SPF that asks too much",
      { .by = { "example.org",
                DNS_TXT,
                { "v=spf1 mx a:mx.example.org a:mx.example.org a:mx.example.org a:mx.example.org "
                  "a:mx.example.org a:mx.example.org a:mx.example.org a:mx.example.org "
                  "a:mx.example.org a:mx.example.org -all" } } },
      "spf",
      NULL,
      "invalid",
      true },
    { "no SPF of the server",
      { .by = { "mx.example.org", DNS_TXT, { NULL } } },
      "spfHost",
      "mx.example.org",
      "missing",
      false },
    { "SPF of the server without its address",
      { .by = { "mx.example.org", DNS_TXT, { "v=spf1 -all" } } },
      "spfHost",
      "mx.example.org",
      "spfNotUs",
      true },
    { "SPF of the server for everybody",
      { .by = { "mx.example.org", DNS_TXT, { "v=spf1 +all" } } },
      "spfHost",
      "mx.example.org",
      "spfAnybody",
      true },
    { "two SPF records of the server",
      { .by = { "mx.example.org", DNS_TXT, { "v=spf1 a -all", "v=spf1 mx -all" } } },
      "spfHost",
      "mx.example.org",
      "several",
      true },
    { "a pool that SPF of the server knows not",
      { .pool = "192.0.2.77" },
      "spfHost",
      NULL,
      "spfNotUs",
      true },
    { "another source", { .source = "192.0.2.77" }, "spf", NULL, "spfNotUs", true },
    { "a pool that SPF knows not", { .pool = "192.0.2.77" }, "spf", NULL, "spfNotUs", true },
    { "a pool without a name", { .pool = "192.0.2.77" }, "reverse", "192.0.2.77", "noName", true },
    { "a pool with a name of its own",
      { .pool = "192.2.2.3", .by = { "3.2.2.192.in-addr.arpa", DNS_PTR, { "out.example.org" } } },
      "reverse",
      "192.2.2.3",
      "right",
      false },
    { "a source without a name", { .source = "192.0.2.77" }, "reverse", NULL, "noName", true },
    { "a name that leads elsewhere",
      { .by = { "1.2.2.192.in-addr.arpa", DNS_PTR, { "elsewhere.example" } } },
      "reverse",
      NULL,
      "nameOther",
      true },
    { "another DKIM key",
      { .by = { "mail._domainkey.example.org", DNS_TXT, { ED_RECORD } } },
      "dkim",
      NULL,
      "invalid",
      true },
    { "a revoked DKIM key",
      { .by = { "mail._domainkey.example.org", DNS_TXT, { "v=DKIM1; k=rsa; p=" } } },
      "dkim",
      NULL,
      "revoked",
      true },
    { "an old key that is gone",
      { .by = { "old._domainkey.example.org", DNS_TXT, { NULL } } },
      "dkim",
      "old._domainkey.example.org",
      "missing",
      false },
    { "DMARC that says nothing",
      { .by = { "_dmarc.example.org", DNS_TXT, { "v=DMARC1; p=perhaps" } } },
      "dmarc",
      NULL,
      "invalid",
      true },
    { "two DMARC records",
      { .by = { "_dmarc.example.org", DNS_TXT, { "v=DMARC1; p=none", "v=DMARC1; p=none" } } },
      "dmarc",
      NULL,
      "several",
      true },
    { "an older id",
      { .by = { "_mta-sts.example.org", DNS_TXT, { "v=STSv1; id=6;" } } },
      "mtaSts",
      NULL,
      "other",
      true },
    { "an alias to elsewhere",
      { .by = { "mta-sts.example.org", DNS_CNAME, { "elsewhere.example" } } },
      "mtaSts",
      "mta-sts.example.org",
      "other",
      true },
    { "an alias to elsewhere, where the policy is, too",
      { .by = { "mta-sts.example.org", DNS_CNAME, { "elsewhere.example" } }, .policy = "" },
      "mtaSts",
      "mta-sts.example.org",
      "right",
      false },
    { "a policy that is gone",
      { .policy = "it answered 404" },
      "policy",
      NULL,
      "policyGone",
      true },
    { "TLS-RPT to nobody",
      { .by = { "_smtp._tls.example.org", DNS_TXT, { "v=TLSRPTv1;" } } },
      "tlsRpt",
      NULL,
      "invalid",
      true },
    { "no TLS-RPT",
      { .by = { "_smtp._tls.example.org", DNS_TXT, { NULL } } },
      "tlsRpt",
      NULL,
      "missing",
      false },
    { "TLSA of another key",
      { .by = { "_25._tcp.mx.example.org", DNS_TLSA, { "\xac" } } },
      "tlsa",
      NULL,
      "tlsaOther",
      true },
    { "TLSA of the old and the new key",
      { .by = { "_25._tcp.mx.example.org", DNS_TLSA, { "\xac", "\xab" } } },
      "tlsa",
      NULL,
      "right",
      false },
    { "TLSA with a certificate that is not known",
      { .no_key = true },
      "tlsa",
      NULL,
      "tlsaUnknown",
      true },
    { "TLSA without DNSSEC", { .is_unsigned = true }, "tlsa", NULL, "tlsaUnsigned", false },
    { "TLSA without the next one",
      { .by = { "_25._tcp.mx.example.org", DNS_TLSA, { "\xab" } } },
      "tlsaNext",
      NULL,
      "missing",
      true },
    { "no TLSA at all",
      { .by = { "_25._tcp.mx.example.org", DNS_TLSA, { NULL } } },
      "tlsaNext",
      NULL,
      "missing",
      false },
    { "TLSA without the next one, without DNSSEC",
      { .by = { "_25._tcp.mx.example.org", DNS_TLSA, { "\xab" } }, .is_unsigned = true },
      "tlsaNext",
      NULL,
      "missing",
      false },
    { "the next TLSA without DNSSEC",
      { .is_unsigned = true },
      "tlsaNext",
      NULL,
      "tlsaUnsigned",
      false },
    { "no DNSSEC", { .is_unsigned = true }, "dnssec", NULL, "unsigned", false },
    { "nobody answers for the domain",
      { .silent = "example.org" },
      "dnssec",
      NULL,
      "noAnswer",
      false },
    { "all is bogus", { .is_bogus = true }, "dnssec", NULL, "zoneForged", true },
    { "a record when all is bogus", { .is_bogus = true }, "mx", NULL, "forged", true },
    { "no key that signs", { .no_signer = true }, "dkim", "_domainkey.example.org", "noKey", true },
    { "a service elsewhere",
      { .by = { "_imaps._tcp.example.org", DNS_SRV, { "imap.example.org" } } },
      "imaps",
      NULL,
      "other",
      true },
};

static void test_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
        const struct wrong *one = &wrongs[i];
        void *fresh = NULL;
        struct published_findings found;
        (void)world_setup(&fresh);
        check(fresh, &one->tried, &found);
        const struct published_finding *f = find(&found, one->purpose, one->name);
        const char *reason = published_reason_name(f->reason);
        if (strcmp(reason, one->reason) != 0 || published_is_wrong(f) != one->is_wrong)
            fail_msg("%s: %s (%.*s)", one->title, reason, STR_FMT(f->detail));
        (void)world_teardown(&fresh);
    }
}

static void test_has_key(void **state)
{
    struct world *w = *state;
    struct err e = ERR_CLEAR;
    const struct mailauth_resolver resolver = { .query = query, .arg = w };
    const struct account_dkim_key mail = { .selector = STR("mail"),
                                           .rsa_record = STR(RSA_RECORD),
                                           .ed_record = STR(ED_RECORD) };
    bool has = true;
    world_add_txt(w, STR("mail._domainkey.example.org"), STR(RSA_RECORD));
    assert_true(published_has_key(&resolver, STR("example.org"), &mail, &w->a, &has, &e));
    assert_false(has);
    world_add_txt(w, STR("mail-ed._domainkey.example.org"), STR(ED_RECORD));
    assert_true(published_has_key(&resolver, STR("example.org"), &mail, &w->a, &has, &e));
    assert_true(has);
    /* One that is alone stands at its selector, whatever it is. */
    const struct account_dkim_key alone = { .selector = STR("mail-ed"),
                                            .ed_record = STR(ED_RECORD) };
    assert_true(published_has_key(&resolver, STR("example.org"), &alone, &w->a, &has, &e));
    assert_true(has);
}

/* What is there is told as there, also when it is of no use. */
static void test_what_is_there(void **state)
{
    static const struct {
        enum published_reason reason;
        const char *found;
        bool is_there;
    } there[] = {
        { PUBLISHED_IS_RIGHT, "3 1 1 ab", true },
        { PUBLISHED_TLSA_UNSIGNED, "3 1 1 AB", true },
        { PUBLISHED_TLSA_UNSIGNED, "3 1 2 ab", false },
        { PUBLISHED_TLSA_UNSIGNED, NULL, false },
        { PUBLISHED_TLSA_UNKNOWN, "3 1 1 ab", false }, /* as which one is ours is not known */
        { PUBLISHED_TLSA_OTHER, "3 1 1 cd", false },
        { PUBLISHED_IS_MISSING, NULL, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(there); i++) {
        str found[] = { STR("2 0 1 ef"), STR_EMPTY };
        struct published_finding f = { .record = { .value = STR("3 1 1 ab") },
                                       .reason = there[i].reason,
                                       .found = found,
                                       .n_found = there[i].found ? 2 : 1 };
        if (there[i].found)
            found[1] = str_from_cstr(there[i].found);
        assert_int_equal(published_is_there(&f), there[i].is_there);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_is_right, world_setup, world_teardown),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_what_is_there),
        cmocka_unit_test_setup_teardown(test_has_key, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("published/check", tests, NULL, NULL);
}
