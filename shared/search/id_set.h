/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of message ids, and answers made of them. Only for the sources of search. */
#ifndef SEARCH_ID_SET_H
#define SEARCH_ID_SET_H

#include "search/search.h"

/* Ids in one array; ascending and each once after search_id_set_sort. */
struct search_id_set {
    int64_t *ids;
    size_t n;
};

/* A set with room for `most` ids. In arena. */
struct search_id_set search_id_set_new(struct arena *a, size_t most);
/* Appends an id; there must be room. */
void search_id_set_add(struct search_id_set *set, int64_t id);
/* Brings the ids in order and drops repetitions. */
void search_id_set_sort(struct search_id_set *set);

/* Makes an answer of both sets, in any order: what is in both is unsure. Takes their arrays. */
void search_id_sets_answer(struct search_id_set *sure, struct search_id_set *maybe,
                           struct search_candidates *out);

#endif
