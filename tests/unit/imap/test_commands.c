/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the service: commands and error replies. */
#include "services/imap/commands.h"
#include "services/imap/replies.h"
#include "services/imap/special_use.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void commands_are_found_with_and_without_uid(void **state)
{
    static const struct {
        str name;
        bool is_uid;
        bool want;
    } cases[] = {
        { STR_INIT("FETCH"), true, true },   { STR_INIT("FETCH"), false, true },
        { STR_INIT("EXPUNGE"), true, true }, { STR_INIT("SEARCH"), true, true },
        { STR_INIT("NOOP"), true, false },   { STR_INIT("NOOP"), false, true },
        { STR_INIT("APPEND"), true, false }, { STR_INIT("XYZZY"), false, false },
        { STR_INIT(""), false, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool found = imap_command_find(cases[i].name, cases[i].is_uid) != NULL;
        if (found != cases[i].want)
            fail_msg("case %zu: %.*s", i, STR_FMT(cases[i].name));
    }
}

/* What carries a password is wiped. */
static void passwords_are_guarded(void **state)
{
    static const str names[] = { STR_INIT("LOGIN"), STR_INIT("AUTHENTICATE") };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct imap_command_entry *entry = imap_command_find(names[i], false);
        assert_non_null(entry);
        assert_true(entry->flags & IMAP_WIPES);
        assert_int_equal(entry->states, IMAP_NOT_AUTHENTICATED);
    }
}

/* EXPUNGE may not be told in these (RFC 9051 section 7.5.1). */
static void numbers_stand_still_where_they_must(void **state)
{
    (void)state;
    assert_true(imap_command_find(STR("FETCH"), false)->flags & IMAP_KEEPS_NUMBERS);
    assert_true(imap_command_find(STR("STORE"), false)->flags & IMAP_KEEPS_NUMBERS);
    assert_true(imap_command_find(STR("SEARCH"), false)->flags & IMAP_KEEPS_NUMBERS);
    assert_false(imap_command_find(STR("NOOP"), false)->flags & IMAP_KEEPS_NUMBERS);
}

static void every_error_has_an_answer(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    for (int kind = ERR_NONE; kind <= ERR_INTERNAL; kind++) {
        const struct err e = { .kind = (enum err_kind)kind };
        struct imap_reply reply = imap_reply_for(&e, &a);
        assert_int_not_equal(reply.status, IMAP_OK);
        assert_true(reply.text.n > 0);
        assert_true(reply.status == IMAP_BAD || reply.code.n > 0);
    }
    arena_fini(&a);
}

/* Clients are told what our parsers and limits say, never what the database says. */
static void clients_read_only_what_is_for_them(void **state)
{
    static const struct {
        struct err e;
        const char *want;
    } cases[] = {
        { { ERR_SYNTAX, 0, "../../shared/wire/imap_lexer.c", 1, "expected '(' at octet 7" },
          "Syntax error: expected '(' at octet 7" },
        { { ERR_LIMIT, 0, "../../shared/store/names.c", 1, "more than 64 keywords" },
          "A limit was reached: more than 64 keywords" },
        { { ERR_SYNTAX, 0, "../../shared/wire/x.c", 1, "no \r\n* BYE \xff" },
          "Syntax error: no ??* BYE ?" },
        { { ERR_LIMIT, 0, "../../shared/db/query.c", 1, "54001: stack depth" },
          "A limit was reached" },
        { { ERR_LIMIT, 0, "../../shared/db/query.c", 1, "57014: canceling statement" },
          "It took too long and was stopped; ask for less at once" },
        { { ERR_UNAVAILABLE, 0, "../../shared/store/x.c", 1, "postgres://secret" },
          "Try again later" },
        { { ERR_INTERNAL, 0, "../../services/imap/x.c", 1, "secret" }, "Internal error" },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_reply reply = imap_reply_for(&cases[i].e, &a);
        if (!str_eq(reply.text, str_from_cstr(cases[i].want)))
            fail_msg("case %zu: %.*s", i, STR_FMT(reply.text));
    }
    arena_fini(&a);
}

/* COPY must not say [EXPUNGEISSUED] or [OVERQUOTA] of what the database did not get done. */
static void what_the_database_did_not_do_is_no_refusal(void **state)
{
    static const struct {
        struct err e;
        bool want;
    } cases[] = {
        { { ERR_LIMIT, 0, "../../shared/db/sqlstate.c", 1, "over quota" }, true },
        { { ERR_LIMIT, 0, "../../shared/db/sqlstate.c", 1, "57014 canceling statement" }, false },
        { { ERR_CONFLICT, 0, "../../shared/db/sqlstate.c", 1, "some messages are gone" }, true },
        { { ERR_CONFLICT, 0, "../../shared/db/sqlstate.c", 1, "40P01 deadlock detected" }, false },
        { { ERR_CONFLICT, 0, "../../shared/db/sqlstate.c", 1, "40001 could not" }, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct err *e = &cases[i].e;
        if (imap_is_refusal(e, e->kind) != cases[i].want)
            fail_msg("case %zu", i);
        assert_false(imap_is_refusal(e, ERR_NOT_FOUND));
    }
}

static void special_uses_go_both_ways(void **state)
{
    (void)state;
    for (int role = 0; role < STORE_ROLE_COUNT; role++) {
        enum store_role back = STORE_ROLE_NONE;
        str attribute = imap_special_use_attribute((enum store_role)role);
        if (attribute.n == 0)
            continue;
        assert_true(imap_special_use_role(attribute, &back));
        assert_int_equal(back, role);
    }
    enum store_role none = STORE_ROLE_NONE;
    assert_false(imap_special_use_role(STR("\\All"), &none));
    assert_false(imap_special_use_role(STR(""), &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_found_with_and_without_uid),
        cmocka_unit_test(passwords_are_guarded),
        cmocka_unit_test(numbers_stand_still_where_they_must),
        cmocka_unit_test(every_error_has_an_answer),
        cmocka_unit_test(clients_read_only_what_is_for_them),
        cmocka_unit_test(what_the_database_did_not_do_is_no_refusal),
        cmocka_unit_test(special_uses_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
