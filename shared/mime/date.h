/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of headers (RFC 5322 sections 3.3 and 4.3). Not for IMAP date-times: wire has those. */
#ifndef MIME_DATE_H
#define MIME_DATE_H

#include "base/base.h"

struct mime_date {
    int64_t at_utc;  /* seconds since 1970-01-01 UTC; negative before */
    int zone_offset; /* minutes east of UTC of the place it was written at */
    bool zone_known; /* false for -0000 and for zones that say nothing */
};

/* Reads a raw field body: day name optional and not checked, two-digit years, seconds optional,
 * comments (at most MIME_MAX_COMMENT_DEPTH deep), named and military zones, and the order of
 * asctime. False when it is no date or names a day or time that does not exist; years 0-9999. */
bool mime_date_parse(str body, struct mime_date *out);

/* Appends "Tue, 1 Jul 2003 10:52:37 +0200". False when `out` is full or the year is not 0-9999. */
bool mime_date_format(int64_t at_utc, int zone_offset, struct buf *out);

#endif
