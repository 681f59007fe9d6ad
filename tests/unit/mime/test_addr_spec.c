/* SPDX-License-Identifier: Apache-2.0 */
/* Strict addr-specs against the isemail vectors (tests/vectors/address). */
#include "mime/address.h"

#include "support/vectors.h"

/* Control characters stand as their Unicode pictures, U+2400 + code. */
static str without_pictures(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool picture = i + 2 < s.n && s.p[i] == '\xe2' && s.p[i + 1] == '\x90';
        p[n++] = (char)(picture ? s.p[i + 2] & 0x3f : s.p[i]);
        i += picture ? 2 : 0;
    }
    return str_of(p, n);
}

struct category {
    const char *name;
    bool smtp;
    bool header;
};

static const struct category categories[] = {
    { "ISEMAIL_VALID_CATEGORY", true, true }, { "ISEMAIL_RFC5321", true, true },
    { "ISEMAIL_DNSWARN", true, true },        { "ISEMAIL_CFWS", false, true },
    { "ISEMAIL_DEPREC", false, true },        { "ISEMAIL_RFC5322", false, true },
    { "ISEMAIL_ERR", false, false },
};

static const struct category *find_category(str name)
{
    for (size_t i = 0; i < COUNT_OF(categories); i++) {
        if (str_eq(name, str_from_cstr(categories[i].name)))
            return &categories[i];
    }
    fail_msg("unknown category %.*s", STR_FMT(name));
    return NULL;
}

static bool check(struct arena *a, const json_t *test, unsigned rules, bool wanted)
{
    struct err e = ERR_CLEAR;
    struct mime_addr_spec spec;
    str address = without_pictures(a, vectors_str(test, "address"));
    bool valid = mime_address_parse_addr_spec(a, address, rules, &spec, &e);
    if (valid != wanted) {
        print_error("%.*s (%.*s): rules %u say %d: %s\n", STR_FMT(vectors_str(test, "address")),
                    STR_FMT(vectors_str(test, "diagnosis")), rules, valid, e.msg);
    }
    return valid == wanted;
}

static void agrees_with_isemail(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    json_t *cases = vectors_load("address/isemail-half.json");
    size_t failed = 0;
    assert_true(json_array_size(cases) > 70);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *test = json_array_get(cases, i);
        const struct category *category = find_category(vectors_str(test, "category"));
        failed += !check(&a, test, MIME_SPEC_SMTP, category->smtp);
        failed += !check(&a, test, MIME_SPEC_HEADER, category->header);
    }
    assert_int_equal(failed, 0);
    json_decref(cases);
    arena_fini(&a);
}

static const struct spec_case {
    const char *name;
    str address;
    unsigned rules;
    bool valid;
    str local, domain;
} cases[] = {
    { "plain", STR_INIT("ada@example.org"), MIME_SPEC_SMTP, true, STR_INIT("ada"),
      STR_INIT("example.org") },
    { "quoted local is unquoted", STR_INIT("\"a\\\"b c\"@example.org"), MIME_SPEC_SMTP, true,
      STR_INIT("a\"b c"), STR_INIT("example.org") },
    { "comments and folds go", STR_INIT("a (x) . b@ example\r\n .org"), MIME_SPEC_HEADER, true,
      STR_INIT("a.b"), STR_INIT("example.org") },
    { "literal keeps its brackets", STR_INIT("a@[192.0.2.1]"), MIME_SPEC_SMTP, true, STR_INIT("a"),
      STR_INIT("[192.0.2.1]") },
    { "utf-8 is asked for", STR_INIT("\xc3\xa9@example.org"), MIME_SPEC_SMTP | MIME_SPEC_UTF8, true,
      STR_INIT("\xc3\xa9"), STR_INIT("example.org") },
    { "utf-8 without", STR_INIT("\xc3\xa9@example.org"), MIME_SPEC_SMTP, false, { 0 }, { 0 } },
    { "wrong utf-8",
      STR_INIT("\xc3@example.org"),
      MIME_SPEC_SMTP | MIME_SPEC_UTF8,
      false,
      { 0 },
      { 0 } },
    { "two at signs", STR_INIT("a@b@example.org"), MIME_SPEC_HEADER, false, { 0 }, { 0 } },
    { "underscore in a host", STR_INIT("a@b_c.org"), MIME_SPEC_SMTP, false, { 0 }, { 0 } },
    { "comments 33 deep",
      STR_INIT("((((((((((((((((((((((((((((((((()))))))))))))))))))))))))))))))))a@b.org"),
      MIME_SPEC_HEADER,
      false,
      { 0 },
      { 0 } },
    { "comments 32 deep",
      STR_INIT("(((((((((((((((((((((((((((((((())))))))))))))))))))))))))))))))a@b.org"),
      MIME_SPEC_HEADER, true, STR_INIT("a"), STR_INIT("b.org") },
};

static void reads_single_specs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct err e = ERR_CLEAR;
        struct mime_addr_spec spec = { 0 };
        arena_init(&a);
        bool valid = mime_address_parse_addr_spec(&a, cases[i].address, cases[i].rules, &spec, &e);
        if (valid != cases[i].valid || !str_eq(spec.local, cases[i].local) ||
            !str_eq(spec.domain, cases[i].domain)) {
            fail_msg("%s: %d '%.*s' '%.*s' %s", cases[i].name, valid, STR_FMT(spec.local),
                     STR_FMT(spec.domain), e.msg);
        }
        assert_true(valid || e.kind == ERR_SYNTAX || e.kind == ERR_LIMIT);
        arena_fini(&a);
    }
}

/* RFC 5322 section 3.4: lists; "name<local@domain>" of each mailbox, groups as "name{" and "}". */
static void reads_lists(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *wanted;
    } lists[] = {
        { "a@[IPv6:2001:db8::1], b@c.test", "<a@[IPv6:2001:db8::1]><b@c.test>" },
        { "Ann <a@[IPv6:2001:db8::1]>", "Ann<a@[IPv6:2001:db8::1]>" },
        { "g: a@ [ IPv6:2001:db8::1 ] (c);, b@[192.0.2.1]",
          "g{c<a@[IPv6:2001:db8::1]>}<b@[192.0.2.1]>" },
        { "[x: y] z <a@b.test>", "[x{y] z<a@b.test>}" },
        { "[list] <a@b.test>", "[list]<a@b.test>" },
        { "a@[x, b@c.test", "<a@[x><b@c.test>" },
        { "g:;, h : (none) ;", "g{}h{}" },
        { "<@x.test,@y.test:a@b.test>", "<a@b.test>" },
        { "\"a, b; c: d\" <\"e@f\"@b.test>, ,", "a, b; c: d<\"e@f\"@b.test>" },
    };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct arena a;
        struct buf text;
        struct mime_address_list list;
        arena_init(&a);
        buf_init(&text, 1000);
        mime_address_list_parse(&a, str_from_cstr(lists[i].body), &list);
        for (size_t k = 0; k < list.n; k++) {
            const struct mime_address *one = &list.items[k];
            bool is_mailbox = one->kind == MIME_ADDRESS_MAILBOX;
            const char *mark = one->kind == MIME_ADDRESS_GROUP_START ? "{" : "}";
            assert_true(buf_add(&text, one->name));
            assert_true(is_mailbox ? buf_addf(&text, "<%.*s>", STR_FMT(mime_address_spec(&a, one)))
                                   : buf_addf(&text, "%s", mark));
        }
        if (!str_eq(buf_str(&text), str_from_cstr(lists[i].wanted)))
            fail_msg("%s: %.*s", lists[i].body, STR_FMT(buf_str(&text)));
        buf_fini(&text);
        arena_fini(&a);
    }
}

/* What is read all the same, and what others may read in it. */
static void tells_lists_that_are_none(void **state)
{
    (void)state;
    enum {
        SOUND,
        JUNK,
        AMBIGUOUS
    };
    static const struct {
        const char *body;
        int wanted;
    } lists[] = {
        { "Ann <a@b.test> (c), d@e.test (f), g: h@i.test, j@k.test;, <l@m.test>", SOUND },
        { "\"c@d.test\" <a@b.test>", SOUND },
        { "a@b.test <a@b.test>", SOUND },
        { "A@B.test (x) <a@b.test>", SOUND },
        { "Ann @ Work <a@b.test>", SOUND },
        { "a (c) @ b . test", SOUND },
        { "< a @ b.\r\n test >", SOUND },
        { "\"a@b\"@c.test", SOUND },
        { "Ann <a@[192.0.2.1]>", SOUND },
        { "Ann a@b.test", SOUND },
        { "(c@d.test) a@b.test", SOUND },
        { "", SOUND },
        { "c@d.test <a@b.test>", JUNK },
        { "<a@b.test>>", JUNK },
        { "<a@b.test>\"", JUNK },
        { "<a@b.test", JUNK },
        { "<@x.test,@y.test:a@b.test>", JUNK },
        { "<@x.test,,@y.test:a@b.test>", JUNK },
        { "a@b.test (c", JUNK },
        { "<a@b.test><c@d.test>", AMBIGUOUS },
        { "<a@b.test> <c@d.test>", AMBIGUOUS },
        { "<a@b.test> c@d.test", AMBIGUOUS },
        { "<a@b.test> c", AMBIGUOUS },
        { "<a@b.test> \"c@d.test\"", AMBIGUOUS },
        { "<a@b.test> =?utf-8?q?c?=", AMBIGUOUS },
        { "x@y.test, <a@b.test> c, z@y.test", AMBIGUOUS },
        { "g: <a@b.test> c;", AMBIGUOUS },
        { "<> <a@b.test>", AMBIGUOUS },
        { "<@c@d.test:a@b.test>", AMBIGUOUS },
        { "<@c.test d.test:a@b.test>", AMBIGUOUS },
        { "<@c.test,d:a@b.test>", AMBIGUOUS },
        { "<@,:a@b.test>", AMBIGUOUS },
        { "<c@d.test:a@b.test>", AMBIGUOUS },
        { "<c@d.test a@b.test>", AMBIGUOUS },
        { "<c@d.test <a@b.test>", AMBIGUOUS },
        { "c@d.test a@b.test", AMBIGUOUS },
        { "c@d.test (a) b.test", AMBIGUOUS },
        { "c@d.test\"a\"", AMBIGUOUS },
        { "c@d.test: a@b.test;", AMBIGUOUS },
        { "a@b.test (c, d@e.test", AMBIGUOUS },
        { "<a@b.test> \", c@d.test", AMBIGUOUS },
    };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct arena a;
        struct mime_address_list list;
        arena_init(&a);
        mime_address_list_parse(&a, str_from_cstr(lists[i].body), &list);
        if (list.has_junk != (lists[i].wanted != SOUND) ||
            list.is_ambiguous != (lists[i].wanted == AMBIGUOUS))
            fail_msg("%s: junk %d, ambiguous %d", lists[i].body, list.has_junk, list.is_ambiguous);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_isemail),
        cmocka_unit_test(reads_single_specs),
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(tells_lists_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
