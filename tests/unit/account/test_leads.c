/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that lead to others, on a real database: where they end, who may send to them and as
 * them, and what is refused when they are made. */
#include "account/leads.h"
#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"
#include "wire/smtp_envelope.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct account_actor the_operator = { 0, STR_INIT("cli"), { NULL, 0 } };

struct world {
    struct runtime *rt;
    struct db *db;
    struct account_directory *directory;
    struct arena a;
    int64_t ada;
    int64_t ben;
};

static int64_t soon(void)
{
    return clock_deadline_in(30000);
}

static void add_domain(struct world *w, const char *name)
{
    struct err e = ERR_CLEAR;
    assert_true(
        account_domain_add(w->directory, &the_operator, str_from_cstr(name), &w->a, soon(), &e));
}

static int64_t add_account(struct world *w, const char *address)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const struct account_new new_account = { .address = str_from_cstr(address) };
    assert_true(account_add(w->directory, &the_operator, &new_account, &w->a, soon(), &id, &e));
    return id;
}

/* `targets` are separated by spaces. */
static enum err_kind lead_for(struct world *w, const char *address, const char *targets,
                              enum account_posting posting)
{
    struct err e = ERR_CLEAR;
    str list[8];
    struct account_lead_new made = { .address = str_from_cstr(address),
                                     .targets = list,
                                     .posting = posting };
    str rest = str_from_cstr(targets);
    bool more = true;
    while (more)
        more = str_cut(rest, ' ', &list[made.n++], &rest);
    (void)account_lead_add(w->directory, &the_operator, &made, &w->a, soon(), &e);
    return e.kind;
}

static enum err_kind lead(struct world *w, const char *address, const char *targets)
{
    return lead_for(w, address, targets, ACCOUNT_POSTING_ANYONE);
}

static struct account_route route(struct world *w, const char *local, const char *domain)
{
    struct err e = ERR_CLEAR;
    struct account_route out;
    bool ok = account_route(w->directory, str_from_cstr(local), str_from_cstr(domain), &w->a,
                            soon(), &out, &e);
    if (!ok)
        fail_msg("%s", e.msg);
    return out;
}

/* "1 2 a@elsewhere.example": accounts by the order they were made in, then addresses. */
static str ends(struct world *w, const char *local)
{
    struct account_route r = route(w, local, "example.org");
    str all = STR_EMPTY;
    assert_int_equal(r.kind, ACCOUNT_ROUTE_LEADS);
    for (size_t i = 0; i < r.n_targets; i++) {
        const struct smtp_target *t = &r.targets[i];
        str one = t->account_id == w->ada   ? STR("ada")
                  : t->account_id == w->ben ? STR("ben")
                                            : t->address;
        all = arena_printf(&w->a, "%.*s%s%.*s", STR_FMT(all), i ? " " : "", STR_FMT(one));
    }
    return all;
}

static void assert_ends(struct world *w, const char *local, const char *wanted)
{
    str found = ends(w, local);
    if (!str_eq(found, str_from_cstr(wanted)))
        fail_msg("%s leads to %.*s, not to %s", local, STR_FMT(found), wanted);
}

static void each_end_is_found_once(struct world *w)
{
    assert_int_equal(lead(w, "sales@example.org", "ada@example.org x@elsewhere.example"), ERR_NONE);
    assert_int_equal(lead(w, "all@example.org",
                          "sales@example.org ada+work@example.org BEN@EXAMPLE.ORG "
                          "X@elsewhere.example nobody@example.org"),
                     ERR_NONE);
    assert_ends(w, "sales", "ada x@elsewhere.example");
    assert_ends(w, "SALES+tag", "ada x@elsewhere.example");
    assert_ends(w, "all", "ada ben X@elsewhere.example");
    assert_true(str_eq(route(w, "all", "example.org").targets[2].domain, STR("elsewhere.example")));
    /* A target that comes to be later is found then. */
    assert_int_equal(lead(w, "nobody@example.org", "\"a@b\"@elsewhere.example"), ERR_NONE);
    assert_ends(w, "all", "ada ben \"a@b\"@elsewhere.example X@elsewhere.example");
}

static void circles_end(struct world *w)
{
    struct err e = ERR_CLEAR;
    str back = STR("round1@example.org");
    const struct account_address_update update = { .has_targets = true,
                                                   .targets = &back,
                                                   .n_targets = 1 };
    assert_int_equal(lead(w, "round1@example.org", "ada@example.org"), ERR_NONE);
    assert_int_equal(lead(w, "round2@example.org", "round1@example.org round2@example.org"),
                     ERR_NONE);
    assert_ends(w, "round2", "ada");
    /* Nothing may lead nowhere. */
    assert_int_equal(lead(w, "self@example.org", "self@example.org"), ERR_CONFLICT);
    assert_int_equal(lead(w, "lost@example.org", "no-such@example.org"), ERR_CONFLICT);
    assert_false(
        account_address_update(w->directory, &the_operator, back, &update, &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_ends(w, "round1", "ada");
}

static void long_ways_are_refused(struct world *w)
{
    char address[64];
    char target[64] = "ada@example.org";
    for (int i = 1; i <= ACCOUNT_LEADS_MAX + 1; i++) {
        (void)snprintf(address, sizeof(address), "way%d@example.org", i);
        assert_int_equal(lead(w, address, target), i <= ACCOUNT_LEADS_MAX ? ERR_NONE : ERR_LIMIT);
        memcpy(target, address, sizeof(target));
    }
    assert_ends(w, "way10", "ada");
}

static void many_targets_are_refused(struct world *w)
{
    struct err e = ERR_CLEAR;
    str *list = ARENA_ARRAY(&w->a, str, ACCOUNT_TARGETS_MAX + 1);
    struct account_lead_new made = { .address = STR("many@example.org"), .targets = list };
    for (size_t i = 0; i <= ACCOUNT_TARGETS_MAX; i++)
        list[i] = arena_printf(&w->a, "r%zu@elsewhere.example", i);
    made.n = ACCOUNT_TARGETS_MAX;
    assert_true(account_lead_add(w->directory, &the_operator, &made, &w->a, soon(), &e));
    assert_int_equal(route(w, "many", "example.org").n_targets, ACCOUNT_TARGETS_MAX);
    assert_int_equal(lead(w, "more@example.org", "many@example.org ada@example.org"), ERR_LIMIT);
    made.n++;
    made.address = STR("most@example.org");
    assert_false(account_lead_add(w->directory, &the_operator, &made, &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_LIMIT);
}

static void a_catch_all_gets_the_rest(struct world *w)
{
    struct err e = ERR_CLEAR;
    assert_int_equal(route(w, "anything", "example.org").kind, ACCOUNT_ROUTE_UNKNOWN);
    assert_true(account_address_add(w->directory, &the_operator, STR("*@example.org"), w->ben,
                                    &w->a, soon(), &e));
    assert_int_equal(route(w, "anything", "example.org").account_id, w->ben);
    assert_int_equal(route(w, "abuse", "example.org").account_id, w->ben);
    assert_int_equal(route(w, "a b", "example.org").account_id, w->ben);
    assert_int_equal(route(w, "ada+x", "example.org").account_id, w->ada);
    assert_ends(w, "sales", "ada x@elsewhere.example");
}

static void a_domain_may_be_another_name(struct world *w)
{
    struct err e = ERR_CLEAR;
    add_domain(w, "example.net");
    add_domain(w, "example.com");
    int64_t cat = add_account(w, "cat@example.net");
    assert_true(account_domain_set_alias(w->directory, &the_operator, STR("example.net"),
                                         STR("example.org"), &w->a, soon(), &e));
    assert_int_equal(route(w, "ada+tag", "example.net").account_id, w->ada);
    assert_true(str_eq(route(w, "ada+tag", "example.net").tag, STR("tag")));
    assert_int_equal(route(w, "cat", "example.net").account_id, cat);
    assert_int_equal(route(w, "cat", "example.org").account_id, w->ben); /* the catch-all */
    assert_int_equal(route(w, "sales", "example.net").n_targets, 2);
    static const char *const refused[][2] = { { "example.com", "example.net" },
                                              { "example.org", "example.com" },
                                              { "example.com", "example.com" } };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        e = ERR_CLEAR;
        assert_false(account_domain_set_alias(w->directory, &the_operator,
                                              str_from_cstr(refused[i][0]),
                                              str_from_cstr(refused[i][1]), &w->a, soon(), &e));
        assert_int_equal(e.kind, ERR_CONFLICT);
    }
    assert_true(account_domain_set_alias(w->directory, &the_operator, STR("example.net"), STR_EMPTY,
                                         &w->a, soon(), &e));
    assert_int_equal(route(w, "ada", "example.net").kind, ACCOUNT_ROUTE_UNKNOWN);
}

static bool may_send(struct world *w, int64_t account, const char *local)
{
    struct err e = ERR_CLEAR;
    bool may = false;
    assert_true(account_may_send_as(w->directory, account, str_from_cstr(local), STR("example.org"),
                                    &w->a, soon(), &may, &e));
    return may;
}

static enum account_send_right right_of(struct world *w, int64_t account, const char *local)
{
    struct err e = ERR_CLEAR;
    enum account_send_right right = ACCOUNT_SEND_NOT;
    assert_true(account_send_right(w->directory, account, str_from_cstr(local), STR("example.org"),
                                   &w->a, soon(), &right, &e));
    return right;
}

static void grants_and_catch_alls_let_others_send(struct world *w)
{
    struct err e = ERR_CLEAR;
    str ada = STR("ADA@example.org");
    str nobody = STR("sales@example.org");
    struct account_address_update update = { .has_senders = true, .senders = &ada, .n_senders = 1 };
    assert_true(may_send(w, w->ben, "anything")); /* his catch-all gets it */
    assert_false(may_send(w, w->ben, "ada"));
    assert_false(may_send(w, w->ada, "anything"));
    assert_false(may_send(w, w->ada, "sales"));
    assert_true(account_address_update(w->directory, &the_operator, STR("sales@example.org"),
                                       &update, &w->a, soon(), &e));
    assert_true(may_send(w, w->ada, "sales"));
    assert_false(may_send(w, w->ben, "sales"));
    assert_true(account_address_update(w->directory, &the_operator, STR("ben@example.org"), &update,
                                       &w->a, soon(), &e));
    assert_true(may_send(w, w->ada, "ben"));
    /* The lesser right stays until it is taken away itself. */
    const struct account_address_update behalf = {
        .has_senders = true, .has_on_behalf = true, .on_behalf = &ada, .n_on_behalf = 1
    };
    assert_int_equal(right_of(w, w->ada, "ben"), ACCOUNT_SEND_AS);
    assert_true(account_address_update(w->directory, &the_operator, STR("ben@example.org"), &behalf,
                                       &w->a, soon(), &e));
    assert_int_equal(right_of(w, w->ada, "ben+tag"), ACCOUNT_SEND_ON_BEHALF);
    assert_int_equal(right_of(w, w->ben, "ben"), ACCOUNT_SEND_AS);
    /* Frontends of a former version, which know of full rights only, make none of it. */
    test_pg_run("SELECT address_update('ben@example.org', NULL, NULL, ARRAY['ada@example.org'])");
    assert_int_equal(right_of(w, w->ada, "ben"), ACCOUNT_SEND_ON_BEHALF);
    assert_int_equal(test_pg_number("SELECT count(*) FROM address_sender WHERE on_behalf"), 1);
    update.senders = &nobody;
    assert_false(account_address_update(w->directory, &the_operator, STR("ben@example.org"),
                                        &update, &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    update.n_senders = 0;
    assert_true(account_address_update(w->directory, &the_operator, STR("ben@example.org"), &update,
                                       &w->a, soon(), &e));
    assert_int_equal(right_of(w, w->ada, "ben"), ACCOUNT_SEND_ON_BEHALF);
    update.senders = &ada;
    update.n_senders = 1;
    assert_true(account_address_update(w->directory, &the_operator, STR("ben@example.org"), &update,
                                       &w->a, soon(), &e));
    assert_int_equal(right_of(w, w->ada, "ben"), ACCOUNT_SEND_AS);
    update.n_senders = 0;
    update.has_on_behalf = true;
    assert_true(account_address_update(w->directory, &the_operator, STR("ben@example.org"), &update,
                                       &w->a, soon(), &e));
    assert_false(may_send(w, w->ada, "ben"));
}

static void groups_let_in_whom_they_should(struct world *w)
{
    struct account_route group = route(w, "sales", "example.org"); /* ada, x@elsewhere */
    const struct {
        enum account_posting posting;
        int64_t account;
        const char *sender;
        bool may;
    } cases[] = {
        { ACCOUNT_POSTING_ANYONE, 0, "", true },
        { ACCOUNT_POSTING_DOMAIN, w->ben, "ben@example.org", true },
        { ACCOUNT_POSTING_DOMAIN, w->ben, "ben@example.net", false },
        { ACCOUNT_POSTING_DOMAIN, 0, "ben@example.org", false },
        { ACCOUNT_POSTING_MEMBERS, w->ada, "ada@example.org", true },
        { ACCOUNT_POSTING_MEMBERS, 0, "ada@example.org", false },
        { ACCOUNT_POSTING_MEMBERS, w->ben, "ben@example.org", false },
        { ACCOUNT_POSTING_MEMBERS, 0, "X@elsewhere.example", true },
        { ACCOUNT_POSTING_MEMBERS, 0, "", false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str sender = str_from_cstr(cases[i].sender);
        const struct account_poster poster = {
            cases[i].account, sender, str_skip(sender, (size_t)(str_rfind_byte(sender, '@') + 1))
        };
        group.posting = cases[i].posting;
        assert_int_equal(account_may_post(&group, &poster), cases[i].may);
    }
}

/* Another name of a domain is that domain. */
static void groups_let_in_who_comes_by_another_name(struct world *w)
{
    struct err e = ERR_CLEAR;
    const struct account_address_update update = { .has_posting = true,
                                                   .posting = ACCOUNT_POSTING_DOMAIN };
    static const char *const domains[] = { "example.org", "example.net" };
    assert_true(account_domain_set_alias(w->directory, &the_operator, STR("example.net"),
                                         STR("example.org"), &w->a, soon(), &e));
    assert_int_equal(lead(w, "staff@example.org", "ada@example.org ben@example.org"), ERR_NONE);
    assert_true(account_address_update(w->directory, &the_operator, STR("staff@example.org"),
                                       &update, &w->a, soon(), &e));
    for (size_t i = 0; i < COUNT_OF(domains); i++) {
        struct account_route group = route(w, "staff", domains[i]);
        for (size_t k = 0; k < COUNT_OF(domains); k++) {
            const struct account_poster poster = { w->ben, STR("ben"), str_from_cstr(domains[k]) };
            assert_true(account_may_post(&group, &poster));
        }
        const struct account_poster other = { w->ben, STR("ben"), STR("example.com") };
        assert_false(account_may_post(&group, &other));
    }
    assert_true(account_domain_set_alias(w->directory, &the_operator, STR("example.net"), STR_EMPTY,
                                         &w->a, soon(), &e));
}

static void forwarded_senders_come_back(struct world *w)
{
    static const struct {
        const char *sender;
        bool is_proven;
        bool stays;
    } cases[] = { { "", false, true },
                  { "ada@example.org", true, true },
                  { "Eve.E@elsewhere.example", false, false },
                  { "Eve.E@elsewhere.example", true, false },
                  { "\"a b\"@elsewhere.example", false, false },
                  { "\"\xc3\xbc b\"@elsewhere.example", false, false } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        str sender = str_from_cstr(cases[i].sender);
        str made;
        const struct account_forwarding f = { sender, STR("example.org"), cases[i].is_proven };
        assert_true(account_forward_sender(w->directory, &f, &w->a, soon(), &made, &e));
        assert_int_equal(str_eq(made, sender), cases[i].stays);
        if (cases[i].stays)
            continue;
        str local = str_slice(made, 0, (size_t)str_rfind_byte(made, '@'));
        if (local.p[0] == '"')
            local = str_slice(local, 1, local.n - 2);
        struct account_route back = route(w, arena_cstr(&w->a, local), "example.org");
        assert_int_equal(back.kind, ACCOUNT_ROUTE_LEADS);
        assert_true(back.is_way_back && back.n_targets == 1);
        assert_true(str_eq(back.targets[0].address, sender));
    }
    str made;
    struct err e = ERR_CLEAR;
    str endless =
        STR("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff@elsewhere.example");
    const struct account_forwarding f = { endless, STR("example.org"), false };
    assert_true(account_forward_sender(w->directory, &f, &w->a, soon(), &made, &e));
    assert_true(str_eq(made, STR("postmaster@example.org")));
    /* The catch-all gets what only looks so. */
    assert_int_equal(route(w, "SRS0=000000=00=a.example=b", "example.org").account_id, w->ben);
}

/* Where a report about what `sender` sent goes, once example.org has forwarded it. */
static struct account_route way_back(struct world *w, str sender, str *made)
{
    struct err e = ERR_CLEAR;
    const struct account_forwarding f = { sender, STR("example.org"), false };
    assert_true(account_forward_sender(w->directory, &f, &w->a, soon(), made, &e));
    assert_false(str_eq(*made, sender));
    str local = str_slice(*made, 0, (size_t)str_rfind_byte(*made, '@'));
    return route(w, arena_cstr(&w->a, local), "example.org");
}

/* Reports to it come to who it says to be, here: whatever his address leads to. */
static void unproven_senders_of_ours_are_made_others(struct world *w)
{
    str made;
    struct account_route back = way_back(w, STR("ada@example.org"), &made);
    assert_true(back.is_way_back && back.n_targets == 1 && back.targets[0].account_id == w->ada);
    back = way_back(w, made, &made); /* forwarded twice */
    assert_true(str_has_prefix(made, STR("SRS1=")));
    assert_true(back.is_way_back && back.n_targets == 1 && back.targets[0].account_id == w->ada);
    assert_int_equal(lead(w, "both@example.org", "ada@example.org eve@elsewhere.example"),
                     ERR_NONE);
    back = way_back(w, STR("both@example.org"), &made);
    assert_true(back.is_way_back && back.n_targets == 2);
    /* A group that is closed is not opened by it. */
    static const char *const groups[] = { "closed@example.org", "inner@example.org" };
    static const enum account_posting postings[] = { ACCOUNT_POSTING_MEMBERS,
                                                     ACCOUNT_POSTING_DOMAIN };
    const struct account_poster nobody = { .address = STR("") };
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        assert_int_equal(lead_for(w, groups[i], "ada@example.org ben@example.org", postings[i]),
                         ERR_NONE);
        back = way_back(w, str_from_cstr(groups[i]), &made);
        assert_true(back.is_way_back && back.n_targets == 2);
        assert_int_equal(back.posting, postings[i]);
        assert_false(account_may_post(&back, &nobody));
    }
    /* Not to the catch-all of the domain that forwards: nobody has that name. */
    add_domain(w, "bare.example");
    back = way_back(w, STR("nobody@bare.example"), &made);
    assert_int_equal(back.kind, ACCOUNT_ROUTE_UNKNOWN);
}

/* Also where the catch-all is an alias, in the domain itself and under its other name. */
static void they_pass_a_catch_all_that_leads_on(struct world *w)
{
    struct err e = ERR_CLEAR;
    str made;
    add_domain(w, "caught.example");
    add_domain(w, "caught-too.example");
    assert_true(account_domain_set_alias(w->directory, &the_operator, STR("caught-too.example"),
                                         STR("caught.example"), &w->a, soon(), &e));
    assert_int_equal(lead(w, "*@caught.example", "ben@example.org"), ERR_NONE);
    const struct account_forwarding f = { STR("eve@elsewhere.example"), STR("caught.example"),
                                          false };
    assert_true(account_forward_sender(w->directory, &f, &w->a, soon(), &made, &e));
    str local = str_slice(made, 0, (size_t)str_rfind_byte(made, '@'));
    static const char *const domains[] = { "caught.example", "caught-too.example" };
    for (size_t i = 0; i < COUNT_OF(domains); i++) {
        struct account_route back = route(w, arena_cstr(&w->a, local), domains[i]);
        assert_true(back.is_way_back && back.n_targets == 1);
        assert_true(str_eq(back.targets[0].address, STR("eve@elsewhere.example")));
        back = route(w, "SRS0=000000=00=a.example=b", domains[i]);
        assert_true(!back.is_way_back && back.targets[0].account_id == w->ben);
    }
}

/* An alias whose target is gone is as good as none. */
static void who_answers_for_a_domain_is_never_lost(struct world *w)
{
    struct err e = ERR_CLEAR;
    assert_int_equal(lead(w, "gone@caught.example", "ada@example.org"), ERR_NONE);
    assert_int_equal(lead(w, "postmaster@caught.example", "gone@caught.example"), ERR_NONE);
    assert_true(account_address_remove(w->directory, &the_operator, STR("*@caught.example"), &w->a,
                                       soon(), &e));
    assert_true(account_address_remove(w->directory, &the_operator, STR("gone@caught.example"),
                                       &w->a, soon(), &e));
    assert_int_equal(route(w, "postmaster", "caught.example").kind, ACCOUNT_ROUTE_LOCAL);
    assert_int_equal(route(w, "gone", "caught.example").kind, ACCOUNT_ROUTE_UNKNOWN);
}

/* Who cannot be told is nobody, not an error that comes again whenever it is tried. */
static void reports_go_to_whom_they_can(struct world *w)
{
    static const struct {
        const char *sender;
        enum account_route_kind kind;
        const char *domain;
    } cases[] = {
        { "ada@example.org", ACCOUNT_ROUTE_LOCAL, "example.org" },
        { "nobody@nowhere.example.org", ACCOUNT_ROUTE_REMOTE, "nowhere.example.org" },
        { "\"a b\"@elsewhere.example", ACCOUNT_ROUTE_REMOTE, "elsewhere.example" },
        { "\"\xc3\xbc b\"@elsewhere.example", ACCOUNT_ROUTE_REMOTE, "elsewhere.example" },
        { "", ACCOUNT_ROUTE_UNKNOWN, "" },
        { "x@[192.0.2.1]", ACCOUNT_ROUTE_UNKNOWN, "" },
        { "x@[IPv6:2001:db8::1]", ACCOUNT_ROUTE_UNKNOWN, "" },
        { "not an address", ACCOUNT_ROUTE_UNKNOWN, "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct account_route route;
        str domain;
        if (!account_route_back(w->directory, str_from_cstr(cases[i].sender), &w->a, soon(),
                                &domain, &route, &e))
            fail_msg("%s: %s", cases[i].sender, e.msg);
        if (route.kind != cases[i].kind)
            fail_msg("%s: kind %d", cases[i].sender, (int)route.kind);
        assert_true(str_eq(domain, str_from_cstr(cases[i].domain)));
    }
}

static void lists_show_where_addresses_lead(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct account_address_row row;
    struct account_address_rows rows;
    assert_true(
        account_address_get(w->directory, STR("sales@example.org"), &w->a, soon(), &row, &e));
    assert_int_equal(row.kind, ACCOUNT_ADDRESS_FORWARD);
    assert_int_equal(row.account_id, 0);
    assert_int_equal(row.n_targets, 2);
    assert_true(str_eq(row.targets[1], STR("x@elsewhere.example")));
    assert_true(row.n_senders == 1 && str_eq(row.senders[0], STR("ada@example.org")));
    const struct account_address_query query = { .kind = ACCOUNT_ADDRESS_FORWARD, .limit = 100 };
    assert_true(account_address_page(w->directory, &query, &w->a, soon(), &rows, &e));
    for (size_t i = 0; i < rows.n; i++)
        assert_true(rows.list[i].n_targets > 0);
    assert_true(account_address_remove(w->directory, &the_operator, STR("sales@example.org"), &w->a,
                                       soon(), &e));
    assert_int_equal(test_pg_number("SELECT count(*) FROM address_target"
                                    " WHERE addr_lower = 'sales@example.org'"),
                     0);
}

static void run(void *arg)
{
    struct world *w = arg;
    add_domain(w, "example.org");
    w->ada = add_account(w, "ada@example.org");
    w->ben = add_account(w, "ben@example.org");
    each_end_is_found_once(w);
    circles_end(w);
    long_ways_are_refused(w);
    many_targets_are_refused(w);
    a_catch_all_gets_the_rest(w);
    a_domain_may_be_another_name(w);
    grants_and_catch_alls_let_others_send(w);
    groups_let_in_whom_they_should(w);
    groups_let_in_who_comes_by_another_name(w);
    forwarded_senders_come_back(w);
    unproven_senders_of_ours_are_made_others(w);
    they_pass_a_catch_all_that_leads_on(w);
    who_answers_for_a_domain_is_never_lost(w);
    reports_go_to_whom_they_can(w);
    lists_show_where_addresses_lead(w);
}

static void leads_on_a_real_database(void **state)
{
    (void)state;
    struct world w = { .ada = 0 };
    struct err e = ERR_CLEAR;
    const struct db_options db_options = { .conninfo = test_pg_start_migrated(),
                                           .named_statements = true };
    arena_init(&w.a);
    w.rt = runtime_new(NULL, &e);
    w.db = db_new(w.rt, &db_options);
    w.directory = account_directory_new(w.db, NULL);
    in_fiber_run_to_end(w.rt, run, &w);
    account_directory_free(&w.directory);
    db_free(&w.db);
    runtime_free(&w.rt);
    arena_fini(&w.a);
    test_servers_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(leads_on_a_real_database) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
