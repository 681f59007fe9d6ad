/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the index, one for each key that it can answer. */
#include "services/imap/search_ask.h"

#include "search/header_texts.h"
#include "search/keys.h"

enum {
    NAMED_BELOW = 2000, /* messages that are named one by one, not as "all of the account" */
    FILTER_BITS = 16    /* of a filter for each candidate */
};

struct imap_search_key *imap_search_next_key(struct imap_search_key *key,
                                             struct imap_search_key **stack, size_t *depth)
{
    if (key->first_child) {
        stack[(*depth)++] = key;
        return key->first_child;
    }
    while (!key->next && *depth)
        key = stack[--*depth];
    return *depth || key->next ? key->next : NULL;
}

/* One asking: which messages are of interest. */
struct asking {
    struct imap_search *search;
    const int64_t *ids; /* NULL: all of the account */
    size_t n;
};

static void add_to_filter(uint64_t *filter, uint64_t mask, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bit = imap_search_hash(ids[i]) & mask;
        filter[bit / 64] |= (uint64_t)1 << bit % 64;
    }
}

static void make_filter(struct arena *a, struct imap_search_hint *hint)
{
    const struct search_candidates *c = &hint->candidates;
    uint64_t bits = 1024;
    while (bits < (c->n_sure + c->n_maybe) * FILTER_BITS && bits < (uint64_t)1 << 24)
        bits *= 2;
    uint64_t *filter = ARENA_ARRAY(a, uint64_t, bits / 64);
    hint->filter_mask = bits - 1;
    add_to_filter(filter, hint->filter_mask, c->sure, c->n_sure);
    add_to_filter(filter, hint->filter_mask, c->maybe, c->n_maybe);
    hint->filter = filter;
}

YIELDS static bool ask_thread(struct imap_search *search, const struct imap_search_key *key,
                              struct imap_search_hint *hint, struct err *e)
{
    struct imap_session *s = search->s;
    struct search_ids ids;
    if (!search_find_thread(s->app->db, search->view->account_id, (int64_t)key->number, &s->arena,
                            search->deadline_ms, &ids, e))
        return false;
    hint->is_exact = true;
    hint->candidates = (struct search_candidates){ .sure = ids.list, .n_sure = ids.n };
    return true;
}

YIELDS static bool ask_fuzzy(struct imap_search *search, const struct search_needle *needle,
                             struct imap_search_hint *hint, struct err *e)
{
    struct imap_session *s = search->s;
    struct search_scored scored;
    if (!search_find_fuzzy(s->app->db, search->view->account_id, needle, &s->arena,
                           search->deadline_ms, &scored, e))
        return false;
    hint->is_exact = true;
    hint->candidates = scored.candidates;
    hint->scores = scored.scores;
    return true;
}

/* Header fields and dates that are kept apart. False: the key is another one. */
static bool is_kept_header(const struct imap_search_key *key, struct search_header_query *query)
{
    static const struct {
        enum imap_search_op op;
        enum search_header_asked asked;
    } kept[] = {
        { IMAP_SEARCH_HEADER, SEARCH_HEADER_HOLDS },
        { IMAP_SEARCH_SENTBEFORE, SEARCH_SENT_BEFORE },
        { IMAP_SEARCH_SENTON, SEARCH_SENT_ON },
        { IMAP_SEARCH_SENTSINCE, SEARCH_SENT_SINCE },
    };
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        if (key->op != kept[i].op)
            continue;
        query->asked = kept[i].asked;
        query->text = key->text;
        query->day = key->days;
        return key->op != IMAP_SEARCH_HEADER ||
               (!key->is_fuzzy && search_header_find(key->name, &query->field));
    }
    return false;
}

YIELDS static bool ask_headers(const struct asking *asking, struct search_header_query *query,
                               struct imap_search_hint *hint, struct err *e)
{
    struct imap_session *s = asking->search->s;
    query->account_id = asking->search->view->account_id;
    query->holder = s->account_id;
    query->among = asking->ids;
    query->n_among = asking->n;
    hint->is_exact = true;
    return search_find_in_headers(s->app->db, query, &s->arena, asking->search->deadline_ms,
                                  &hint->candidates, e);
}

/* Asks about one key. *asked is false for those that no index knows. */
YIELDS static bool ask(const struct asking *asking, const struct imap_search_key *key,
                       struct imap_search_hint *hint, bool *asked, struct err *e)
{
    struct imap_search *search = asking->search;
    struct imap_session *s = search->s;
    struct search_header_query header = { .account_id = 0 };
    struct search_needle needle = { .text = key->text, .holder = s->account_id };
    *asked = true;
    if (key->op == IMAP_SEARCH_THREADID)
        return ask_thread(search, key, hint, e);
    if (is_kept_header(key, &header))
        return ask_headers(asking, &header, hint, e);
    *asked = imap_search_index_fields(key, &needle.fields, &hint->is_exact) &&
             key->text.n <= SEARCH_MAX_NEEDLE;
    if (!*asked)
        return true;
    if (key->is_fuzzy)
        return ask_fuzzy(search, &needle, hint, e);
    return search_find_substring(s->app->db, search->view->account_id, &needle, &s->arena,
                                 search->deadline_ms, &hint->candidates, e);
}

/* Whether the key can be answered by looking at the message. */
static bool is_readable(const struct imap_search_key *key)
{
    return key->op != IMAP_SEARCH_THREADID && !key->is_fuzzy;
}

/* Asks, and keeps the answer. A question that is too much for the index means "look at all", where
 * a look answers it. */
YIELDS static bool ask_key(const struct asking *asking, const struct imap_search_key *key,
                           struct err *e)
{
    struct imap_search *search = asking->search;
    struct imap_search_hint *hint = &search->hints[search->n_hints];
    struct err why = ERR_CLEAR;
    bool asked = false;
    *hint = (struct imap_search_hint){ .key = key };
    bool ok = ask(asking, key, hint, &asked, &why);
    if (!ok && !(why.kind == ERR_LIMIT && is_readable(key))) {
        *e = why;
        return false;
    }
    if (ok && asked) {
        make_filter(&search->s->arena, hint);
        search->n_hints++;
    }
    return true;
}

YIELDS static bool ask_all(const struct asking *asking, bool only_needed, struct err *e)
{
    struct imap_search *search = asking->search;
    struct imap_search_key *stack[IMAP_SEARCH_STACK];
    size_t depth = 0;
    search->hints = ARENA_ARRAY(&search->s->arena, struct imap_search_hint, IMAP_SEARCH_KEYS_MAX);
    search->n_hints = 0;
    for (struct imap_search_key *key = search->root; key;
         key = imap_search_next_key(key, stack, &depth)) {
        if (imap_search_needs_content(key) && !(only_needed && is_readable(key)) &&
            !ask_key(asking, key, e))
            return false;
    }
    return true;
}

bool imap_search_ask_needed(struct imap_search *search, struct err *e)
{
    const struct asking asking = { .search = search };
    return ask_all(&asking, true, e);
}

bool imap_search_ask(struct imap_search *search, const struct imap_found *open, struct err *e)
{
    struct asking asking = { .search = search };
    if (open->n < NAMED_BELOW) {
        int64_t *ids = ARENA_ARRAY(&search->s->arena, int64_t, open->n + 1);
        for (size_t i = 0; i < open->n; i++)
            ids[i] = imap_view_row(search->view, open->index[i])->msg_id;
        asking.ids = ids;
        asking.n = open->n;
    }
    return ask_all(&asking, false, e);
}
