/* SPDX-License-Identifier: Apache-2.0 */
/* Greylisting (RFC 6647): a sender who writes to a recipient from a host for the first time is told
 * to come again later, which servers do and most senders of spam do not.
 *
 * A host is its network (IPv4 /24, IPv6 /64), or the sender's domain where SPF allows it to the
 * client: large senders come again from another network. Nobody waits twice: who came again in
 * time is let in for as long as he comes at least once in max_age; a host that came again for
 * several mails (`history`) does not wait at all, nor does an address that people of ours wrote to.
 *
 * The state is in the database and so the same at all frontends, and times are those of its clock.
 * It is never a reason to lose mail: who cannot ask lets in. */
#ifndef SPAM_GREYLIST_H
#define SPAM_GREYLIST_H

#include "net/address.h"
#include "spam/spam.h"

struct spam_greylist_rules {
    int64_t min_delay_ms; /* to wait for */
    int64_t max_age_ms;   /* for how long it is remembered who came again */
    int64_t history;      /* mails that a host waited for before it waits no more; 0: always */
};

/* ---- the decision, pure ---- */

enum {
    SPAM_GREYLIST_WINDOW_MS = 48 * 3600 * 1000 /* in which to come again (RFC 6647 section 5) */
};

/* What is known; times are UTC in microseconds. */
struct spam_greylist_facts {
    int64_t now_us;
    int64_t first_us;     /* of this host, sender and recipient; 0: never seen */
    int64_t last_us;      /* the same as first_us: it did not come again yet */
    int64_t host_passed;  /* mails that the host waited for */
    int64_t host_last_us; /* not set when that is 0 */
    int64_t written_us;   /* when one of ours wrote to the sender; 0: never */
    bool is_forged;       /* the client may not send for the sender */
};

enum spam_greylist_step {
    SPAM_GREYLIST_STARTED,       /* the first time, or too long ago: wait */
    SPAM_GREYLIST_EARLY,         /* came again too soon: wait */
    SPAM_GREYLIST_WAITED,        /* came again in time */
    SPAM_GREYLIST_AGAIN,         /* waited for it before */
    SPAM_GREYLIST_HOST,          /* the host has waited often enough */
    SPAM_GREYLIST_CORRESPONDENT, /* one of ours wrote to the sender */
    SPAM_GREYLIST_STEPS
};

/* What to do; *wait_ms is how long there is to wait, 0 for none. */
enum spam_greylist_step spam_greylist_decide(const struct spam_greylist_rules *rules,
                                             const struct spam_greylist_facts *facts,
                                             int64_t *wait_ms);

/* The word of metric and log. Static. */
const char *spam_greylist_word(enum spam_greylist_step step);

/* ---- asking ---- */

struct spam_greylist_visit {
    const struct net_address *client; /* NULL: unknown */
    str spf_domain;                   /* that SPF allows to the client, lower case; empty: none */
    str sender;                       /* of the envelope; empty: the null sender */
    str recipient;
    bool is_forged; /* SPF says so, or cannot speak of the client */
};

struct spam_greylist_answer {
    enum spam_greylist_step step;
    int64_t wait_ms; /* 0: come in */
};

/* Decides about a visit and notes it. Errors: those of db_query; then let it in. Yields. */
YIELDS bool spam_greylist_ask(struct spam *s, const struct spam_greylist_rules *rules,
                              const struct spam_greylist_visit *visit, struct arena *a,
                              int64_t deadline_ms, struct spam_greylist_answer *out, struct err *e);

/* ---- keeping ---- */

/* People of ours wrote to these addresses. Errors: those of db_query. Yields. */
YIELDS bool spam_note_written(struct spam *s, const str *addresses, size_t n, struct arena *a,
                              int64_t deadline_ms, struct err *e);

/* Forgets what is too old to matter: for a periodic job. Errors: those of db_query. Yields. */
YIELDS bool spam_greylist_sweep(struct spam *s, int64_t max_age_ms, int64_t deadline_ms,
                                struct err *e);

#endif
