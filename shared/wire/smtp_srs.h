/* SPDX-License-Identifier: Apache-2.0 */
/* Senders of forwarded mail (Sender Rewriting Scheme): the sender becomes an address of the domain
 * that forwards, so that SPF holds, and a report to that address finds the way back. Who sees such
 * an address cannot make others. Pure.
 *
 *   SRS0=<hash>=<day>=<domain>=<local>@ours    of <local>@<domain>
 *   SRS1=<hash>=<host>==<rest>@ours            of SRS0=<rest>@<host>, which forwarded it before us
 *
 * The hash is of the key of this cluster; the day, in two digits, ends after SMTP_SRS_DAYS. */
#ifndef WIRE_SMTP_SRS_H
#define WIRE_SMTP_SRS_H

#include "base/base.h"

enum {
    SMTP_SRS_DAYS = 21 /* that a report may come back */
};

/* What addresses are made and judged with. */
struct smtp_srs {
    str key;
    int64_t now_s; /* since 1970 UTC */
};

/* The local part that stands for local@domain, without quotes, in the arena. False when it would be
 * longer than a local part may be, or hold what none may (NUL). */
bool smtp_srs_rewrite(const struct smtp_srs *srs, str local, str domain, struct arena *a, str *out);

/* Whether the local part has the form of one that was rewritten. */
bool smtp_srs_is_rewritten(str local);

/* Who the local part stands for; both halves without quotes, in the arena. ERR_SYNTAX: it has not
 * the form; ERR_DENIED: its hash is not ours, or it is too old. */
bool smtp_srs_restore(const struct smtp_srs *srs, str rewritten, struct arena *a, str *local,
                      str *domain, struct err *e);

#endif
