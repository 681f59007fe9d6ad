/* SPDX-License-Identifier: Apache-2.0 */
/* The records that this server put into the DNS for domains of ours, so that it takes out no
 * others. How that is done is not known here. */
#ifndef ACCOUNT_MADE_RECORD_H
#define ACCOUNT_MADE_RECORD_H

#include "account/account.h"

struct account_made_record {
    str domain; /* of ours, that it is for */
    str name;   /* without the final dot */
    str type;   /* "TXT" */
    str value;  /* as it was given; of TXT the text */
};

/* Notes that the record was put there, or taken out, with its audit row ("dns.add", "dns.remove").
 * A domain that is not ours has none. Errors as db_query. Yields. */
YIELDS bool account_made_record_add(struct account_directory *d, const struct account_actor *actor,
                                    const struct account_made_record *record, struct arena *a,
                                    int64_t deadline_ms, struct err *e);
YIELDS bool account_made_record_remove(struct account_directory *d,
                                       const struct account_actor *actor,
                                       const struct account_made_record *record, struct arena *a,
                                       int64_t deadline_ms, struct err *e);
/* Whether it is ours to take out. Errors as db_query. Yields. */
YIELDS bool account_made_record_find(struct account_directory *d,
                                     const struct account_made_record *record, struct arena *a,
                                     int64_t deadline_ms, bool *found, struct err *e);

struct account_made_value {
    str domain;
    str value;
    int64_t idle_ms; /* since it was put there, or last noted to be of use */
};

struct account_made_values {
    struct account_made_value *list; /* in arena */
    size_t n;
};

/* All values of a name and type, of whatever domain. Errors as db_query. Yields. */
YIELDS bool account_made_record_list(struct account_directory *d, str name, str type,
                                     struct arena *a, int64_t deadline_ms,
                                     struct account_made_values *out, struct err *e);
/* Notes that it is of use now, for whatever domain it was put there; false in *found: it was not
 * put there from here. Errors as db_query. Yields. */
YIELDS bool account_made_record_use(struct account_directory *d,
                                    const struct account_made_record *record, struct arena *a,
                                    int64_t deadline_ms, bool *found, struct err *e);
/* Forgets it, without an audit row, when nobody has noted a use of it, for whatever domain, for a
 * day; false in *taken: somebody has, or it is not ours. Who takes it takes it out of the DNS, and
 * notes that, or puts it back. Errors as db_query. Yields. */
YIELDS bool account_made_record_take_unused(struct account_directory *d,
                                            const struct account_made_record *record,
                                            struct arena *a, int64_t deadline_ms, bool *taken,
                                            struct err *e);
/* It is still in the DNS; as if used now. Errors as db_query. Yields. */
YIELDS bool account_made_record_put_back(struct account_directory *d,
                                         const struct account_made_record *record, struct arena *a,
                                         int64_t deadline_ms, struct err *e);

#endif
