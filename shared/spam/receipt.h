/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of the administrator: whose mail is received without checks against spam (whitelist),
 * and whose is not received at all (blacklist), for all our domains or for one (FEATURES 91).
 *
 * Which rule counts, when several fit: one for the recipient's domain as it was said, then one for
 * the domain that it is another name of, then one for all; within these an address before a domain,
 * a longer domain before a shorter one (a domain stands for what is below it, too), and a domain
 * before a network, a longer prefix before a shorter one. */
#ifndef SPAM_RECEIPT_H
#define SPAM_RECEIPT_H

#include "account/account.h"
#include "net/address.h"
#include "spam/spam.h"

enum {
    SPAM_RULES_MAX = 10000, /* of both lists together: each process keeps them */
    SPAM_NOTE_MAX = 255,    /* octets of a note */
    SPAM_PAGE_MAX = 201     /* rules that spam_rule_page gives at most */
};

enum spam_list {
    SPAM_WHITELIST,
    SPAM_BLACKLIST
};

enum spam_kind {
    SPAM_ADDRESS, /* of the envelope's sender */
    SPAM_DOMAIN,  /* the same */
    SPAM_NETWORK  /* of the client */
};

struct spam_rule {
    int64_t rule_id;
    enum spam_list list;
    enum spam_kind kind;
    str subject; /* normal: lower case, A-labels, networks as "192.0.2.0/24" */
    str domain;  /* of recipients; empty: all of ours */
    str note;
    int64_t created_at_us; /* UTC */
};

/* The names that the database, the API and the command line have for them; static. */
const char *spam_list_name(enum spam_list list);
const char *spam_kind_name(enum spam_kind kind);

/* What a subject is, and its normal form: an address, a network or an IP address, else a domain
 * (also as U-labels, and with "@" in front). In arena. ERR_SYNTAX with a sentence for people. Pure.
 */
bool spam_subject_parse(struct arena *a, str text, enum spam_kind *kind, str *normal,
                        struct err *e);

/* ---- changing ---- */

struct spam_rule_new {
    enum spam_list list;
    str subject; /* as somebody wrote it */
    str domain;  /* one of ours, or empty */
    str note;    /* up to SPAM_NOTE_MAX octets; may be empty */
};

/* Adds a rule with its audit row, and tells all processes. ERR_SYNTAX (the subject), ERR_NOT_FOUND
 * (the domain), ERR_EXISTS (the subject is on one of the lists already), ERR_LIMIT. Yields. */
YIELDS bool spam_rule_add(struct spam *s, const struct account_actor *actor,
                          const struct spam_rule_new *rule, struct arena *a, int64_t deadline_ms,
                          int64_t *rule_id, struct err *e);
/* Likewise takes one away. ERR_NOT_FOUND. Yields. */
YIELDS bool spam_rule_remove(struct spam *s, const struct account_actor *actor, int64_t rule_id,
                             struct arena *a, int64_t deadline_ms, struct err *e);

/* ---- looking ---- */

struct spam_rule_query {
    int64_t rule_id;  /* only this one; 0: all */
    const char *list; /* "whitelist", "blacklist"; empty: both */
    str subject;      /* only this, in any form; empty: all */
    str domain;       /* only those for this domain of ours; empty: all */
    int64_t after;    /* only rules with a greater id */
    size_t limit;     /* up to SPAM_PAGE_MAX */
};

struct spam_rules {
    struct spam_rule *list; /* by id */
    size_t n;
};

/* In arena. Errors as db_query. Yields. */
YIELDS bool spam_rule_page(struct spam *s, const struct spam_rule_query *query, struct arena *a,
                           int64_t deadline_ms, struct spam_rules *out, struct err *e);

/* ---- judging ---- */

struct spam_visit {
    const struct net_address *client; /* NULL: unknown, in no network */
    str sender;     /* of the envelope; empty: the null sender, which only networks match */
    str domain;     /* of the recipient */
    bool is_forged; /* the client may not send for the sender: no whitelist counts for that one */
};

/* What the lists say of a visit. */
struct spam_opinion {
    bool is_listed; /* else the rest is not set */
    enum spam_list list;
    enum spam_kind kind;
    str subject; /* in arena */
};

/* The rules are kept in memory, and read anew when they changed. Without a database the former ones
 * count. Errors: those of db_query, when no rules were ever read. Yields. */
YIELDS bool spam_ask_lists(struct spam *s, const struct spam_visit *visit, struct arena *a,
                           int64_t deadline_ms, struct spam_opinion *out, struct err *e);

#endif
