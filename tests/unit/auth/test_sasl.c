/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of auth/sasl.h and auth/password.h. */
#include "auth/password.h"
#include "auth/sasl.h"
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What an exchange ends in: the lines of the client are decoded text here and encoded on the way.
 */
struct outcome {
    enum sasl_next next;
    enum err_kind kind;
    char login[400];
    char password[1100];
};

static str encode(str text, struct buf *out)
{
    buf_init(out, 65536);
    assert_true(base64_encode(BASE64_STANDARD, text, out));
    return buf_str(out);
}

static void keep(str from, char *to, size_t size)
{
    (void)snprintf(to, size, "%.*s", STR_FMT(from));
}

static void finish(struct sasl_server *s, enum sasl_next next, const struct err *e,
                   struct outcome *out)
{
    *out = (struct outcome){ .next = next, .kind = e->kind };
    keep(secret_str(&s->login), out->login, sizeof(out->login));
    keep(secret_str(&s->password), out->password, sizeof(out->password));
    sasl_server_fini(s);
}

static void run_plain(str message, bool is_initial, struct outcome *out)
{
    struct err e = ERR_CLEAR;
    struct sasl_server s;
    struct buf line;
    str challenge;
    str text = encode(message, &line);
    sasl_server_init(&s, SASL_PLAIN);
    enum sasl_next next = sasl_server_start(&s, is_initial ? &text : NULL, &challenge, &e);
    if (!is_initial) {
        assert_int_equal(next, SASL_CHALLENGE);
        assert_int_equal(challenge.n, 0);
        next = sasl_server_step(&s, text, &challenge, &e);
    }
    finish(&s, next, &e, out);
    buf_fini(&line);
}

static void plain_messages(void **state)
{
    static const struct {
        const char *name;
        str message;
        enum sasl_next next;
        enum err_kind kind;
        const char *login, *password;
    } cases[] = {
        { "as it should be", STR_INIT("\0tim\0tanstaaftanstaaf"), SASL_DONE, ERR_NONE, "tim",
          "tanstaaftanstaaf" },
        { "own authzid", STR_INIT("Tim@Example.org\0tim@example.org\0pass"), SASL_DONE, ERR_NONE,
          "tim@example.org", "pass" },
        { "foreign authzid", STR_INIT("Ursel\0Kurt\0xipj3plmq"), SASL_FAIL, ERR_DENIED, "", "" },
        { "no NUL", STR_INIT("tim"), SASL_FAIL, ERR_SYNTAX, "", "" },
        { "one NUL", STR_INIT("tim\0pass"), SASL_FAIL, ERR_SYNTAX, "", "" },
        { "three NULs", STR_INIT("\0tim\0pass\0"), SASL_FAIL, ERR_SYNTAX, "", "" },
        { "NUL in the password", STR_INIT("\0tim\0pa\0ss"), SASL_FAIL, ERR_SYNTAX, "", "" },
        { "empty", STR_INIT(""), SASL_FAIL, ERR_SYNTAX, "", "" },
        { "only NULs", STR_INIT("\0\0"), SASL_FAIL, ERR_DENIED, "", "" },
        { "no name", STR_INIT("\0\0pass"), SASL_FAIL, ERR_DENIED, "", "" },
        { "no password", STR_INIT("\0tim\0"), SASL_FAIL, ERR_DENIED, "tim", "" },
        { "control in the name", STR_INIT("\0t\nim\0pass"), SASL_FAIL, ERR_DENIED, "", "" },
        { "name is no UTF-8", STR_INIT("\0t\xffim\0pass"), SASL_FAIL, ERR_DENIED, "", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int is_initial = 0; is_initial < 2; is_initial++) {
            struct outcome out;
            run_plain(cases[i].message, is_initial, &out);
            if (out.next != cases[i].next || out.kind != cases[i].kind)
                fail_msg("%s: %d %s", cases[i].name, out.next, err_kind_name(out.kind));
            assert_string_equal(out.login, cases[i].login);
            assert_string_equal(out.password, cases[i].password);
        }
    }
}

static void lengths_have_limits(void **state)
{
    static const struct {
        size_t login, password;
        bool ok;
    } cases[] = {
        { 320, 1024, true },
        { 321, 10, false },
        { 10, 1025, false },
        { 10, 8000, false },
    };
    static char message[9000];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct outcome out;
        memset(message, 'a', sizeof(message));
        message[0] = '\0';
        message[1 + cases[i].login] = '\0';
        run_plain(str_of(message, 2 + cases[i].login + cases[i].password), true, &out);
        assert_int_equal(out.next, cases[i].ok ? SASL_DONE : SASL_FAIL);
        assert_int_equal(out.kind, cases[i].ok ? ERR_NONE : ERR_DENIED);
    }
}

static void login_asks_twice(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct sasl_server s;
    str challenge;
    sasl_server_init(&s, SASL_LOGIN);
    assert_int_equal(sasl_server_start(&s, NULL, &challenge, &e), SASL_CHALLENGE);
    assert_true(str_eq(challenge, STR("VXNlcm5hbWU6")));
    assert_int_equal(sasl_server_step(&s, STR("dGlt"), &challenge, &e), SASL_CHALLENGE);
    assert_true(str_eq(challenge, STR("UGFzc3dvcmQ6")));
    assert_int_equal(sasl_server_step(&s, STR("cGFzcw=="), &challenge, &e), SASL_DONE);
    assert_true(str_eq(secret_str(&s.login), STR("tim")));
    assert_true(str_eq(secret_str(&s.password), STR("pass")));
    sasl_server_fini(&s);
    assert_null(s.password.p);
    const str initial = STR("dGlt");
    sasl_server_init(&s, SASL_LOGIN);
    assert_int_equal(sasl_server_start(&s, &initial, &challenge, &e), SASL_CHALLENGE);
    assert_true(str_eq(challenge, STR("UGFzc3dvcmQ6")));
    sasl_server_fini(&s);
}

static void bad_lines(void **state)
{
    static char huge[SASL_LINE_MAX + 2];
    memset(huge, 'A', sizeof(huge));
    const struct {
        const char *name;
        enum sasl_mechanism mechanism;
        bool is_initial;
        str line;
        enum err_kind kind;
    } cases[] = {
        { "cancel", SASL_PLAIN, false, STR("*"), ERR_CANCELLED },
        { "cancel LOGIN", SASL_LOGIN, false, STR("*"), ERR_CANCELLED },
        { "no base64", SASL_PLAIN, false, STR("?"), ERR_SYNTAX },
        { "bare padding", SASL_PLAIN, false, STR("="), ERR_SYNTAX },
        { "empty initial", SASL_PLAIN, true, STR("="), ERR_SYNTAX },
        { "empty initial name", SASL_LOGIN, true, STR("="), ERR_DENIED },
        { "empty name", SASL_LOGIN, false, STR(""), ERR_DENIED },
        { "NUL in the name", SASL_LOGIN, false, STR("dAB0"), ERR_DENIED },
        { "too long", SASL_PLAIN, false, str_of(huge, sizeof(huge)), ERR_LIMIT },
        { "just not too long", SASL_PLAIN, false, str_of(huge, SASL_LINE_MAX), ERR_SYNTAX },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct sasl_server s;
        str challenge;
        sasl_server_init(&s, cases[i].mechanism);
        enum sasl_next next =
            sasl_server_start(&s, cases[i].is_initial ? &cases[i].line : NULL, &challenge, &e);
        if (!cases[i].is_initial)
            next = sasl_server_step(&s, cases[i].line, &challenge, &e);
        if (next != SASL_FAIL || e.kind != cases[i].kind)
            fail_msg("%s: %d %s", cases[i].name, next, err_kind_name(e.kind));
        sasl_server_fini(&s);
    }
}

static void mechanisms_have_names(void **state)
{
    (void)state;
    enum sasl_mechanism m = SASL_PLAIN;
    assert_true(sasl_mechanism_find(STR("login"), &m));
    assert_int_equal(m, SASL_LOGIN);
    assert_true(sasl_mechanism_find(STR("PLAIN"), &m));
    assert_int_equal(m, SASL_PLAIN);
    assert_false(sasl_mechanism_find(STR("CRAM-MD5"), &m));
    assert_false(sasl_mechanism_find(STR(""), &m));
}

static void passwords_have_one_form(void **state)
{
    static const struct {
        str in;
        const char *out; /* NULL: refused */
    } cases[] = {
        { STR_INIT("correct horse battery"), "correct horse battery" },
        { STR_INIT("Caf\xc3\xa9"), "Caf\xc3\xa9" },
        { STR_INIT("Cafe\xcc\x81"), "Caf\xc3\xa9" }, /* decomposed */
        { STR_INIT("a\xe3\x80\x80"
                   "b"),
          "a b" }, /* ideographic space */
        { STR_INIT("a\xc2\xa0"
                   "b"),
          "a b" },                                            /* no-break space */
        { STR_INIT("UPPER"), "UPPER" },                       /* case is kept */
        { STR_INIT("\xef\xbc\xa1"), "\xef\xbc\xa1" },         /* width is kept (OpaqueString) */
        { STR_INIT("\xf0\x9f\x94\x91"), "\xf0\x9f\x94\x91" }, /* a key */
        { STR_INIT(""), NULL },
        { STR_INIT("a\0b"), NULL },
        { STR_INIT("a\tb"), NULL },
        { STR_INIT("a\xc2\x85"
                   "b"),
          NULL },
        { STR_INIT("a\xff"), NULL },
        { STR_INIT("\xed\xa0\x80"), NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct secret out = SECRET_EMPTY;
        bool ok = auth_password_prepare(cases[i].in, &out, &e);
        assert_int_equal(ok, cases[i].out != NULL);
        if (ok)
            assert_true(str_eq(secret_str(&out), str_from_cstr(cases[i].out)));
        else
            assert_int_equal(e.kind, ERR_DENIED);
        secret_wipe(&out);
    }
}

static void new_passwords_have_rules(void **state)
{
    static char longest[AUTH_PASSWORD_MAX + 1];
    (void)state;
    for (size_t i = 0; i < sizeof(longest); i++)
        longest[i] = (char)('a' + (i * i / 7) % 26);
    const struct {
        str password;
        enum err_kind kind;
    } cases[] = {
        { STR("twelve chars"), ERR_NONE },
        { STR("eleven char"), ERR_LIMIT },
        { STR("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), ERR_LIMIT }, /* 6, not 12 */
        { STR(""), ERR_LIMIT },
        { STR("line\nfeed in it"), ERR_SYNTAX },
        { STR("no text \xff\xff\xff\xff"), ERR_SYNTAX },
        { STR("qwertyuiop123"), ERR_SYNTAX }, /* among the 100,000 most common ones */
        { STR("1Q2W3E4R5T6Y"), ERR_SYNTAX },
        { STR("1234567890123"), ERR_SYNTAX },
        { STR("1q2w3e4r5t6z"), ERR_NONE },
        { STR("zzzzzzzzzzzzzz"), ERR_SYNTAX },
        { STR("h7!kh7!kh7!kh"), ERR_SYNTAX },
        { STR("passwordpassword"), ERR_SYNTAX },
        { STR("nrwyvqmknrwyvqmk"), ERR_NONE },
        { str_of(longest, AUTH_PASSWORD_MAX), ERR_NONE },
        { str_of(longest, AUTH_PASSWORD_MAX + 1), ERR_LIMIT },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        assert_int_equal(auth_password_check(cases[i].password, &e), cases[i].kind == ERR_NONE);
        assert_int_equal(e.kind, cases[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_messages),           cmocka_unit_test(lengths_have_limits),
        cmocka_unit_test(login_asks_twice),         cmocka_unit_test(bad_lines),
        cmocka_unit_test(mechanisms_have_names),    cmocka_unit_test(passwords_have_one_form),
        cmocka_unit_test(new_passwords_have_rules),
    };
    return cmocka_run_group_tests_name("auth/sasl", tests, NULL, NULL);
}
