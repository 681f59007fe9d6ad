/* SPDX-License-Identifier: Apache-2.0 */
/* The two date forms of IMAP: INTERNALDATE's date-time and SEARCH's date. Pure. */
#ifndef WIRE_IMAP_DATE_H
#define WIRE_IMAP_DATE_H

#include "wire/imap_lexer.h"

/* "05-Nov-2026 12:30:00 +0100" in quotes, as seconds since 1970-01-01 UTC. The day must exist in
 * its month. ERR_SYNTAX. */
bool imap_date_time_parse(struct imap_lexer *l, int64_t *out_utc_s, struct err *e);
/* "5-Nov-2026", quoted or not, as days since 1970-01-01. ERR_SYNTAX. */
bool imap_date_parse(struct imap_lexer *l, int64_t *out_days, struct err *e);

/* Writes the date-time with its quotes, in UTC (+0000), clamped to years 0-9999. False when `out`
 * is full. */
bool imap_date_time_format(struct buf *out, int64_t utc_s);

#endif
