/* SPDX-License-Identifier: Apache-2.0 */
/* Private to reports: counts by what they are of, in memory, and their way into the database. */
#ifndef REPORTS_TALLY_H
#define REPORTS_TALLY_H

#include "crypto/hash.h"
#include "reports/reports.h"

enum {
    REPORTS_FIELDS_MAX = 16
};

/* One kind of result with one day: all fields are text, the first is the domain. */
struct reports_tally {
    enum reports_kind kind;
    int64_t day; /* since 1970-01-01 UTC */
    uint8_t key[CRYPTO_SHA256_SIZE];
    str fields[REPORTS_FIELDS_MAX]; /* harmless ASCII; in the same piece of memory */
    size_t n_fields;
    int64_t count;
    int64_t last_us; /* UTC */
};

/* A tally of these fields, each made harmless (what is no printable ASCII becomes '?', but LF stays
 * in those that may be long) and cut. Gives; release with free. Pure. */
struct reports_tally *reports_tally_new(enum reports_kind kind, int64_t now_us, const str *fields,
                                        size_t n);

/* Adds tallies of one kind to what the database has, all in one statement, and makes sure that
 * there is a report for each day and domain. Errors: those of db_query. Yields. */
YIELDS bool reports_tally_write(struct db *db, struct reports_tally *const *list, size_t n,
                                int64_t spread_ms, int64_t deadline_ms, struct err *e);

#endif
