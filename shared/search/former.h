/* SPDX-License-Identifier: Apache-2.0 */
/* Documents and header texts as servers of the former version wrote them: in lower case, without
 * accents. Until they are indexed anew they tell which messages have to be read. Only for the
 * sources of search. */
#ifndef SEARCH_FORMER_H
#define SEARCH_FORMER_H

#include "search/id_set.h"

/* The needle as former texts hold it where the message holds it; empty: they cannot say. One thing
 * is not found: a small i of the needle where the message has a dotless one. Pure; in arena, or
 * `normal` itself. */
str search_former_needle(struct arena *a, str text, str normal);

/* The documents of the former form that may hold the needle, of those
 * that were indexed when the call began. In arena. Errors: those of db_query. Yields. */
YIELDS bool search_find_former(struct db *db, int64_t account_id,
                               const struct search_needle *needle, struct arena *a,
                               int64_t deadline_ms, struct search_id_set *out, struct err *e);

#endif
