/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of hook: asks programs of the operator over HTTP what to do with a recipient or a
 * message, before it is taken. It decides nothing itself; what it is answered is what a filter of
 * the milter protocol may say, and recipients to add and to leave out. */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include "milter/milter.h"
#include "wire/smtp_envelope.h"

struct account_directory;
struct http_client;
struct semaphore;

enum {
    HOOK_LARGE_MAX = 8
};

enum hook_stage {
    HOOK_AT_RCPT, /* one recipient: may be refused */
    HOOK_AT_DATA  /* the whole message */
};

struct hook_server {
    str url;
    str secret; /* that requests are signed with; empty: they are not */
    enum hook_stage stage;
    size_t contents_max;    /* octets of the message that it is sent; 0: the header only */
    bool is_optional;       /* without it mail goes on; else it has to wait */
    bool skips_whitelisted; /* it is not asked about mail that is_whitelisted */
};

/* In the caller's storage. */
struct hook_chain {
    struct http_client *http;
    const struct hook_server *servers; /* in the order they are asked */
    size_t n;
    int64_t timeout_ms; /* for each of them */
    /* Who sends much of a message passes it, HOOK_LARGE_MAX at a time; NULL: nobody waits. */
    struct semaphore *large;
};

/* What it is about. */
struct hook_about {
    struct milter_message message; /* of HOOK_AT_RCPT: without content, the recipient is the last */
    bool is_submission;            /* of a user of ours; else from outside */
    str proven;                    /* an Authentication-Results field, or empty */
};

/* Asks all hooks of the stage, until one does not let it pass; each sees what the one before made
 * of the message and its envelope, the first one what *said has of the filters before, to which is
 * added what hooks say. One that cannot be asked, or that answers what we do not understand, is
 * logged and, if it is optional, passed over. ERR_CANCELLED only. Yields. */
YIELDS bool hook_ask(const struct hook_chain *chain, enum hook_stage stage,
                     const struct hook_about *about, struct arena *a, struct milter_result *said,
                     struct err *e);

/* Puts a copy of the message, in arena, with the sender and the recipients that filters and hooks
 * want into *m; when they changed nothing, *m stays. Who is added must be ours, or, in mail of a
 * user (m->account_id), anywhere, and find room: all of them lead to ACCOUNT_TARGETS_MAX ends at
 * most. A user's sender must be one that he may use; what comes from nobody stays so (RFC 5321
 * section 4.5.5). What may not be is left out and logged. Errors: those of account_route and
 * account_may_send_as but ERR_SYNTAX and ERR_LIMIT. Yields. */
YIELDS bool hook_change_envelope(const struct milter_envelope *wanted, struct account_directory *d,
                                 const struct smtp_message **m, struct arena *a,
                                 int64_t deadline_ms, struct err *e);

#endif
