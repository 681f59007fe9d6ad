/* SPDX-License-Identifier: Apache-2.0 */
/* Senders that name their message: what is made is found again, and nothing else is. */
#include "wire/smtp_from_id.h"

#include "wire/smtp_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KEY STR("0123456789abcdef0123456789abcdef")

/* The local part, without quotes; empty when it is no address. */
static str local_of(str address, struct arena *a)
{
    struct smtp_path path;
    return smtp_mailbox_parse(address, a, &path) == SMTP_GOOD ? path.local : STR_EMPTY;
}

static const struct {
    str sender;
    bool is_made;
} senders[] = {
    { STR_INIT("mia@example.org"), true },
    { STR_INIT("Mia+news@example.org"), true },
    { STR_INIT("\"the mia\"@example.org"), true },
    { STR_INIT("j\xc3\xbcrgen@b\xc3\xbc"
               "cher.example"),
      true },
    { STR_INIT("mia+id-01h00000000000abcdefgh@example.org"), true }, /* as one of ours, by chance */
    { STR_INIT("0123456789012345678901234567890123456789@example.org"), false },
    { STR_INIT("012345678901234567890123456789012345678@example.org"), true }, /* 64 octets */
    { STR_INIT(""), false },
    { STR_INIT("mia@[192.0.2.1]"), false },
    { STR_INIT("no address"), false },
    { STR_INIT("mia@example.org\r\nDATA"), false },
};

static void test_made_and_found(void **state)
{
    static const int64_t ids[] = { 1, INT64_C(0x0199abcdef012345), INT64_MAX };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(senders) * COUNT_OF(ids); i++) {
        str sender = senders[i / COUNT_OF(ids)].sender;
        int64_t id = ids[i % COUNT_OF(ids)];
        str made = smtp_from_id_sender(KEY, sender, id, &a);
        str base = STR_EMPTY;
        int64_t found = 0;
        if (!senders[i / COUNT_OF(ids)].is_made) {
            assert_true(str_eq(made, sender));
            continue;
        }
        if (!smtp_from_id_restore(KEY, local_of(made, &a), &a, &base, &found))
            fail_msg("%.*s is not found again", STR_FMT(made));
        assert_true(found == id && str_eq(base, local_of(sender, &a)));
    }
    arena_fini(&a);
}

/* It can be looked for in logs: the id is as they have it, and all is in small letters. */
static void test_form(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    str made = smtp_from_id_sender(KEY, STR("mia@example.org"), INT64_C(0x0199abcdef012345), &a);
    assert_true(str_has_prefix(made, STR("mia+id-036dbsqqg28t5")));
    assert_int_equal(made.n, strlen("mia+id-") + 13 + 8 + strlen("@example.org"));
    for (size_t i = 0; i < made.n; i++)
        assert_true(made.p[i] == ascii_lower(made.p[i]));
    arena_fini(&a);
}

static bool is_found(str local, struct arena *a)
{
    str base;
    int64_t id;
    return smtp_from_id_restore(KEY, local, a, &base, &id);
}

/* One octet less, more or other anywhere, another key, another name before it: not made here. The
 * case of letters is no difference, as servers on the way may change it. */
static void test_forged(void **state)
{
    struct arena a;
    str base;
    int64_t id;
    (void)state;
    arena_init(&a);
    str made = local_of(smtp_from_id_sender(KEY, STR("mia@example.org"), 77, &a), &a);
    assert_true(is_found(made, &a));
    assert_false(smtp_from_id_restore(STR("another key"), made, &a, &base, &id));
    for (size_t i = 0; i < made.n; i++) {
        char *other = arena_cstr(&a, made);
        other[i] = other[i] == '1' ? '2' : '1';
        assert_false(is_found(str_of(other, made.n), &a));
        other = arena_cstr(&a, made);
        for (size_t k = 0; k <= i; k++)
            other[k] = ascii_upper(other[k]);
        assert_true(is_found(str_of(other, made.n), &a));
        assert_false(is_found(str_slice(made, 0, i), &a));
        assert_false(is_found(str_skip(made, i + 1), &a));
    }
    assert_false(is_found(arena_printf(&a, "%.*s1", STR_FMT(made)), &a));
    assert_false(is_found(STR("+id-000000000000000000000"), &a));
    assert_false(is_found(STR("mia+id-zzzzzzzzzzzzz00000000"), &a)); /* more than 63 bits */
    assert_false(is_found(STR("mia"), &a));
    assert_false(is_found(STR_EMPTY, &a));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_made_and_found),
                                        cmocka_unit_test(test_form),
                                        cmocka_unit_test(test_forged) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
