/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of account: domains, accounts and addresses; where mail for an address goes. All SQL
 * of the directory tables is here. It does not verify passwords (auth) and knows no mailboxes.
 *
 * Names: a domain is kept as lower-case A-labels, an address as lower-case local@domain with the
 * local part in NFC, a login is an address of the account. Answers about addresses are cached in
 * the process for a short time; whoever hears of a change elsewhere calls account_directory_forget.
 */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "base/base.h"

struct db;
struct account_directory;
struct smtp_target;

struct account_directory_options {
    int64_t cache_ms; /* how long a route is remembered; 0 = 10 s */
    /* Called after the commit of each change made here, so that other processes can be told;
     * account_id is 0 when domains changed. May be NULL. May not yield. */
    void (*changed)(int64_t account_id, void *arg);
    void *arg;
    /* What private keys are sealed under in the database (CRYPTO_SEAL_KEY octets); NULL: none can
     * be made or used. Kept. */
    const uint8_t *seal_key;
};

/* `options` may be NULL. Keeps db. Gives. */
struct account_directory *account_directory_new(struct db *db,
                                                const struct account_directory_options *options);
void account_directory_free(struct account_directory **d);
/* Drops all cached routes. */
void account_directory_forget(struct account_directory *d);

/* ---- names, pure ---- */

enum {
    ACCOUNT_LOCAL_MAX = 64,   /* octets of a local part (RFC 5321 4.5.3.1.1) */
    ACCOUNT_DOMAIN_MAX = 255, /* octets of a domain (4.5.3.1.2) */
    ACCOUNT_ADDRESS_MAX = ACCOUNT_LOCAL_MAX + 1 + ACCOUNT_DOMAIN_MAX,
};

/* Lower-cases and checks a domain: letters, digits and hyphens in labels of 1-63, no final dot, at
 * least one label; one beyond ASCII becomes A-labels (RFC 5890). The copy is in the arena.
 * ERR_SYNTAX. */
bool account_domain_normalize(struct arena *a, str domain, str *out, struct err *e);
/* Splits an unquoted address at its last '@', lower-cases, checks both halves: the local part is a
 * dot-atom or any UTF-8 without control characters and spaces. Copies are in the arena. ERR_SYNTAX.
 */
bool account_address_normalize(struct arena *a, str address, str *local, str *domain,
                               struct err *e);

/* ---- routing ---- */

enum account_route_kind {
    ACCOUNT_ROUTE_LOCAL,   /* to the account of `account_id` */
    ACCOUNT_ROUTE_REMOTE,  /* the domain is not ours */
    ACCOUNT_ROUTE_UNKNOWN, /* our domain, no such address (also disabled domains) */
    ACCOUNT_ROUTE_LEADS    /* to all of `targets` */
};

/* Who may send to a group. */
enum account_posting {
    ACCOUNT_POSTING_ANYONE,
    ACCOUNT_POSTING_DOMAIN, /* who is signed in, from an address of the group's domain, by any of
                               its names */
    ACCOUNT_POSTING_MEMBERS /* accounts that are signed in, and addresses elsewhere, it leads to */
};

enum {
    ACCOUNT_TARGETS_MAX = 1000, /* ends of one address, and targets that one may name */
    ACCOUNT_LEADS_MAX = 10      /* addresses that lead to each other */
};

struct account_route {
    enum account_route_kind kind;
    int64_t account_id; /* ACCOUNT_ROUTE_LOCAL only */
    str tag;            /* what stood after '+', empty when none or when the full address exists */
    /* ACCOUNT_ROUTE_LEADS only; in the arena. */
    const struct smtp_target *targets; /* each account and each address once */
    size_t n_targets;
    enum account_posting posting;
    const str *domains; /* all names of the group's domain; ACCOUNT_POSTING_DOMAIN only */
    size_t n_domains;
    str domain;       /* of the address: senders of what is forwarded become addresses of it */
    bool is_way_back; /* the address was made by account_forward_sender: for reports only */
    int64_t queue_id; /* of the message that the address names (account_from_id_sender), of every
                         kind; 0: none */
};

/* Where mail for local@domain goes. The full address is looked for first, then the one without
 * "+tag", both then in the domain that this one is another name of; then the catch-all "*@domain".
 * What account_from_id_sender has made is looked for as the address that it was made of.
 * An address may lead to others, which are followed over ACCOUNT_LEADS_MAX addresses, each once;
 * what leads nowhere is unknown. postmaster and abuse of our domains always find somebody: an
 * address of that name or the catch-all, else the domain's first administrator, else the first
 * administrator of all, else the domain's first account, those that are disabled last, else whom
 * a postmaster without a domain finds (FEATURES 16, 198, 204, 205). An empty domain is allowed with
 * local "postmaster" (RFC 5321 4.5.1). A disabled account still receives mail. Senders of forwarded
 * mail (account_forward_sender) lead back, also where there is a catch-all. Errors: ERR_SYNTAX,
 * ERR_LIMIT (more targets or a longer way than there may be), and those of db_query. Yields. */
YIELDS bool account_route(struct account_directory *d, str local, str domain, struct arena *a,
                          int64_t deadline_ms, struct account_route *out, struct err *e);

/* Whether a local part, without quotes and in any case, is one that every domain has: postmaster or
 * abuse (RFC 5321 section 4.5.1, RFC 2142). Pure. */
bool account_is_role(str local);

/* Where a report about mail of this envelope sender goes, as account_route; *domain is the
 * sender's. ACCOUNT_ROUTE_UNKNOWN, nobody, also for the null sender, for an address literal, to
 * which nothing is sent from here, and for what can be no address or leads to too many. Errors:
 * those of db_query. Yields. */
YIELDS bool account_route_back(struct account_directory *d, str sender, struct arena *a,
                               int64_t deadline_ms, str *domain, struct account_route *out,
                               struct err *e);

/* Who wants to send to a group. */
struct account_poster {
    int64_t account_id; /* who is signed in; 0: nobody */
    str address;        /* the envelope sender; empty: the null sender */
    str domain;         /* of it */
};

/* Whether the route's `posting` lets this sender in. Mail from outside counts for no address of
 * ours. Pure. */
bool account_may_post(const struct account_route *route, const struct account_poster *poster);

/* Mail that leaves again. */
struct account_forwarding {
    str sender;     /* of the envelope */
    str domain;     /* one of ours: of the address that forwards */
    bool is_proven; /* the sender is who he says to be, as far as his domain goes */
};

/* The sender of such mail as it leaves (SRS): an address of f->domain, from which reports find back
 * for three weeks. The null sender stays, and one of our own who is proven: an unproven one would
 * be believed elsewhere because it comes from here. Errors: those of db_query. In the arena.
 * Yields. */
YIELDS bool account_forward_sender(struct account_directory *d, const struct account_forwarding *f,
                                   struct arena *a, int64_t deadline_ms, str *out, struct err *e);

/* The sender that a message leaves with when it is to name the message (wire/smtp_from_id.h), in
 * the arena. Errors: those of db_query, of the first call only. Yields. */
YIELDS bool account_from_id_sender(struct account_directory *d, str sender, int64_t queue_id,
                                   struct arena *a, int64_t deadline_ms, str *out, struct err *e);
/* The message that such an address was made for, here; 0: it is another address. Mail to it goes
 * where mail to the sender's own address goes (account_route). Errors: likewise. Yields. */
YIELDS bool account_from_id_find(struct account_directory *d, str address, struct arena *a,
                                 int64_t deadline_ms, int64_t *queue_id, struct err *e);

/* What an account may do with an address in From. */
enum account_send_right {
    ACCOUNT_SEND_NOT,
    ACCOUNT_SEND_ON_BEHALF, /* a Sender field tells who wrote it (RFC 5322 section 3.6.2) */
    ACCOUNT_SEND_AS
};

/* Whether the account may send as local@domain: one of its addresses, also in a domain that is
 * another name of its own, or one of them with "+tag"; what its catch-all gets; an address that it
 * was allowed to use, or to write on behalf of (FEATURES 30, 34). A disabled account may not send
 * as anybody. Yields. */
YIELDS bool account_send_right(struct account_directory *d, int64_t account_id, str local,
                               str domain, struct arena *a, int64_t deadline_ms,
                               enum account_send_right *out, struct err *e);
/* Whether there is any such right: for the sender of an envelope, which no Sender goes with.
 * Yields.
 */
YIELDS bool account_may_send_as(struct account_directory *d, int64_t account_id, str local,
                                str domain, struct arena *a, int64_t deadline_ms, bool *out,
                                struct err *e);

/* ---- accounts ---- */

struct account {
    int64_t account_id;
    str login;           /* its first address */
    str display_name;    /* may be empty */
    str password_hash;   /* PHC string, empty when it has none; only from account_find_for_login */
    int64_t quota_bytes; /* 0 = unlimited */
    int64_t used_bytes;
    int64_t used_messages;
    bool is_admin;
    bool is_disabled;
    bool keeps_pop3_deleted; /* what POP3 clients delete stays, hidden from POP3 alone */
    bool saves_sent;         /* what its programs submit is put into Sent */
    bool uses_from_id;       /* what it sends leaves with senders that name their message */
    int64_t created_at_us;   /* UTC */
    int64_t password_serial; /* how often the password was set: another one, another password */
};

/* The account that an address belongs to, with its password hash; *found false when there is none.
 * Never cached. Yields. */
YIELDS bool account_find_for_login(struct account_directory *d, str login, struct arena *a,
                                   int64_t deadline_ms, bool *found, struct account *out,
                                   struct err *e);
/* ERR_NOT_FOUND. Yields. */
YIELDS bool account_get(struct account_directory *d, int64_t account_id, struct arena *a,
                        int64_t deadline_ms, struct account *out, struct err *e);

/* Whether what the account's programs submit is put into its Sent; false for one that is not there.
 * Yields. */
YIELDS bool account_saves_sent(struct account_directory *d, int64_t account_id, struct arena *a,
                               int64_t deadline_ms, bool *out, struct err *e);

/* Whether what the account sends leaves with senders that name their message; likewise. Yields. */
YIELDS bool account_uses_from_id(struct account_directory *d, int64_t account_id, struct arena *a,
                                 int64_t deadline_ms, bool *out, struct err *e);

/* What is written to the audit log beside a change: who did it, from where. */
struct account_actor {
    int64_t account_id; /* 0: the operator on the machine (CLI) or the system */
    str name;           /* "cli", "system", or the login */
    str ip;             /* empty when none */
};

struct account_new {
    str address;       /* becomes its login */
    str password_hash; /* PHC string; empty: it cannot log in */
    str display_name;
    int64_t quota_bytes;
    bool is_admin;
    const str *addresses; /* further ones; one that is the login, or stands twice, counts once */
    size_t n_addresses;
};

/* Creates the account with its default mailboxes, its further addresses, and one audit row for it
 * and for each of them, all in one transaction. ERR_SYNTAX (an address), ERR_NOT_FOUND (the domain
 * of one is not ours), ERR_EXISTS (its login is taken), ERR_CONFLICT (a further address is taken).
 * Yields. */
YIELDS bool account_add(struct account_directory *d, const struct account_actor *actor,
                        const struct account_new *new_account, struct arena *a, int64_t deadline_ms,
                        int64_t *account_id, struct err *e);

enum account_change_kind {
    ACCOUNT_SET_QUOTA,
    ACCOUNT_SET_DISABLED,
    ACCOUNT_SET_PASSWORD_HASH,
    ACCOUNT_SET_ADMIN
};

struct account_change {
    enum account_change_kind kind;
    int64_t number; /* bytes, or 0/1 */
    str text;       /* hash */
};

/* Changes one thing of the account that has this address, with its audit row. The last
 * administrator cannot be disabled or lose the role: ERR_DENIED. ERR_NOT_FOUND. Yields. */
YIELDS bool account_change(struct account_directory *d, const struct account_actor *actor,
                           str address, const struct account_change *change, struct arena *a,
                           int64_t deadline_ms, struct err *e);

/* How much an account may hold. */
struct account_limits {
    int64_t bytes;     /* 0: unlimited */
    int64_t messages;  /* 0: unlimited */
    int64_t mailboxes; /* 0: as many as the server allows */
};

/* Sets all limits of the account that has this address, with its audit row. ERR_NOT_FOUND. Yields.
 */
YIELDS bool account_set_limits(struct account_directory *d, const struct account_actor *actor,
                               str address, const struct account_limits *limits, struct arena *a,
                               int64_t deadline_ms, struct err *e);

/* Stores a better hash of the same password, unless the account's hash is another by now than the
 * one in `account` (as account_find_for_login gave it): ERR_CONFLICT. No change that anybody is
 * told of, but with its audit row. Yields. */
YIELDS bool account_rehash(struct account_directory *d, const struct account *account, str new_hash,
                           struct arena *a, int64_t deadline_ms, struct err *e);

struct account_list {
    struct account *list; /* by login */
    size_t n;
};

enum {
    ACCOUNT_LIST_MAX = 1000
};

/* Accounts of the domain (empty: of all) whose login follows `after` (empty: from the first), at
 * most ACCOUNT_LIST_MAX of them: ask again with the last login. Yields. */
YIELDS bool account_list(struct account_directory *d, str domain, str after, struct arena *a,
                         int64_t deadline_ms, struct account_list *out, struct err *e);

/* ---- domains ---- */

struct account_domain {
    str name;
    int64_t accounts; /* how many */
    int64_t created_at_us;
};

struct account_domain_list {
    struct account_domain *list; /* by name */
    size_t n;
};

/* ERR_SYNTAX, ERR_EXISTS. Yields. */
YIELDS bool account_domain_add(struct account_directory *d, const struct account_actor *actor,
                               str domain, struct arena *a, int64_t deadline_ms, struct err *e);
/* Makes `domain` another name of the domain `of`: what is no address of its own there is looked for
 * in the other; an empty `of` ends that. ERR_NOT_FOUND; ERR_CONFLICT: no name of a name. Yields. */
YIELDS bool account_domain_set_alias(struct account_directory *d, const struct account_actor *actor,
                                     str domain, str of, struct arena *a, int64_t deadline_ms,
                                     struct err *e);
/* Only a domain without accounts, addresses and other names can go: ERR_CONFLICT otherwise.
 * ERR_NOT_FOUND. Yields. */
YIELDS bool account_domain_remove(struct account_directory *d, const struct account_actor *actor,
                                  str domain, struct arena *a, int64_t deadline_ms, struct err *e);
/* The account that holds the shared folders of a domain (store/share.h); with `make` it is made
 * when there is none, else *account_id is 0 then. ERR_NOT_FOUND: the domain. Yields. */
YIELDS bool account_domain_shared(struct account_directory *d, str domain, bool make,
                                  struct arena *a, int64_t deadline_ms, int64_t *account_id,
                                  struct err *e);
/* The domain of ours that mail of the system itself is written for: the longest that `hostname` is,
 * or is below; else the only one; empty: there are several, or none. In the arena. Errors: those of
 * db_query. Yields. */
YIELDS bool account_system_domain(struct account_directory *d, str hostname, struct arena *a,
                                  int64_t deadline_ms, str *out, struct err *e);
/* Yields. */
YIELDS bool account_domain_list(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                                struct account_domain_list *out, struct err *e);

#endif
