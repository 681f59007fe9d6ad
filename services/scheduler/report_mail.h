/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to other domains as mails: to whom they may go, and handing them over. */
#ifndef SCHEDULER_REPORT_MAIL_H
#define SCHEDULER_REPORT_MAIL_H

#include "queue/queue.h"
#include "reports/address.h"
#include "services/app/app.h"
#include "submit/submit.h"
#include "wire/smtp_envelope.h"

/* Where a mailto: URI leads. */
struct report_mail_target {
    struct smtp_recipient recipient;
    str why; /* a sentence: no mail may go there; empty: it may */
};

/* Whether a mail of `size` octets may go to the address of a URI, and where that is. Errors: those
 * of account_route. In arena. Yields. */
YIELDS bool report_mail_find(const struct app *app, const struct reports_uri *uri, size_t size,
                             struct arena *a, int64_t deadline_ms, struct report_mail_target *out,
                             struct err *e);

/* Reports must be signed (RFC 8460 section 5.3): *why says what to do when the domain has no key,
 * else it is empty. Yields. */
YIELDS bool report_mail_check_key(const struct app *app, str domain, struct arena *a,
                                  int64_t deadline_ms, str *why, struct err *e);

struct report_mail {
    str content;
    str session;     /* for the log */
    str transaction; /* of this attempt: it is in mailboxes of ours once */
    const struct smtp_recipient *recipients;
    size_t n;
    const struct queue_also *also; /* the note that it was sent */
};

/* Hands it over with a null sender, signed, in one transaction with `also`. *why empty: that is
 * done; else a sentence, and nothing was. Errors: those of submit_system_message. Yields. */
YIELDS bool report_mail_send(const struct app *app, const struct report_mail *mail, struct arena *a,
                             int64_t deadline_ms, str *why, struct err *e);

#endif
