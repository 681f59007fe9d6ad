/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of GETMETADATA, SETMETADATA and SETQUOTA, and what is written of them. */
#include "wire/imap_metadata.h"
#include "wire/imap_quota.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum command {
    GET,
    SET,
    QUOTA
};

static const struct {
    const char *name;
    enum command command;
    const char *args;
    enum err_kind kind; /* ERR_NONE: it is good */
} cases[] = {
    { "one entry", GET, " INBOX /private/comment", ERR_NONE },
    { "entries", GET, " \"\" (/private/comment /shared/vendor/x/y)", ERR_NONE },
    { "options first", GET, " (MAXSIZE 5 DEPTH 1) INBOX /shared/a", ERR_NONE },
    { "options behind", GET, " INBOX (DEPTH infinity) (/shared/a)", ERR_NONE },
    { "options twice", GET, " (DEPTH 1) INBOX (DEPTH 1) /shared/a", ERR_SYNTAX },
    { "depth of 2", GET, " (DEPTH 2) INBOX /shared/a", ERR_SYNTAX },
    { "an unknown option", GET, " (WIDTH 2) INBOX /shared/a", ERR_SYNTAX },
    { "no entry", GET, " INBOX ()", ERR_SYNTAX },
    { "another tree", GET, " INBOX /public/a", ERR_SYNTAX },
    { "all of a tree", GET, " (DEPTH infinity) INBOX (/private /shared)", ERR_NONE },
    { "what only begins as a tree", GET, " INBOX /shareds", ERR_SYNTAX },
    { "a tree without entry", SET, " INBOX (/shared NIL)", ERR_SYNTAX },
    { "an empty level", GET, " INBOX /shared//a", ERR_SYNTAX },
    { "an empty end", GET, " INBOX /shared/a/", ERR_SYNTAX },
    { "a wildcard", GET, " INBOX \"/shared/%\"", ERR_SYNTAX },
    { "all of a vendor", GET, " (DEPTH 1) INBOX /shared/vendor/x", ERR_NONE },
    { "a vendor without entry", SET, " INBOX (/shared/vendor/x NIL)", ERR_SYNTAX },
    { "what only begins as vendor", GET, " INBOX /shared/vendors", ERR_NONE },
    { "values", SET, " INBOX (/private/a \"x\" /shared/a NIL /private/b {1}\r\ny)", ERR_NONE },
    { "a binary value", SET, " INBOX (/private/a ~{1}\r\ny)", ERR_NONE },
    { "an atom as value", SET, " INBOX (/private/a x)", ERR_SYNTAX },
    { "twice in another case", SET, " INBOX (/private/a NIL /PRIVATE/A NIL)", ERR_SYNTAX },
    { "no values", SET, " INBOX ()", ERR_SYNTAX },
    { "more behind", SET, " INBOX (/private/a NIL) x", ERR_SYNTAX },
    { "limits", QUOTA, " root (STORAGE 5 message 6 MAILBOX 7)", ERR_NONE },
    { "no limits", QUOTA, " \"\" ()", ERR_NONE },
    { "a resource twice", QUOTA, " root (STORAGE 5 storage 5)", ERR_SYNTAX },
    { "an unknown resource", QUOTA, " root (X-THINGS 5)", ERR_UNSUPPORTED },
    { "a negative limit", QUOTA, " root (STORAGE -5)", ERR_SYNTAX },
    { "a limit of 64 bits", QUOTA, " root (STORAGE 18446744073709551615)", ERR_SYNTAX },
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct imap_lexer l;
        struct imap_getmetadata_args get;
        struct imap_setmetadata_args set;
        struct imap_setquota_args quota;
        struct err e = ERR_CLEAR;
        bool ok = false;
        arena_init(&a);
        imap_lexer_init(&l, str_from_cstr(cases[i].args), &a);
        switch (cases[i].command) {
        case GET:
            ok = imap_getmetadata_parse(&l, &get, &e);
            break;
        case SET:
            ok = imap_setmetadata_parse(&l, &set, &e);
            break;
        case QUOTA:
            ok = imap_setquota_parse(&l, &quota, &e);
            break;
        }
        if (ok != (cases[i].kind == ERR_NONE) || e.kind != cases[i].kind)
            fail_msg("%s: %s", cases[i].name, ok ? "read" : e.msg);
        arena_fini(&a);
    }
}

static void test_limits(void **state)
{
    struct arena a;
    struct imap_lexer l;
    struct imap_getmetadata_args get;
    struct buf text;
    struct err e = ERR_CLEAR;
    (void)state;
    arena_init(&a);
    for (int n = IMAP_METADATA_ENTRIES_MAX; n <= IMAP_METADATA_ENTRIES_MAX + 1; n++) {
        buf_init(&text, 65536);
        (void)buf_add(&text, STR(" INBOX ("));
        for (int i = 0; i < n; i++)
            (void)buf_addf(&text, "%s/private/%d", i ? " " : "", i);
        (void)buf_add_byte(&text, ')');
        imap_lexer_init(&l, buf_str(&text), &a);
        assert_int_equal(imap_getmetadata_parse(&l, &get, &e), n == IMAP_METADATA_ENTRIES_MAX);
        buf_fini(&text);
    }
    assert_int_equal(e.kind, ERR_LIMIT);
    arena_fini(&a);
}

static void test_format(void **state)
{
    static const struct {
        str value;
        const char *text;
    } values[] = {
        { STR_INIT("x"), "/a \"x\"" },
        { STR_INIT(""), "/a \"\"" },
        { STR_INIT("a\"b"), "/a \"a\\\"b\"" },
        { STR_INIT("a\r\nb"), "/a {4}\r\na\r\nb" },
    };
    struct buf text;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        buf_init(&text, 1024);
        assert_true(imap_metadata_format(&text, STR("/a"), values[i].value));
        assert_true(str_eq(buf_str(&text), str_from_cstr(values[i].text)));
        buf_fini(&text);
    }
    const struct imap_usage usages[IMAP_RESOURCE_COUNT] = { { true, 1, 2 },
                                                            { false, 3, 4 },
                                                            { true, 5, 6 } };
    buf_init(&text, 1024);
    assert_true(imap_quota_format(&text, usages));
    assert_true(str_eq(buf_str(&text), STR("(STORAGE 1 2 MAILBOX 5 6)")));
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
