/* SPDX-License-Identifier: Apache-2.0 */
/* SPF: the openspf suite for RFC 7208 (tests/vectors/spf), and the limits of section 4.6.4. */
#include "world.h"

static void add_address(struct world *w, str name, str text, bool is_ip6)
{
    struct net_address address;
    uint8_t octets[16];
    assert_true(net_address_parse_ip(text, &address, NULL));
    size_t n = net_address_octets(&address, octets);
    if (is_ip6 && n == 4) { /* v4-mapped: sixteen octets on the wire */
        memmove(octets + 12, octets, 4);
        memset(octets, 0, 10);
        octets[10] = octets[11] = 0xff;
        n = 16;
    }
    world_add(w, name, is_ip6 ? DNS_AAAA : DNS_A, arena_str(&w->a, str_of((char *)octets, n)));
}

static void add_mx(struct world *w, str name, const json_t *value)
{
    const json_t *host = json_array_get(value, 1);
    str wire = world_name(w, str_of(json_string_value(host), json_string_length(host)));
    char *p = arena_alloc(&w->a, wire.n + 2);
    p[1] = (char)json_integer_value(json_array_get(value, 0));
    memcpy(p + 2, wire.p, wire.n);
    world_add(w, name, DNS_MX, str_of(p, wire.n + 2));
}

/* A text, or a list of the character strings of one record. */
static str txt_rdata(struct world *w, const json_t *value)
{
    struct buf out;
    size_t i;
    const json_t *one;
    if (json_is_string(value))
        return world_txt(w, str_of(json_string_value(value), json_string_length(value)));
    buf_init(&out, 100000);
    json_array_foreach(value, i, one)
    {
        assert_true(buf_add_byte(&out, (char)(unsigned char)json_string_length(one)) &&
                    buf_add(&out, str_of(json_string_value(one), json_string_length(one))));
    }
    str made = arena_str(&w->a, buf_str(&out));
    buf_fini(&out);
    return made;
}

static bool has_txt(const json_t *records)
{
    size_t i;
    const json_t *record;
    json_array_foreach(records, i, record)
    {
        if (json_object_get(record, "TXT"))
            return true;
    }
    return false;
}

static void add_record(struct world *w, str name, const char *type, const json_t *value,
                       bool spf_counts)
{
    str text = str_of(json_string_value(value), json_string_length(value));
    if (strcmp(type, "A") == 0 || strcmp(type, "AAAA") == 0) {
        add_address(w, name, text, type[1] != '\0');
    } else if (strcmp(type, "MX") == 0) {
        add_mx(w, name, value);
    } else if (strcmp(type, "PTR") == 0) {
        world_add(w, name, DNS_PTR, world_name(w, text));
    } else if (strcmp(type, "SPF") == 0 ? spf_counts : !str_eq(text, STR("NONE"))) {
        world_add(w, name, DNS_TXT, txt_rdata(w, value));
    }
}

static void fill(struct world *w, const json_t *zone)
{
    const char *name, *type;
    const json_t *records, *record, *value;
    size_t i;
    w->n = w->n_failing = 0;
    json_object_foreach((json_t *)(uintptr_t)zone, name, records)
    {
        json_array_foreach(records, i, record)
        {
            if (json_is_string(record)) {
                w->failing[w->n_failing++] = str_from_cstr(name);
                continue;
            }
            json_object_foreach((json_t *)(uintptr_t)record, type, value)
                add_record(w, str_from_cstr(name), type, value, !has_txt(records));
        }
    }
}

static struct mailauth_spf check(struct world *w, str client, str helo, str sender)
{
    struct mailauth_resolver resolver = world_resolver(w);
    struct net_address address;
    struct mailauth_spf out;
    struct err e = ERR_CLEAR;
    assert_true(net_address_parse_ip(client, &address, NULL));
    const struct mailauth_spf_query query = {
        .client = &address, .helo = helo, .sender = sender, .receiver = STR("mx.example.org")
    };
    if (!mailauth_spf_check(&resolver, &query, &w->a, DEADLINE_NONE, &out, &e))
        fail_msg("%s", e.msg);
    return out;
}

static bool is_allowed(const json_t *wanted, const char *got)
{
    size_t i;
    const json_t *one;
    if (json_is_string(wanted))
        return strcmp(json_string_value(wanted), got) == 0;
    json_array_foreach(wanted, i, one)
    {
        if (strcmp(json_string_value(one), got) == 0)
            return true;
    }
    return false;
}

/* Explanations: "DEFAULT" stands for our own words. */
static bool is_explained(const json_t *test, const struct mailauth_spf *got)
{
    str wanted = vectors_str(test, "explanation");
    if (wanted.n == 0)
        return true;
    return str_eq(wanted, STR("DEFAULT")) ? got->explanation.n == 0
                                          : str_eq(wanted, got->explanation);
}

static void the_public_suite(void **state)
{
    struct world *w = *state;
    json_t *root = vectors_load("spf/rfc7208-half.json");
    json_t *scenario, *test;
    const char *name;
    size_t i;
    size_t n = 0;
    size_t wrong = 0;
    json_array_foreach(root, i, scenario)
    {
        fill(w, json_object_get(scenario, "zonedata"));
        json_object_foreach(json_object_get(scenario, "tests"), name, test)
        {
            struct mailauth_spf got = check(w, vectors_str(test, "host"), vectors_str(test, "helo"),
                                            vectors_str(test, "mailfrom"));
            const char *result = mailauth_result_name(got.result);
            n++;
            if (is_allowed(json_object_get(test, "result"), result) && is_explained(test, &got))
                continue;
            wrong++;
            print_error("%s: %s '%.*s' (%s), wanted %s '%.*s'\n", name, result,
                        STR_FMT(got.explanation), got.problem ? got.problem : "",
                        json_dumps(json_object_get(test, "result"), JSON_ENCODE_ANY),
                        STR_FMT(vectors_str(test, "explanation")));
        }
    }
    json_decref(root);
    print_message("spf: %zu cases, %zu wrong\n", n, wrong);
    assert_int_equal(n, 104);
    assert_int_equal(wrong, 0);
}

/* ATTACKS X14. */
static void loops_and_floods_end(void **state)
{
    struct world *w = *state;
    world_add_txt(w, STR("loop.test"), STR("v=spf1 include:loop.test -all"));
    world_add_txt(w, STR("turn.test"), STR("v=spf1 redirect=turn.test"));
    world_add_txt(w, STR("void.test"), STR("v=spf1 a:a1.test a:a2.test a:a3.test a:a4.test -all"));
    world_add_txt(w, STR("wide.test"), STR("v=spf1 exists:%{l}.%{l}.%{l}.%{l}.wide.test ?all"));
    struct buf many;
    buf_init(&many, 100000);
    assert_true(buf_add(&many, STR("v=spf1")));
    for (int i = 0; i < 1000; i++)
        assert_true(buf_add(&many, STR(" ip4:192.0.2.1")));
    world_add_txt(w, STR("long.test"), buf_str(&many));
    buf_fini(&many);
    static const struct {
        str sender;
        enum mailauth_result wanted;
    } cases[] = {
        { STR_INIT("x@loop.test"), MAILAUTH_PERMERROR },
        { STR_INIT("x@turn.test"), MAILAUTH_PERMERROR },
        { STR_INIT("x@void.test"), MAILAUTH_PERMERROR },
        { STR_INIT("x@long.test"), MAILAUTH_PERMERROR },
        { STR_INIT("x@wide.test"), MAILAUTH_NEUTRAL },
        { STR_INIT("x@none.test"), MAILAUTH_NONE },
        { STR_INIT("x@localhost"), MAILAUTH_NONE },
        { STR_INIT("x@[192.0.2.1]"), MAILAUTH_NONE },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        w->questions = 0;
        struct mailauth_spf got = check(w, STR("198.51.100.7"), STR("h.test"), cases[i].sender);
        if (got.result != cases[i].wanted)
            fail_msg("%.*s: %s", STR_FMT(cases[i].sender), mailauth_result_name(got.result));
        assert_true(w->questions <= 1 + MAILAUTH_SPF_LOOKUPS);
    }
    char local[3000];
    memset(local, 'a', sizeof(local));
    str sender = arena_printf(&w->a, "%.*s@wide.test", (int)sizeof(local), local);
    assert_true(check(w, STR("2001:db8::1"), STR("h.test"), sender).result != MAILAUTH_PASS);
}

static void helo_counts_for_the_null_sender(void **state)
{
    struct world *w = *state;
    world_add_txt(w, STR("mx.test"), STR("v=spf1 ip4:192.0.2.0/25 ip6:2001:db8::/33 -all"));
    struct mailauth_spf got = check(w, STR("192.0.2.127"), STR("MX.test"), STR_EMPTY);
    assert_int_equal(got.result, MAILAUTH_PASS);
    assert_true(got.is_helo && str_eq(got.domain, STR("mx.test")));
    assert_true(str_eq(got.mechanism, STR("ip4:192.0.2.0/25")));
    assert_int_equal(check(w, STR("192.0.2.128"), STR("mx.test"), STR_EMPTY).result, MAILAUTH_FAIL);
    assert_int_equal(check(w, STR("2001:db8:7fff::1"), STR("mx.test"), STR_EMPTY).result,
                     MAILAUTH_PASS);
    assert_int_equal(check(w, STR("2001:db8:8000::1"), STR("mx.test"), STR_EMPTY).result,
                     MAILAUTH_FAIL);
}

/* ---- the grammar of RFC 7208, section by section ---- */

static const struct grammar_case {
    const char *record; /* of e.test */
    enum mailauth_result wanted;
} grammar_cases[] = {
    /* 4.5, 12: the version */
    { "v=spf1", MAILAUTH_NEUTRAL },
    { "V=SPF1   -all  ", MAILAUTH_FAIL },
    { "v=spf1\t-all", MAILAUTH_NONE },
    { "v=spf10 -all", MAILAUTH_NONE },
    { " v=spf1 -all", MAILAUTH_NONE },
    { "v=spf1 -ALL", MAILAUTH_FAIL },
    /* 4.6.1: any error makes all of it one */
    { "v=spf1 ip4:192.0.2.1 b", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:1.2.3", MAILAUTH_PERMERROR },
    { "v=spf1 +all redirect=", MAILAUTH_PERMERROR },
    { "v=spf1 +all\tmx", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:ex\xe9.test", MAILAUTH_PERMERROR },
    { "v=spf1 +all ++mx", MAILAUTH_PERMERROR },
    { "v=spf1 +all -", MAILAUTH_PERMERROR },
    { "v=spf1 +all all:e.test", MAILAUTH_PERMERROR },
    { "v=spf1 +all all/8", MAILAUTH_PERMERROR },
    { "v=spf1 +all all.", MAILAUTH_PERMERROR },
    { "v=spf1 +all include", MAILAUTH_PERMERROR },
    { "v=spf1 +all include:", MAILAUTH_PERMERROR },
    { "v=spf1 +all include:e.test/24", MAILAUTH_PERMERROR },
    { "v=spf1 +all exists", MAILAUTH_PERMERROR },
    { "v=spf1 +all exists:", MAILAUTH_PERMERROR },
    { "v=spf1 +all exists:e.test/24", MAILAUTH_PERMERROR },
    { "v=spf1 +all exists:%{i}/24", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:", MAILAUTH_PERMERROR },
    { "v=spf1 +all mx:", MAILAUTH_PERMERROR },
    { "v=spf1 +all ptr:", MAILAUTH_PERMERROR },
    { "v=spf1 +all ptr/0", MAILAUTH_PERMERROR },
    { "v=spf1 +all ptr:e.test/0", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:e.test:25", MAILAUTH_PERMERROR },
    /* 5.6: addresses */
    { "v=spf1 ip4:198.51.100.7 -all", MAILAUTH_PASS },
    { "v=spf1 IP4:198.51.100.7 -all", MAILAUTH_PASS },
    { "v=spf1 ip4:198.51.100.7/32 -all", MAILAUTH_PASS },
    { "v=spf1 ip4:198.51.100.6/31 -all", MAILAUTH_PASS },
    { "v=spf1 ip4:198.51.100.6/32 -all", MAILAUTH_FAIL },
    { "v=spf1 ip4:198.51.100.255/24 -all", MAILAUTH_PASS },
    { "v=spf1 ip4:1.2.3.4/0 -all", MAILAUTH_PASS },
    { "v=spf1 ip6:::/0 -all", MAILAUTH_FAIL },
    { "v=spf1 ip6:::ffff:198.51.100.7 -all", MAILAUTH_FAIL },
    { "v=spf1 ip6:::ffff:198.51.100.7/0 -all", MAILAUTH_FAIL },
    { "v=spf1 ip6:2001:db8::192.0.2.1/128 -all", MAILAUTH_FAIL },
    { "v=spf1 +all ip4", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4/24", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:198.51.100.7/", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:198.51.100.7/33", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:198.51.100.7/032", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:198.51.100.7//32", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:198.51.100", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:198.51.100.007", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:198.51.100.256", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:198.51.100.7:25", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip4:::ffff:198.51.100.7", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip6:198.51.100.7", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip6:", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip6:::1/129", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip6:::1//64", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip6:[::1]", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip6:::1%eth0", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip6:1:2:3:4:5:6:7", MAILAUTH_PERMERROR },
    { "v=spf1 +all ip6:1::2::3", MAILAUTH_PERMERROR },
    /* 5.3, 5.4: hosts and prefix lengths */
    { "v=spf1 a:a.test -all", MAILAUTH_PASS },
    { "v=spf1 a:A.Test. -all", MAILAUTH_PASS },
    { "v=spf1 A:b.test -all", MAILAUTH_FAIL },
    { "v=spf1 a:b.test/31 -all", MAILAUTH_PASS },
    { "v=spf1 a:b.test/24//64 -all", MAILAUTH_PASS },
    { "v=spf1 a:b.test//24 -all", MAILAUTH_FAIL },
    { "v=spf1 a:b.test/0 -all", MAILAUTH_PASS },
    { "v=spf1 a:none.test/0 -all", MAILAUTH_FAIL },
    { "v=spf1 a/0//0 -all", MAILAUTH_FAIL },
    { "v=spf1 mx:m.test -all", MAILAUTH_PASS },
    { "v=spf1 mx:m.test/32//128 -all", MAILAUTH_PASS },
    { "v=spf1 mx:null.test -all", MAILAUTH_FAIL },
    { "v=spf1 mx:ten.test -all", MAILAUTH_PASS },
    { "v=spf1 mx:eleven.test -all", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:a.test/33", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:a.test//129", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:a.test/", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:a.test//", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:a.test/24/64", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:a.test///64", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:a.test//64/24", MAILAUTH_PERMERROR },
    { "v=spf1 +all a/024", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:/24", MAILAUTH_PERMERROR },
    { "v=spf1 +all mx/24x", MAILAUTH_PERMERROR },
    /* 5.2, 6.1: other records */
    { "v=spf1 include:pass.test -all", MAILAUTH_PASS },
    { "v=spf1 ?include:pass.test -all", MAILAUTH_NEUTRAL },
    { "v=spf1 include:fail.test ~all", MAILAUTH_SOFTFAIL },
    { "v=spf1 include:neutral.test ~all", MAILAUTH_SOFTFAIL },
    { "v=spf1 include:none.test +all", MAILAUTH_PERMERROR },
    { "v=spf1 include:broken.test +all", MAILAUTH_PERMERROR },
    { "v=spf1 include:two.test +all", MAILAUTH_PERMERROR },
    { "v=spf1 include:away.test +all", MAILAUTH_TEMPERROR },
    { "v=spf1 include:%{d1} +all", MAILAUTH_PERMERROR },
    { "v=spf1 redirect=pass.test", MAILAUTH_PASS },
    { "v=spf1 redirect=fail.test a:b.test", MAILAUTH_FAIL },
    { "v=spf1 redirect=pass.test -all", MAILAUTH_FAIL },
    { "v=spf1 -all redirect=none.test", MAILAUTH_FAIL },
    { "v=spf1 redirect=none.test", MAILAUTH_PERMERROR },
    { "v=spf1 redirect=broken.test", MAILAUTH_PERMERROR },
    { "v=spf1 redirect=two.test", MAILAUTH_PERMERROR },
    { "v=spf1 redirect=away.test", MAILAUTH_TEMPERROR },
    { "v=spf1 +all redirect=a.test redirect=a.test", MAILAUTH_PERMERROR },
    { "v=spf1 +all exp=a.test EXP=a.test", MAILAUTH_PERMERROR },
    { "v=spf1 +all exp=", MAILAUTH_PERMERROR },
    { "v=spf1 +all redirect:a.test", MAILAUTH_PERMERROR },
    { "v=spf1 +all redirect=a.test/24", MAILAUTH_PERMERROR },
    { "v=spf1 +all -redirect=a.test", MAILAUTH_PERMERROR },
    /* 6: unknown modifiers, even twice */
    { "v=spf1 x-1.y_=%{l}%%%_%- x-1.y_= all=no -all", MAILAUTH_FAIL },
    { "v=spf1 moo=a:b/c=d -all", MAILAUTH_FAIL },
    { "v=spf1 +all moo=%", MAILAUTH_PERMERROR },
    { "v=spf1 +all moo=%{x}", MAILAUTH_PERMERROR },
    { "v=spf1 +all 1moo=a", MAILAUTH_PERMERROR },
    { "v=spf1 +all =a", MAILAUTH_PERMERROR },
    { "v=spf1 +all mo*o=a", MAILAUTH_PERMERROR },
    /* 7.1: how a domain-spec ends */
    { "v=spf1 +all a:museum", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:museum.", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:example.123", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:example.-a", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:example.a-", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:example.a_b", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:example.test..", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:example.test}", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{d}.", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{d}x", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:x.%{d}", MAILAUTH_PASS },
    { "v=spf1 +all a:x%{d}.1-2", MAILAUTH_PASS },
    { "v=spf1 +all a:x%%", MAILAUTH_PASS },
    { "v=spf1 +all a:x%-", MAILAUTH_PASS },
    { "v=spf1 +all a:_x.$!.test", MAILAUTH_PASS },
    /* 7.1, 7.3: macros */
    { "v=spf1 +all a:%{}.test", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{d", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%d.test", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%(d).test", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{d0}", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{dr2}", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{d:}", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{z}", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{c}", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{r}", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{t}", MAILAUTH_PERMERROR },
    { "v=spf1 +all a:%{d99999999999}", MAILAUTH_PASS },
    { "v=spf1 exists:%{l}.%{o}.l.test -all", MAILAUTH_PASS },
    { "v=spf1 exists:%{l1r-}.l1.test -all", MAILAUTH_PASS },
    { "v=spf1 exists:%{ir}.%{v}.i.test -all", MAILAUTH_PASS },
    { "v=spf1 exists:%{d99999999999R}.d.test -all", MAILAUTH_PASS },
    { "v=spf1 exists:%{h2}.h.test -all", MAILAUTH_PASS },
    { "v=spf1 exists:%{S-@}.s.test -all", MAILAUTH_PERMERROR },
    { "v=spf1 exists:%{L+-}.s.test -all", MAILAUTH_PASS },
    { "v=spf1 ptr:p.test -all", MAILAUTH_PASS },
    { "v=spf1 PTR:P.Test. -all", MAILAUTH_PASS },
    { "v=spf1 ptr:x.p.test -all", MAILAUTH_FAIL },
    { "v=spf1 ptr -all", MAILAUTH_FAIL },
    { "v=spf1 exists:%{p}.p.test -all", MAILAUTH_PASS },
    { "v=spf1 exists:%{p2}.x.test -all", MAILAUTH_PASS },
    /* 4.6.4: ten terms that ask, two that get nothing */
    { "v=spf1 a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test "
      "a:a.test -all",
      MAILAUTH_PASS },
    { "v=spf1 a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test "
      "mx:b.test a:a.test -all",
      MAILAUTH_PERMERROR },
    { "v=spf1 a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test "
      "include:pass.test -all",
      MAILAUTH_PASS },
    { "v=spf1 a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test "
      "a:b.test redirect=pass.test",
      MAILAUTH_PERMERROR },
    { "v=spf1 a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test a:b.test "
      "a:b.test ip4:198.51.100.7 ip6:::1 -all",
      MAILAUTH_PASS },
    { "v=spf1 a:n1.test mx:n2.test a:a.test -all", MAILAUTH_PASS },
    { "v=spf1 a:n1.test mx:n2.test exists:n3.test a:a.test -all", MAILAUTH_PERMERROR },
    { "v=spf1 a:n1.test mx:away.test a:a.test -all", MAILAUTH_TEMPERROR },
    { "v=spf1 ptr:away.test a:a.test -all", MAILAUTH_PASS },
};

static void add_hosts(struct world *w, str name, int n)
{
    for (int i = 0; i < n; i++) {
        str wire = world_name(w, i + 1 < n ? STR("b.test") : STR("a.test"));
        char *p = arena_alloc(&w->a, wire.n + 2);
        memcpy(p + 2, wire.p, wire.n);
        p[0] = p[1] = 0;
        world_add(w, name, DNS_MX, str_of(p, wire.n + 2));
    }
}

static void fill_for_grammar(struct world *w)
{
    static const char *const there[] = {
        "ann-lists.Mail.e.Test.l.test",
        "ann.l1.test",
        "7.100.51.198.in-addr.i.test",
        "test.e.mail.d.test",
        "h.test.h.test",
        "ann.lists.s.test",
        "q.p.test.p.test",
        "p.test.x.test",
    };
    w->n = w->n_failing = 0;
    add_address(w, STR("a.test"), STR("198.51.100.7"), false);
    add_address(w, STR("b.test"), STR("198.51.100.6"), false);
    add_address(w, STR("q.p.test"), STR("198.51.100.7"), false);
    for (size_t i = 0; i < COUNT_OF(there); i++)
        add_address(w, str_from_cstr(there[i]), STR("127.0.0.2"), false);
    add_hosts(w, STR("m.test"), 1);
    add_hosts(w, STR("ten.test"), 10);
    add_hosts(w, STR("eleven.test"), 11);
    world_add(w, STR("null.test"), DNS_MX, str_of("\0\0", 3));
    world_add(w, STR("7.100.51.198.in-addr.arpa"), DNS_PTR, world_name(w, STR("q.p.test")));
    world_add_txt(w, STR("pass.test"), STR("v=spf1 ip4:198.51.100.7 -all"));
    world_add_txt(w, STR("fail.test"), STR("v=spf1 -all"));
    world_add_txt(w, STR("neutral.test"), STR("v=spf1 ?all"));
    world_add_txt(w, STR("broken.test"), STR("v=spf1 +all what"));
    world_add_txt(w, STR("two.test"), STR("v=spf1 +all"));
    world_add_txt(w, STR("two.test"), STR("v=spf1 -all"));
    w->failing[w->n_failing++] = STR("away.test");
}

static void the_grammar_by_section(void **state)
{
    struct world *w = *state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(grammar_cases); i++) {
        const struct grammar_case *one = &grammar_cases[i];
        fill_for_grammar(w);
        world_add_txt(w, STR("mail.e.test"), str_from_cstr(one->record));
        struct mailauth_spf got =
            check(w, STR("198.51.100.7"), STR("mx.h.test"), STR("ann-lists@Mail.e.Test"));
        if (got.result == one->wanted)
            continue;
        wrong++;
        print_error("%s: %s (%s), wanted %s\n", one->record, mailauth_result_name(got.result),
                    got.problem ? got.problem : "", mailauth_result_name(one->wanted));
    }
    assert_int_equal(wrong, 0);
}

/* Section 6.2 and 7: what is wrong in an explanation makes just none. */
static void explanations(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        { "%{s} %{l} %{o} %{d} %{i} %{p} %{v} %{h} %{c} %{r}",
          "ann-lists@Mail.e.Test ann-lists Mail.e.Test mail.e.test 198.51.100.7 q.p.test in-addr "
          "mx.h.test 198.51.100.7 mx.example.org" },
        { "%{t}", "0" },
        { "%{L} %{Lr-} %{l1-} %{O2} %{DR}", "ann-lists lists.ann lists e.Test test.e.mail" },
        { "see http://%{o}/?a=%{H}&b=%{S}%_%%%-", "see http://Mail.e.Test/?a=mx.h.test&"
                                                  "b=ann-lists%40Mail.e.Test %%20" },
        { "a  b. ", "a  b. " },
        { "%{ir}.%{v}.", "7.100.51.198.in-addr." },
        { "", "" },
        { "gr\xc3\xbc\xc3\x9f", "" },
        { "100%", "" },
        { "%{x}", "" },
        { "tab\there", "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fill_for_grammar(w);
        world_add_txt(w, STR("mail.e.test"), STR("v=spf1 exp=x.%{d} -all"));
        world_add_txt(w, STR("x.mail.e.test"), str_from_cstr(cases[i].text));
        struct mailauth_spf got =
            check(w, STR("198.51.100.7"), STR("mx.h.test"), STR("ann-lists@Mail.e.Test"));
        assert_int_equal(got.result, MAILAUTH_FAIL);
        if (!str_eq(got.explanation, str_from_cstr(cases[i].wanted)))
            fail_msg("%s: '%.*s'", cases[i].text, STR_FMT(got.explanation));
    }
    /* Whose explanation counts: of the record that fails, by redirect= too, never of an include. */
    static const struct {
        const char *record;
        const char *wanted;
    } records[] = {
        { "v=spf1 include:fails.test exp=own.test -all", "own" },
        { "v=spf1 include:fails.test -all", "" },
        { "v=spf1 redirect=fails.test exp=own.test", "other" },
        { "v=spf1 exp=two.test -all", "" },
        { "v=spf1 exp=away.test -all", "" },
        { "v=spf1 exp=none.test -all", "" },
        { "v=spf1 exp=%{l}.x%% -all", "" },
    };
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        fill_for_grammar(w);
        world_add_txt(w, STR("e.test"), str_from_cstr(records[i].record));
        world_add_txt(w, STR("fails.test"), STR("v=spf1 exp=other.test -all"));
        world_add_txt(w, STR("own.test"), STR("own"));
        world_add_txt(w, STR("other.test"), STR("other"));
        struct mailauth_spf got = check(w, STR("192.0.2.1"), STR("mx.h.test"), STR("ann@e.test"));
        assert_int_equal(got.result, MAILAUTH_FAIL);
        if (!str_eq(got.explanation, str_from_cstr(records[i].wanted)))
            fail_msg("%s: '%.*s'", records[i].record, STR_FMT(got.explanation));
    }
}

/* Sections 2.4 and 4.3, and RFC 8616 section 4. */
static void senders_of_all_forms(void **state)
{
    struct world *w = *state;
    static const char dots[] = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.";
    const char label[] = "123456789012345678901234567890123456789012345678901234567890123";
    const struct {
        str sender;
        str helo;
        enum mailauth_result wanted;
    } cases[] = {
        { STR("x@e.test"), STR("h"), MAILAUTH_FAIL },
        { STR("\"a@b\"@e.test"), STR("h"), MAILAUTH_FAIL },
        { STR("@e.test"), STR("h"), MAILAUTH_FAIL },
        { STR("x@E.TEST"), STR("h"), MAILAUTH_FAIL },
        { STR("x@e.test."), STR("h"), MAILAUTH_FAIL },
        { STR("x@u_1.test"), STR("h"), MAILAUTH_FAIL },
        { STR("x@b\xc3\xbc.test"), STR("h"), MAILAUTH_FAIL },
        { STR("x@e.test.."), STR("h"), MAILAUTH_NONE },
        { STR("x@e..test"), STR("h"), MAILAUTH_NONE },
        { STR("x@.e.test"), STR("h"), MAILAUTH_NONE },
        { STR("x@"), STR("h"), MAILAUTH_NONE },
        { STR("x@test"), STR("e.test"), MAILAUTH_NONE },
        { STR("x@test."), STR("e.test"), MAILAUTH_NONE },
        { STR("x@[192.0.2.1]"), STR("e.test"), MAILAUTH_NONE },
        { STR("x@[IPv6:2001:db8::1]"), STR("e.test"), MAILAUTH_NONE },
        { STR("x@[e.test]"), STR("e.test"), MAILAUTH_NONE },
        { STR(""), STR("e.test"), MAILAUTH_FAIL },
        { STR(""), STR("u_1.test"), MAILAUTH_FAIL },
        { STR(""), STR("e.test."), MAILAUTH_FAIL },
        { STR(""), STR("[192.0.2.1]"), MAILAUTH_NONE },
        { STR(""), STR("two words.e.test"), MAILAUTH_NONE },
        { STR(""), STR("h"), MAILAUTH_NONE },
        { STR(""), STR(""), MAILAUTH_NONE },
        { arena_printf(&w->a, "x@%s.e.test", label), STR("h"), MAILAUTH_FAIL },
        { arena_printf(&w->a, "x@%s4.e.test", label), STR("h"), MAILAUTH_NONE },
        { arena_printf(&w->a, "x@%s%s%s%s%se.test", dots, dots, dots, dots, dots), STR("h"),
          MAILAUTH_NONE },
        /* the name is cut from the left at a dot, to at most 253 octets */
        { arena_printf(&w->a, "%s%s%s%s%s@cut.test", label, label, label, label, label), STR("h"),
          MAILAUTH_PASS },
        { arena_printf(&w->a, "%s.%s.%s.%s.%s@cut.test", label, label, label, label, label),
          STR("h"), MAILAUTH_SOFTFAIL },
        { STR("gr\xc3\xbc\xc3\x9f@utf8.test"), STR("h"), MAILAUTH_SOFTFAIL },
        { STR("x@utf8.test"), STR("h"), MAILAUTH_PASS },
    };
    static const char *const failing[] = { "e.test", "u_1.test", "xn--b-eha.test" };
    for (size_t i = 0; i < COUNT_OF(failing); i++)
        world_add_txt(w, str_from_cstr(failing[i]), STR("v=spf1 -all"));
    world_add_txt(w, arena_printf(&w->a, "%s.e.test", label), STR("v=spf1 -all"));
    /* The rest of a long name: none of it, or three labels of its five. */
    world_add_txt(w, STR("cut.test"), STR("v=spf1 ~exists:%{l}.l.test exists:%{l}.x.l.test -all"));
    add_address(w, arena_printf(&w->a, "%s.%s.%s.l.test", label, label, label), STR("127.0.0.2"),
                false);
    world_add_txt(w, STR("utf8.test"), STR("v=spf1 exists:%{l}.l.test ?exists:%{s1}.l.test ~all"));
    add_address(w, STR("x.l.test"), STR("127.0.0.2"), false);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mailauth_spf got = check(w, STR("192.0.2.1"), cases[i].helo, cases[i].sender);
        if (got.result != cases[i].wanted) {
            fail_msg("%zu '%.*s' '%.*s': %s", i, STR_FMT(cases[i].sender), STR_FMT(cases[i].helo),
                     mailauth_result_name(got.result));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_public_suite, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(loops_and_floods_end, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_grammar_by_section, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(explanations, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(senders_of_all_forms, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(helo_counts_for_the_null_sender, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/spf", tests, NULL, NULL);
}
