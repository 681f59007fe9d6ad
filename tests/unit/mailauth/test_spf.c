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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_public_suite, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(loops_and_floods_end, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(helo_counts_for_the_null_sender, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/spf", tests, NULL, NULL);
}
