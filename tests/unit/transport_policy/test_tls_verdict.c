/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about TLS that is not as it should be: each row of the matrix by name, and what holds
 * for all combinations. */
#include "transport_policy/tls_verdict.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    REQUIRE = 1,
    VERIFY = 2,
    REQUIRETLS = 4,
    PERSON = 8 /* who can be asked */
};

struct row {
    enum tls_published published;
    enum tls_presented presented;
    enum tls_on_failure on_failure;
    enum tls_waiver waiver;
    unsigned flags;
    enum tls_verdict verdict;
};

#define NOTHING    TLS_PUBLISHED_NOTHING
#define ENCRYPT    TLS_PUBLISHED_ENCRYPT
#define BINDING    TLS_PUBLISHED_VERIFY
#define GOOD       TLS_PRESENTED_VERIFIED
#define UNVERIFIED TLS_PRESENTED_UNVERIFIED
#define BROKEN     TLS_PRESENTED_BROKEN
#define PLAIN      TLS_PRESENTED_NONE
#define HOLD       TLS_ON_FAILURE_HOLD
#define FALLBACK   TLS_ON_FAILURE_FALLBACK
#define FAIL       TLS_ON_FAILURE_FAIL
#define NOBODY     TLS_WAIVER_NONE
#define HEADER     TLS_WAIVER_HEADER
#define DECIDED    TLS_WAIVER_DECIDED

static const struct row rows[] = {
    /* As it should be. */
    { NOTHING, GOOD, HOLD, NOBODY, VERIFY | PERSON, TLS_SEND },
    { BINDING, GOOD, FAIL, NOBODY, REQUIRE | VERIFY, TLS_SEND },
    { ENCRYPT, GOOD, FALLBACK, NOBODY, 0, TLS_SEND },
    /* Nothing published, a certificate that proves nothing. */
    { NOTHING, UNVERIFIED, HOLD, NOBODY, VERIFY | PERSON, TLS_HOLD },
    { NOTHING, UNVERIFIED, HOLD, NOBODY, VERIFY, TLS_SEND_UNVERIFIED },
    { NOTHING, UNVERIFIED, HOLD, NOBODY, VERIFY | REQUIRE, TLS_RETRY },
    { NOTHING, UNVERIFIED, FALLBACK, NOBODY, VERIFY | PERSON, TLS_SEND_UNVERIFIED },
    { NOTHING, UNVERIFIED, FALLBACK, NOBODY, VERIFY | REQUIRE | PERSON, TLS_RETRY },
    { NOTHING, UNVERIFIED, FAIL, NOBODY, VERIFY | PERSON, TLS_FAIL },
    { NOTHING, UNVERIFIED, FAIL, NOBODY, PERSON, TLS_SEND },
    { NOTHING, UNVERIFIED, HOLD, NOBODY, REQUIRE | PERSON, TLS_SEND },
    /* The handshake fails. */
    { NOTHING, BROKEN, HOLD, NOBODY, VERIFY | PERSON, TLS_HOLD },
    { NOTHING, BROKEN, HOLD, NOBODY, VERIFY, TLS_SEND_PLAIN },
    { NOTHING, BROKEN, FALLBACK, NOBODY, VERIFY | PERSON, TLS_SEND_PLAIN },
    { NOTHING, BROKEN, FALLBACK, NOBODY, VERIFY | REQUIRE | PERSON, TLS_RETRY },
    { NOTHING, BROKEN, FAIL, NOBODY, VERIFY | PERSON, TLS_FAIL },
    { NOTHING, BROKEN, HOLD, NOBODY, PERSON, TLS_SEND_PLAIN },
    { NOTHING, BROKEN, HOLD, NOBODY, REQUIRE | PERSON, TLS_HOLD },
    /* No TLS is offered. */
    { NOTHING, PLAIN, HOLD, NOBODY, VERIFY | PERSON, TLS_SEND_PLAIN },
    { NOTHING, PLAIN, FAIL, NOBODY, VERIFY | PERSON, TLS_SEND_PLAIN },
    { NOTHING, PLAIN, HOLD, NOBODY, VERIFY | REQUIRE | PERSON, TLS_HOLD },
    { NOTHING, PLAIN, HOLD, NOBODY, VERIFY | REQUIRE, TLS_RETRY },
    { NOTHING, PLAIN, FALLBACK, NOBODY, REQUIRE | PERSON, TLS_RETRY },
    { NOTHING, PLAIN, FAIL, NOBODY, REQUIRE | PERSON, TLS_FAIL },
    /* TLSA records of kinds that have no use: encryption, whoever it is. */
    { ENCRYPT, UNVERIFIED, HOLD, NOBODY, PERSON, TLS_SEND },
    { ENCRYPT, UNVERIFIED, HOLD, NOBODY, VERIFY | PERSON, TLS_HOLD },
    { ENCRYPT, UNVERIFIED, FALLBACK, NOBODY, VERIFY, TLS_SEND_UNVERIFIED },
    { ENCRYPT, BROKEN, FALLBACK, NOBODY, VERIFY, TLS_RETRY },
    { ENCRYPT, PLAIN, FALLBACK, NOBODY, 0, TLS_RETRY },
    { ENCRYPT, PLAIN, HOLD, NOBODY, PERSON, TLS_RETRY },
    /* A word that binds and is not kept: neither fallback nor questions. */
    { BINDING, UNVERIFIED, FALLBACK, NOBODY, 0, TLS_RETRY },
    { BINDING, UNVERIFIED, HOLD, NOBODY, VERIFY | PERSON, TLS_RETRY },
    { BINDING, BROKEN, HOLD, NOBODY, VERIFY | PERSON, TLS_RETRY },
    { BINDING, PLAIN, FALLBACK, NOBODY, 0, TLS_RETRY },
    { BINDING, PLAIN, FAIL, NOBODY, VERIFY, TLS_RETRY },
    /* "TLS-Required: No" (RFC 8689 4.1) overlooks that, but not delivery.require_tls. */
    { BINDING, UNVERIFIED, HOLD, HEADER, VERIFY | PERSON, TLS_SEND_UNVERIFIED },
    { BINDING, PLAIN, HOLD, HEADER, VERIFY | PERSON, TLS_SEND_PLAIN },
    { BINDING, BROKEN, FAIL, HEADER, VERIFY, TLS_SEND_PLAIN },
    { NOTHING, UNVERIFIED, HOLD, HEADER, VERIFY | PERSON, TLS_SEND_UNVERIFIED },
    { NOTHING, PLAIN, FALLBACK, HEADER, REQUIRE, TLS_RETRY },
    { NOTHING, BROKEN, HOLD, HEADER, REQUIRE | PERSON, TLS_HOLD },
    /* Somebody decided. */
    { NOTHING, UNVERIFIED, HOLD, DECIDED, VERIFY | PERSON, TLS_SEND_UNVERIFIED },
    { NOTHING, BROKEN, HOLD, DECIDED, VERIFY | REQUIRE | PERSON, TLS_SEND_PLAIN },
    { BINDING, PLAIN, FAIL, DECIDED, VERIFY | REQUIRE, TLS_SEND_PLAIN },
    /* REQUIRETLS: verified, or back to the sender, whatever else is said. */
    { NOTHING, GOOD, HOLD, NOBODY, REQUIRETLS, TLS_SEND },
    { NOTHING, UNVERIFIED, FALLBACK, NOBODY, REQUIRETLS, TLS_FAIL },
    { NOTHING, UNVERIFIED, HOLD, DECIDED, REQUIRETLS | PERSON, TLS_FAIL },
    { BINDING, UNVERIFIED, HOLD, HEADER, REQUIRETLS | PERSON, TLS_FAIL },
    { NOTHING, PLAIN, FALLBACK, NOBODY, REQUIRETLS, TLS_FAIL },
    { NOTHING, BROKEN, FALLBACK, NOBODY, REQUIRETLS, TLS_FAIL },
};

static struct tls_case make(const struct row *row)
{
    return (struct tls_case){
        .published = row->published,
        .presented = row->presented,
        .on_failure = row->on_failure,
        .waiver = row->waiver,
        .require = (row->flags & REQUIRE) != 0,
        .verify = (row->flags & VERIFY) != 0,
        .requiretls = (row->flags & REQUIRETLS) != 0,
        .can_ask = (row->flags & PERSON) != 0,
    };
}

static void matrix(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct tls_case c = make(&rows[i]);
        enum tls_verdict verdict = tls_judge(&c);
        if (verdict != rows[i].verdict) {
            fail_msg("row %zu: %s instead of %s", i, tls_verdict_name(verdict),
                     tls_verdict_name(rows[i].verdict));
        }
    }
}

static void check_one(const struct tls_case *c)
{
    enum tls_verdict verdict = tls_judge(c);
    bool has_tls = c->presented == GOOD || c->presented == UNVERIFIED;
    bool sends = verdict == TLS_SEND || verdict == TLS_SEND_UNVERIFIED || verdict == TLS_SEND_PLAIN;
    if (c->presented == GOOD)
        assert_int_equal(verdict, TLS_SEND);
    if (c->requiretls && c->presented != GOOD)
        assert_int_equal(verdict, TLS_FAIL);
    if (verdict == TLS_SEND)
        assert_true(has_tls);
    if (verdict == TLS_SEND_UNVERIFIED)
        assert_int_equal(c->presented, UNVERIFIED);
    if (verdict == TLS_SEND_PLAIN)
        assert_true(!has_tls && (!c->require || c->waiver == DECIDED));
    if (verdict == TLS_HOLD)
        assert_true(c->can_ask && c->on_failure == HOLD);
    if (c->published == BINDING && c->waiver == NOBODY && c->presented != GOOD)
        assert_false(sends);
    if (c->waiver == DECIDED && !c->requiretls)
        assert_true(sends);
}

static void what_always_holds(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 3 * 4 * 3 * 3 * 16; bits++) {
        unsigned rest = bits / 16;
        struct row row = { .flags = bits % 16 };
        row.published = (enum tls_published)(rest % 3);
        row.presented = (enum tls_presented)(rest / 3 % 4);
        row.on_failure = (enum tls_on_failure)(rest / 12 % 3);
        row.waiver = (enum tls_waiver)(rest / 36);
        struct tls_case c = make(&row);
        check_one(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix),
        cmocka_unit_test(what_always_holds),
    };
    return cmocka_run_group_tests_name("transport_policy/tls_verdict", tests, NULL, NULL);
}
