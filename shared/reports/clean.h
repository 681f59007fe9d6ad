/* SPDX-License-Identifier: Apache-2.0 */
/* Private to reports: texts and counts of strangers, made harmless. Pure. */
#ifndef REPORTS_CLEAN_H
#define REPORTS_CLEAN_H

#include "reports/received.h"

/* Trimmed, cut to `max` octets between characters, control characters as '?'; `text` is UTF-8. In
 * arena. */
str reports_clean(struct arena *a, str text, size_t max);
/* Cut to `max` octets; whatever is not printable ASCII as '?'. In arena. */
str reports_ascii(struct arena *a, str text, size_t max);
/* A domain as lower-case A-labels, without a final dot; empty when it is none. In arena. */
str reports_clean_domain(struct arena *a, str domain);
/* What every report needs to have: the domain, an id, who sends it. ERR_SYNTAX. */
bool reports_check(const struct reports_received *r, struct err *e);

#endif
