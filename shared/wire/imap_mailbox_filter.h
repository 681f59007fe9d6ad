/* SPDX-License-Identifier: Apache-2.0 */
/* Which mailboxes a command is about: filter-mailboxes of NOTIFY (RFC 5465 section 6), also the
 * sources of ESEARCH (RFC 7377 section 2.2). Pure. */
#ifndef WIRE_IMAP_MAILBOX_FILTER_H
#define WIRE_IMAP_MAILBOX_FILTER_H

#include "wire/imap_lexer.h"

enum {
    IMAP_FILTER_NAMES_MAX = 1000 /* mailboxes of one filter; more is ERR_LIMIT */
};

enum imap_mailbox_filter_kind {
    IMAP_FILTER_SELECTED,
    IMAP_FILTER_SELECTED_DELAYED, /* NOTIFY only */
    IMAP_FILTER_INBOXES,
    IMAP_FILTER_PERSONAL,
    IMAP_FILTER_SUBSCRIBED,
    IMAP_FILTER_SUBTREE,     /* the named ones with all below */
    IMAP_FILTER_SUBTREE_ONE, /* ESEARCH only: with their children */
    IMAP_FILTER_MAILBOXES    /* the named ones */
};

struct imap_mailbox_filter {
    enum imap_mailbox_filter_kind kind;
    const str *names; /* as sent; of the last three kinds */
    size_t n;
};

/* Reads one filter. In the lexer's arena. ERR_SYNTAX; ERR_LIMIT; ERR_UNSUPPORTED for a word that is
 * none of the above. */
bool imap_mailbox_filter_parse(struct imap_lexer *l, struct imap_mailbox_filter *out,
                               struct err *e);

#endif
