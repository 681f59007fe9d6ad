/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of NOTIFY (RFC 5465): which events of which mailboxes. Pure. */
#ifndef WIRE_IMAP_NOTIFY_H
#define WIRE_IMAP_NOTIFY_H

#include "wire/imap_mailbox_filter.h"

enum {
    IMAP_NOTIFY_GROUPS_MAX = 32, /* of one command */
    IMAP_NOTIFY_NAMES_MAX = 1000 /* mailbox names of all groups together */
};

/* Events as bits. */
enum {
    IMAP_EVENT_MESSAGE_NEW = 1,
    IMAP_EVENT_MESSAGE_EXPUNGE = 2,
    IMAP_EVENT_FLAG_CHANGE = 4,
    IMAP_EVENT_MAILBOX_NAME = 8,
    IMAP_EVENT_SUBSCRIPTION_CHANGE = 16,
    IMAP_EVENT_MAILBOX_METADATA = 32,
    IMAP_EVENT_SERVER_METADATA = 64,
    IMAP_EVENT_OTHER = 128, /* one that is not offered */
    IMAP_EVENTS_OF_MESSAGES =
        IMAP_EVENT_MESSAGE_NEW | IMAP_EVENT_MESSAGE_EXPUNGE | IMAP_EVENT_FLAG_CHANGE
};

/* The events that are offered, as BADEVENT lists them. */
#define IMAP_EVENT_NAMES                                                  \
    "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange" \
    " MailboxMetadataChange ServerMetadataChange"

struct imap_notify_group {
    enum imap_mailbox_filter_kind filter; /* never SUBTREE_ONE */
    unsigned events;                      /* IMAP_EVENT_*; 0 for NONE */
    const str *names;                     /* as sent; of SUBTREE and MAILBOXES */
    size_t n_names;
};

struct imap_notify_args {
    bool is_none; /* NOTIFY NONE: nothing else is filled */
    bool wants_status;
    struct imap_notify_group groups[IMAP_NOTIFY_GROUPS_MAX];
    size_t n;
    unsigned events; /* of all groups; IMAP_EVENT_OTHER: answer NO [BADEVENT] */
    str fetch;       /* "(UID FLAGS)": what to fetch of new messages, checked; empty for nothing */
};

/* Reads everything behind "NOTIFY", in the lexer's arena. ERR_SYNTAX, also for events that must
 * come together and do not, or that a filter does not take; ERR_LIMIT; and the errors of
 * imap_fetch_parse. */
bool imap_notify_parse(struct imap_lexer *l, struct imap_notify_args *out, struct err *e);

#endif
