/* SPDX-License-Identifier: Apache-2.0 */
/* Puts records of our domains into the DNS, where `dns.updates` lets us, and takes out those that
 * it put there itself, and no others. Which records are wanted is the caller's knowledge. */
#ifndef APP_PUBLISHER_H
#define APP_PUBLISHER_H

#include "published/published.h"
#include "services/app/app.h"

enum {
    APP_SILENT_MAX = 8
};

/* Servers that did not answer in time: who changes many records waits for each of them once. All
 * zero at first. */
struct app_silent {
    struct net_address list[APP_SILENT_MAX];
    size_t n;
};

/* Whose domain, by whom. Borrowed. */
struct app_publisher {
    struct app *app;
    const struct account_actor *actor;
    str domain;
    struct arena *a;
    int64_t deadline_ms;
    struct app_silent *silent; /* of all that is published together */
};

enum app_publishing {
    APP_PUBLISH_DONE,    /* it was put there, or taken out */
    APP_PUBLISH_THERE,   /* it was there already */
    APP_PUBLISH_TAKEN,   /* something else is there; nothing was done */
    APP_PUBLISH_FAILED,  /* the server did not do it, or is not asked, as it was silent */
    APP_PUBLISH_NO_ZONE, /* `dns.updates` has no zone for the name */
    APP_PUBLISH_NOT_OURS /* it is not one that was put there from here */
};

/* Puts the record there; it is remembered as ours, with an audit row, and logged. `why` is the
 * reason for APP_PUBLISH_FAILED (may be NULL), which is logged, too; in arena. Errors: those of the
 * database, ERR_CANCELLED. Yields. */
YIELDS bool app_publish(const struct app_publisher *p, const struct published_record *record,
                        enum app_publishing *out, str *why, struct err *e);
/* Puts one there that is ours already, in case that it is gone. Nobody knows afterwards whether it
 * was: it is not in the audit log. Errors: ERR_CANCELLED. Yields. */
YIELDS bool app_publish_again(const struct app_publisher *p, const struct published_record *record,
                              enum app_publishing *out, struct err *e);
/* Takes it out, when it was put there from here. Likewise. */
YIELDS bool app_withdraw(const struct app_publisher *p, const struct published_record *record,
                         enum app_publishing *out, str *why, struct err *e);
/* The same when no frontend has noted a use of it for a day, which is asked as it is forgotten:
 * first that, then the DNS; what stays in the DNS is ours again. Who is stopped between the two
 * leaves a record that nobody takes out. Likewise. */
YIELDS bool app_withdraw_unused(const struct app_publisher *p,
                                const struct published_record *record, enum app_publishing *out,
                                struct err *e);

#endif
