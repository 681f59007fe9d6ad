/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of deliver: the inbound path. A message from outside for accounts of ours: loops are
 * stopped, what others forged in our name is taken out, trace fields are put on top, and all
 * mailboxes get it in one transaction. The one place of inbound policy; it writes no SMTP reply. */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "base/map.h"
#include "spam/dnsbl.h"
#include "spam/greylist.h"
#include "wire/smtp_envelope.h"

struct account_directory;
struct deliver_visit;
struct dns;
struct hook_chain;
struct mailauth_keys;
struct milter_chain;
struct milter_result;
struct net_networks;
struct queue;
struct reports;
struct store;

enum {
    DELIVER_MAX_HEADER = 10 * 1024 * 1024, /* octets; a larger header is refused (ATTACKS X1) */
    DELIVER_MAX_TRACE = 8 * 1024           /* octets of the trace fields we put on top */
};

/* What senders from outside have to prove, and what follows when they cannot. */
struct deliver_checks {
    bool spf;
    bool dkim;
    bool dmarc;
    bool spf_fail_is_final; /* else only the policy of the author's domain refuses (RFC 9989) */
    const char *const *arc; /* domains whose seal (RFC 8617) makes up for a proof that was lost on
                               the way, as with a mailing list */
    size_t n_arc;
    struct spam_dnsbl_rules dnsbl;
    bool greylists;
    struct spam_greylist_rules greylist; /* when it does */
};

/* Who has one message already, of which each recipient is delivered alone (LMTP): once is enough
 * for an account, and for an address elsewhere, whoever leads to it. Filters are asked once, about
 * the whole of it, when the first recipient is delivered. In the caller's storage; `a` is kept. */
struct deliver_left {
    struct map ends; /* addresses in lower case; accounts as their number */
    struct arena *a;
    const struct smtp_message *whole; /* with all recipients, kept; NULL: filters are asked about
                                         each delivery */
    size_t at; /* which of its recipients is delivered now, for the caller to set */
    struct milter_result *said; /* by the filters; NULL: they were not asked yet */
    bool has_added;             /* whom they added has it */
};

/* Nobody has it; takes back what the map has allocated. */
void deliver_left_init(struct deliver_left *left, const struct smtp_message *whole,
                       struct arena *a);
void deliver_left_fini(struct deliver_left *left);

/* What deliveries need; in the caller's storage, all kept. */
struct deliver {
    struct store *store;
    struct queue *queue;                /* for reports to remote senders */
    struct account_directory *accounts; /* for reports to our own */
    const char *hostname;    /* ours: of Received, and the authserv-id that nobody else may use */
    int64_t retry_window_ms; /* the same bytes with a Message-ID, of the same sender and for the
                                same address, are not stored again within it (R2); 0: they are */
    struct dns *dns;         /* NULL: senders need to prove nothing */
    struct mailauth_keys *keys;         /* DKIM keys that were needed lately */
    const struct milter_chain *milters; /* filters that see each message; NULL: none */
    const struct hook_chain *hooks;     /* likewise */
    const struct net_networks *local;   /* nor need clients in these */
    struct spam *spam;                  /* what is asked of clients and senders; NULL: nothing */
    struct deliver_checks checks;
    const struct deliver_visit *visit; /* what is known of who brings this message (screen.h); NULL:
                                          nothing. Of one transaction */
    struct deliver_left *left; /* likewise; grows by what is delivered. NULL: all are delivered at
                                  once */
    struct reports *reports;   /* counts what authors' domains are told of; NULL: nobody does */
    const char *report_inbox; /* local part of the address, at our domains, that gets the reports of
                                 others; NULL or empty: none is read */
    bool keeps_report_mail;   /* what was read is delivered nevertheless */
    int64_t success_reports_per_hour; /* to one sender whom SPF was to prove and did not; 0: any
                                         number */
    bool seals; /* what was proven of mail that leaves again is vouched for (ARC, RFC 8617), where
                   the domain that forwards it has a key */
    bool signs; /* reports that leave (DKIM), where our domain has a key (queue/sign.h) */
};

enum deliver_verdict {
    DELIVER_DONE, /* committed; when some mailboxes were full, with a report of that */
    DELIVER_LOOP, /* too many Received or Delivered-To fields, or it was delivered to all of its
                     recipients before: 554 5.4.6 */
    DELIVER_HEADER_TOO_LARGE, /* 552 5.3.4 */
    DELIVER_SPF_FAIL,         /* the client may not send for the sender's domain: 550 5.7.23 */
    DELIVER_DMARC_FAIL,       /* the author's domain wants it refused: 550 5.7.1 */
    DELIVER_DMARC_LATER,      /* whether it does is not known now: 451 4.7.1 */
    DELIVER_TOLD_ENOUGH, /* it asks for reports of success, and its sender, who is not proven, had
                            as many as he may for now: 450 4.7.1 */
    DELIVER_UNPROVEN,    /* no signature proves a claim of the visit: judge its recipients again
                            (deliver_screen_claims), and hand it over again if they may */
    DELIVER_AUTHOR_UNCLEAR, /* several From fields or authors, or none with a domain: 550 5.7.1 */
    DELIVER_FILTERED,       /* a filter refuses it: 550 5.7.1 */
    DELIVER_FILTERED_NOW,   /* a filter wants it later, or does not answer: 451 4.7.1 */
    DELIVER_DISCARDED,      /* a filter took it: nothing is stored, and nobody told */
    DELIVER_NOT_TEXT,       /* BINARYMIME that cannot be re-encoded: 554 5.6.3 */
    DELIVER_OVER_QUOTA      /* all mailboxes are full, nothing was delivered: 552 5.2.2 */
};

struct deliver_result {
    enum deliver_verdict verdict;
    int64_t full_account_id; /* an account whose mailbox is full; 0 when none is */
    str reason;       /* of a proof that failed, or of a filter: for the reply; in the arena */
    int64_t queue_id; /* of the first copy that leaves, led elsewhere; 0: none does */
};

/* Delivers to the accounts of the recipients (all are ours; of several addresses of one account the
 * first counts) in one transaction. A full mailbox among others, or one that had the message before
 * (its address stands in a Delivered-To field, RFC 9228), does not hinder them: the sender gets a
 * report (RFC 3464) that is durable before DELIVER_DONE, unless it wanted none. A report of another
 * server about a domain of ours (TLS-RPT, DMARC) for d->report_inbox goes into the database, and
 * into no mailbox unless d->keeps_report_mail or something is wrong with it. A report of success
 * that was asked for is on its way then too; where that would be too many for a sender whom nobody
 * proved (d->success_reports_per_hour), nothing is delivered. A client that is not local proves who
 * sent the message before anything is stored, and what was found stands in an
 * Authentication-Results field (RFC 8601); a proof that cannot be had now (the DNS does not answer)
 * is no reason to refuse, unless a policy of the author's domain depends on it
 * (DELIVER_DMARC_LATER). What fails DMARC with a policy of quarantine goes to Junk, and what leaves
 * of it is held. Failures are temporary, nothing was answered for: those of store_deliver;
 * ERR_UNKNOWN_OUTCOME only when looking for the delivery failed too (R3). Derived data never fails
 * a delivery (R22). What proofs and filters take is not in the deadline: behind them there is as
 * much time as at first. Temporary memory comes from `a`. Yields. */
YIELDS bool deliver_message(const struct deliver *d, const struct smtp_message *m, struct arena *a,
                            int64_t deadline_ms, struct deliver_result *out, struct err *e);

#endif
