/* SPDX-License-Identifier: Apache-2.0 */
/* Who may bring mail at all: what is decided of a client and a sender at each recipient, before
 * there is a message. */
#ifndef DELIVER_SCREEN_H
#define DELIVER_SCREEN_H

#include "deliver/deliver.h"
#include "mailauth/spf.h"

enum {
    DELIVER_SCREEN_MS = 5 * 1000 /* for all questions to the DNS at one recipient */
};

/* A client that names a sender; in the caller's storage, one a mail transaction. Made zero but for
 * its first part. */
struct deliver_visit {
    const struct net_address *client; /* NULL: nobody knows: never local, and SPF says NONE */
    str helo;
    str sender;      /* of MAIL; empty: the null sender */
    struct arena *a; /* lives as long as the visit */
    bool has_spf;    /* it was asked for */
    struct mailauth_spf spf;
    str above; /* a domain of the whitelist that the sender is below; empty: none was asked for */
    struct mailauth_spf spf_above; /* of it */
    bool has_dnsbl;                /* likewise */
    struct spam_dnsbl_verdict dnsbl;
    const struct deliver_claim *claims; /* see deliver_screen; NULL: none */
    bool is_unproven;                   /* no signature proves them: none counts any more */
};

/* A rule of the whitelist that counts when a signature of the message proves the sender's domain.
 */
struct deliver_claim {
    str recipient;
    str subject; /* of the rule: an address or a domain */
    const struct deliver_claim *next;
};

enum deliver_screening {
    DELIVER_WELCOME,
    DELIVER_BLACKLISTED, /* 550 5.7.1 */
    DELIVER_LISTED,      /* in the DNS: 550 5.7.1 */
    DELIVER_GREYLISTED,  /* 451 4.7.1 */
    DELIVER_SPF_DENIED,  /* to be put off, and refused behind the message for sure: 550 5.7.23 */
    DELIVER_SPF_UNKNOWN /* to be refused but for the whitelist, if SPF gave an answer: 451 4.7.24 */
};

/* What the whitelist is worth for a recipient. */
enum deliver_trust {
    DELIVER_NO_TRUST,
    DELIVER_TRUSTS,      /* the sender is on it, and that counts */
    DELIVER_TRUSTS_CLAIM /* it will if the message proves the claim of the visit */
};

struct deliver_screened {
    enum deliver_screening verdict;
    str reason; /* a sentence for the reply; in the visit's arena */
};

/* postmaster and abuse can always be written to (RFC 5321 section 4.5.1, RFC 2142), so that who is
 * refused can ask why, and who got what another sent in our name can tell: mail for them alone is
 * refused for nothing that its client or its sender is. Pure. */
bool deliver_is_always_heard(str recipient);

/* Judges mail of the visitor for the recipient, which is ours. In this order:
 * 1. who is always heard (deliver_is_always_heard) is;
 * 2. the lists of the administrator (spam/receipt.h). A sender on the whitelist counts unless SPF
 *    says that the client may not send for it (fail, softfail), or cannot say it (temperror,
 *    permerror): where there is no record, the list's word counts, but below a domain that is
 *    listed that one's record is asked first; a client that needs to prove nothing (d->local) is
 *    believed. Of a client without an address SPF cannot say anything, whatever the record.
 *    Who is on the whitelist is welcome. A name that SPF does not confirm can still be
 * proven by DKIM, as when mail was forwarded: the visitor is let in for now, with a claim that
 * deliver_message looks at (DELIVER_UNPROVEN);
 * 3. so is a client that needs to prove nothing;
 * 4. lists of the DNS (spam/dnsbl.h): who is on too many is refused, and who
 *    is on those of good hosts is welcome;
 * 5. greylisting (spam/greylist.h), when d->checks asks for it. The null sender passes here:
 *    whether an address takes mail is asked with it. Whom SPF denies, where that is final, is not
 *    put off, but refused. A check that cannot be made lets in.
 * Failures are temporary: those of spam_ask_lists, ERR_CANCELLED. Yields. */
YIELDS bool deliver_screen(const struct deliver *d, struct deliver_visit *v,
                           const struct smtp_path *recipient, int64_t deadline_ms,
                           struct deliver_screened *out, struct err *e);

/* Whether the visitor is on the whitelist for the recipient, for those who are told of it; asked
 * after deliver_screen. For who is always heard only what needs no claim counts. Lists that cannot
 * be asked trust nobody: ERR_CANCELLED only. Yields. */
YIELDS bool deliver_screen_trust(const struct deliver *d, struct deliver_visit *v,
                                 const struct smtp_path *recipient, int64_t deadline_ms,
                                 enum deliver_trust *out, struct err *e);

/* Whether the visit has a claim for the recipient, local@domain. Pure. */
bool deliver_has_claim(const struct deliver_visit *v, str recipient);

/* Whether the envelope sender may be believed: SPF proves it, or it need not be proven (d->local,
 * or SPF is not asked at all). ERR_UNAVAILABLE: the DNS does not answer; ERR_CANCELLED. Yields. */
YIELDS bool deliver_screen_believes(const struct deliver *d, struct deliver_visit *v,
                                    int64_t deadline_ms, bool *out, struct err *e);

/* After DELIVER_UNPROVEN: judges the recipients of all claims again, as if no whitelist named the
 * sender. Failures as those of deliver_screen. Yields. */
YIELDS bool deliver_screen_claims(const struct deliver *d, struct deliver_visit *v,
                                  int64_t deadline_ms, struct deliver_screened *out, str *recipient,
                                  struct err *e);

/* Greylisting of the null sender, when there is a message for this recipient. Welcome is who has
 * another sender. Failures as those of deliver_screen. Yields. */
YIELDS bool deliver_screen_bounce(const struct deliver *d, struct deliver_visit *v, str recipient,
                                  int64_t deadline_ms, struct deliver_screened *out, struct err *e);

#endif
