/* SPDX-License-Identifier: Apache-2.0 */
/* DMARC failure reports (RFC 9991, 6591, 5965): one message that failed, told at once to who asks
 * for it. Only its header, and of that only what shows why: no recipients, no subject, no local
 * parts. The text is made when the message comes and kept until it is sent; all SQL of
 * report_failure is here. */
#ifndef REPORTS_FAILURE_H
#define REPORTS_FAILURE_H

#include "mailauth/mailauth.h"
#include "reports/document.h"

struct db;
struct db_tx;
struct mime_header;

enum {
    REPORTS_FAILURE_FIELDS_MAX = 8 * 1024,  /* octets of the report's own fields */
    REPORTS_FAILURE_HEADER_MAX = 16 * 1024, /* octets of the message's header in it */
    REPORTS_FAILURE_MAIL_MAX = 64 * 1024,
    REPORTS_FAILURES_HOUR_MAX = 1000 /* kept in an hour, for all domains together */
};

/* A message that was judged; nothing is kept. */
struct reports_failed {
    const struct mailauth_verdict *verdict;
    const struct mime_header *header;
    const char *hostname; /* ours */
    str source_ip;
    str result; /* "reject", "spam", or empty: it is not known yet */
    int64_t now_s;
};

/* Whether the policy asks to be told of it (ruf= and fo=, not of a public suffix), and may be: an
 * automatic message or a report is none, or two servers could report to each other for ever. Pure.
 */
bool reports_failure_is_wanted(const struct reports_failed *failed);

/* Appends the fields of the report without SPF-DNS, one a line with CRLF, in ASCII. False: `out` is
 * full. Pure. */
bool reports_failure_add_fields(const struct reports_failed *failed, struct buf *out);
/* Appends those fields of a header that show why it failed, without local parts and copied fields
 * (z=), in ASCII; what `out` has no room for is left out. Pure. */
void reports_failure_add_header(const struct mime_header *header, struct buf *out);

/* A report as it is kept. */
struct reports_failure {
    int64_t id;
    int64_t attempts;
    str domain;     /* whose policy asks for it */
    str recipients; /* ruf= as written */
    str spf_domain; /* whose record belongs into it; empty: none */
    str fields;
    str header;
};

struct reports_failures {
    struct reports_failure *list; /* in the arena */
    size_t n;
};

/* Keeps a report until it is sent, unless there is one of such a message (client, author, results)
 * in this hour, or `per_hour` of the domain, or REPORTS_FAILURES_HOUR_MAX at all. Yields. */
YIELDS bool reports_failure_keep(struct db *db, const struct reports_failed *failed,
                                 int64_t per_hour, int64_t deadline_ms, struct err *e);

/* Up to `max` that are due. Yields. */
YIELDS bool reports_failure_list_due(struct db *db, unsigned max, struct arena *a,
                                     int64_t deadline_ms, struct reports_failures *out,
                                     struct err *e);

/* What became of an attempt; ERR_CONFLICT: another process was faster. Borrows `note` until the
 * transaction ends. */
struct reports_failure_outcome {
    const struct reports_failure *failure;
    const char *state; /* "due": again in again_ms; "sent", "dropped" */
    int64_t again_ms;
    str note;
};

/* Appends one statement to an open transaction. */
void reports_failure_note_send(struct db_tx *tx, const struct reports_failure_outcome *outcome);
/* The same on its own. Yields. */
YIELDS bool reports_failure_note(struct db *db, const struct reports_failure_outcome *outcome,
                                 int64_t deadline_ms, struct err *e);
/* Forgets those of the days before yesterday. Yields. */
YIELDS bool reports_failure_sweep(struct db *db, int64_t deadline_ms, struct err *e);

/* A report on its way. Borrowed. */
struct reports_failure_mail {
    const struct reports_failure *failure;
    str spf; /* the record of failure->spf_domain; empty: none is shown */
    const struct reports_sender *sender;
    const str *to; /* addresses */
    size_t n_to;
    int64_t now_us;
};

/* Appends the whole message (multipart/report, CRLF), unsigned. ERR_LIMIT: `out` is
 * full. Pure. */
bool reports_failure_format(const struct reports_failure_mail *mail, struct buf *out,
                            struct err *e);

#endif
