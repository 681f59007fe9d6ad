/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation of search keys. Texts are compared as shared/search does it: by i;unicode-casemap (RFC
 * 5051), in the decoded text. */
#include "services/imap/search_eval.h"

#include "mime/mime.h"
#include "search/header_texts.h"

#include <stdlib.h>

enum {
    SECONDS_A_DAY = 86400,
    POOL_MS = 20,               /* between two looks for a place in the pool */
    OFFLOAD_ABOVE = 256 * 1024, /* octets of a message that are looked into elsewhere */
    FULL_SCORE = 100
};

/* ---- dates ---- */

/* Days since 1970 of a time, rounded down. */
static int64_t day_of(int64_t seconds)
{
    return seconds / SECONDS_A_DAY - (seconds % SECONDS_A_DAY < 0);
}

static bool compare_days(enum imap_search_op op, int64_t day, int64_t wanted)
{
    bool is_before =
        op == IMAP_SEARCH_BEFORE || op == IMAP_SEARCH_SENTBEFORE || op == IMAP_SEARCH_SAVEDBEFORE;
    bool is_on = op == IMAP_SEARCH_ON || op == IMAP_SEARCH_SENTON || op == IMAP_SEARCH_SAVEDON;
    if (is_before)
        return day < wanted;
    return is_on ? day == wanted : day >= wanted;
}

static enum imap_truth truth(bool value)
{
    return value ? IMAP_TRUE : IMAP_FALSE;
}

static bool is_sent(const struct imap_search_key *key)
{
    return key->op == IMAP_SEARCH_SENTBEFORE || key->op == IMAP_SEARCH_SENTON ||
           key->op == IMAP_SEARCH_SENTSINCE;
}

bool imap_search_needs_content(const struct imap_search_key *key)
{
    return key->op == IMAP_SEARCH_HEADER || key->op == IMAP_SEARCH_BODY ||
           key->op == IMAP_SEARCH_TEXT || key->op == IMAP_SEARCH_THREADID || is_sent(key);
}

static enum imap_truth eval_sent(const struct imap_search_key *key, const struct imap_looked_at *m,
                                 enum imap_knowledge knows)
{
    int64_t day = 0;
    if (knows < IMAP_KNOWS_HEADER)
        return IMAP_MAYBE;
    return truth(search_header_sent_day(m->header, &day) && compare_days(key->op, day, key->days));
}

/* ---- texts ---- */

static enum imap_truth eval_header(const struct imap_search_key *key,
                                   const struct imap_looked_at *m, enum imap_knowledge knows)
{
    struct mime_field_iter it;
    struct mime_field field;
    if (knows < IMAP_KNOWS_HEADER)
        return IMAP_MAYBE;
    mime_field_iter_init(&it, m->header);
    while (mime_field_iter_next(&it, &field)) {
        if (!str_ieq(field.name, key->name))
            continue;
        if (key->text.n == 0 || search_text_contains(mime_text_decode(m->a, field.body), key->text))
            return IMAP_TRUE;
    }
    return IMAP_FALSE;
}

/* A look into a big message, with memory of its own: it may outlive who asked for it. */
struct look {
    struct work work;
    struct arena a;
    str raw;
    str needle;
    unsigned fields;
    bool found;
};

static void run_look(struct work *work)
{
    struct look *look = CONTAINER_OF(work, struct look, work);
    look->found = search_message_contains(look->raw, look->fields, look->needle);
}

static void end_look(struct work *work)
{
    struct look *look = CONTAINER_OF(work, struct look, work);
    arena_fini(&look->a);
    free(look);
}

/* In the pool. ERR_LIMIT: it has no place now. */
YIELDS static bool look_in_pool(str raw, unsigned fields, str needle, int64_t deadline_ms,
                                bool *found, struct err *e)
{
    struct look *look = HEAP_NEW(struct look);
    arena_init(&look->a);
    look->work = (struct work){ .run = run_look, .done = end_look };
    look->raw = arena_str(&look->a, raw);
    look->needle = arena_str(&look->a, needle);
    look->fields = fields;
    if (!work_run(&look->work, deadline_ms, e))
        return false;
    *found = look->found;
    work_finish(&look->work);
    return true;
}

/* A big message is never looked through in the loop: when the pool is full, this one waits, before
 * it is copied for the pool. False as well when the time of the search is over, or it was
 * cancelled: it ends then, by the true clock and not by that of the loop, which may be ahead. */
YIELDS static bool message_contains(str raw, unsigned fields, str needle, int64_t deadline_ms)
{
    struct err e = ERR_CLEAR;
    bool found = false;
    if (raw.n <= OFFLOAD_ABOVE)
        return search_message_contains(raw, fields, needle);
    while (clock_monotonic_ms() < deadline_ms && e.kind != ERR_CANCELLED) {
        e = (struct err)ERR_CLEAR;
        if (work_has_place() && look_in_pool(raw, fields, needle, deadline_ms, &found, &e))
            return found;
        if (e.kind != ERR_CANCELLED)
            (void)fiber_sleep_until(clock_deadline_in(POOL_MS), &e);
    }
    return false;
}

YIELDS static enum imap_truth eval_text(const struct imap_search *search,
                                        const struct imap_search_key *key,
                                        const struct imap_looked_at *m, enum imap_knowledge knows)
{
    bool has_header = key->op == IMAP_SEARCH_TEXT;
    if (key->text.n == 0)
        return IMAP_TRUE;
    if (has_header && knows == IMAP_KNOWS_HEADER && search_header_contains(m->header, key->text))
        return IMAP_TRUE;
    if (knows < IMAP_KNOWS_ALL)
        return IMAP_MAYBE;
    unsigned fields = has_header ? SEARCH_FIELD_ANY : SEARCH_FIELD_BODY;
    return truth(message_contains(m->raw, fields, key->text, search->deadline_ms));
}

bool imap_search_index_fields(const struct imap_search_key *key, unsigned *fields, bool *is_exact)
{
    static const struct {
        str name;
        unsigned fields;
        bool is_exact;
    } headers[] = {
        { STR_INIT("Subject"), SEARCH_FIELD_SUBJECT, true },
        { STR_INIT("From"), SEARCH_FIELD_FROM, true },
        { STR_INIT("To"), SEARCH_FIELD_TO, false }, /* the index holds To, Cc and Bcc as one */
        { STR_INIT("Cc"), SEARCH_FIELD_TO, false },
        { STR_INIT("Bcc"), SEARCH_FIELD_TO, false },
    };
    if (key->text.n == 0)
        return false;
    if (key->op == IMAP_SEARCH_BODY || key->op == IMAP_SEARCH_TEXT) {
        *fields = key->op == IMAP_SEARCH_BODY ? SEARCH_FIELD_BODY : SEARCH_FIELD_ANY;
        *is_exact = true;
        return true;
    }
    if (key->op != IMAP_SEARCH_HEADER || search_is_opaque_field(key->name))
        return false;
    *fields = SEARCH_FIELD_HEADERS;
    *is_exact = false; /* the index does not tell other fields apart */
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        if (str_ieq(key->name, headers[i].name)) {
            *fields = headers[i].fields;
            *is_exact = headers[i].is_exact;
        }
    }
    return true;
}

/* ---- what the index says ---- */

/* Index of the id, or -1. */
static ptrdiff_t find_id(const int64_t *ids, size_t n, int64_t id)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && ids[low] == id ? (ptrdiff_t)low : -1;
}

static bool may_have(const struct imap_search_hint *hint, int64_t id)
{
    uint64_t bit = imap_search_hash(id) & hint->filter_mask;
    return !hint->filter || (hint->filter[bit / 64] >> bit % 64 & 1);
}

static enum imap_truth ask_hint(const struct imap_search_hint *hint, int64_t msg_id)
{
    const struct search_candidates *c = &hint->candidates;
    enum imap_truth other = c->all_maybe ? IMAP_MAYBE : IMAP_FALSE;
    if (!may_have(hint, msg_id))
        return other;
    if (find_id(c->sure, c->n_sure, msg_id) >= 0)
        return hint->is_exact ? IMAP_TRUE : IMAP_MAYBE;
    return find_id(c->maybe, c->n_maybe, msg_id) >= 0 ? IMAP_MAYBE : other;
}

static const struct imap_search_hint *hint_of(const struct imap_search *search,
                                              const struct imap_search_key *key)
{
    for (size_t i = 0; i < search->n_hints; i++) {
        if (search->hints[i].key == key)
            return &search->hints[i];
    }
    return NULL;
}

unsigned imap_search_score(const struct imap_search *search, const struct store_row *row)
{
    unsigned best = 0;
    for (size_t i = 0; i < search->n_hints; i++) {
        const struct imap_search_hint *hint = &search->hints[i];
        ptrdiff_t at = hint->scores
                           ? find_id(hint->candidates.sure, hint->candidates.n_sure, row->msg_id)
                           : -1;
        unsigned score = at < 0 ? 0 : hint->scores[at];
        best = score > best ? score : best;
    }
    return best ? best : FULL_SCORE;
}

/* ---- the tree ---- */

/* AND and OR of the children: the first that decides ends it. */
YIELDS static enum imap_truth
eval_children(const struct imap_search *search, // NOLINT(misc-no-recursion)
              const struct imap_search_key *key, const struct imap_looked_at *m,
              enum imap_knowledge knows)
{
    bool is_or = key->op == IMAP_SEARCH_OR;
    enum imap_truth decides = is_or ? IMAP_TRUE : IMAP_FALSE;
    enum imap_truth result = is_or ? IMAP_FALSE : IMAP_TRUE;
    for (const struct imap_search_key *k = key->first_child; k; k = k->next) {
        enum imap_truth t = imap_search_eval(search, k, m, knows);
        if (t == decides)
            return t;
        if (t == IMAP_MAYBE)
            result = IMAP_MAYBE;
    }
    return result;
}

static enum imap_truth negate(enum imap_truth t)
{
    return t == IMAP_MAYBE ? IMAP_MAYBE : truth(t == IMAP_FALSE);
}

/* Keys that the index, a thread or the message itself decides. */
YIELDS static enum imap_truth eval_words(const struct imap_search *search,
                                         const struct imap_search_key *key,
                                         const struct imap_looked_at *m, enum imap_knowledge knows)
{
    const struct imap_search_hint *hint = hint_of(search, key);
    enum imap_truth t = hint ? ask_hint(hint, m->row->msg_id) : IMAP_MAYBE;
    if (t != IMAP_MAYBE)
        return t;
    if (key->op == IMAP_SEARCH_THREADID) /* nothing is known of it without its hint */
        return knows == IMAP_KNOWS_ALL ? IMAP_FALSE : IMAP_MAYBE;
    if (is_sent(key))
        return eval_sent(key, m, knows);
    return key->op == IMAP_SEARCH_HEADER ? eval_header(key, m, knows)
                                         : eval_text(search, key, m, knows);
}

/* Keys that the row decides. */
static enum imap_truth eval_row(const struct imap_search *search, const struct imap_search_key *key,
                                const struct imap_looked_at *m)
{
    const struct store_row *row = m->row;
    int64_t age_s = search->now_s - row->idate_s;
    int64_t saved_s = search->saved_s ? search->saved_s[m->number - 1] : STORE_NEVER_SAVED;
    switch (key->op) {
    case IMAP_SEARCH_FLAG:
        return truth((row->flags & key->number) != 0);
    case IMAP_SEARCH_KEYWORD:
        return truth(imap_view_has_keyword(search->view, m->number - 1, key->text));
    case IMAP_SEARCH_BEFORE:
    case IMAP_SEARCH_ON:
    case IMAP_SEARCH_SINCE:
        return truth(compare_days(key->op, day_of(row->idate_s), key->days));
    case IMAP_SEARCH_LARGER:
        return truth(row->size > key->number);
    case IMAP_SEARCH_SMALLER:
        return truth(row->size < key->number);
    case IMAP_SEARCH_SEQUENCE:
        return truth(imap_sequence_has(&key->set, m->number));
    case IMAP_SEARCH_UID:
        return truth(imap_sequence_has(&key->set, row->uid));
    case IMAP_SEARCH_MODSEQ:
        return truth((uint64_t)row->modseq >= key->number);
    case IMAP_SEARCH_OLDER:
        return truth(age_s >= (int64_t)key->number);
    case IMAP_SEARCH_YOUNGER:
        return truth(age_s <= (int64_t)key->number);
    case IMAP_SEARCH_EMAILID:
        return truth((uint64_t)row->msg_id == key->number);
    case IMAP_SEARCH_SAVEDBEFORE:
    case IMAP_SEARCH_SAVEDON:
    case IMAP_SEARCH_SAVEDSINCE:
        return truth(saved_s != STORE_NEVER_SAVED &&
                     compare_days(key->op, day_of(saved_s), key->days));
    case IMAP_SEARCH_ALL:
    case IMAP_SEARCH_NONE:
    case IMAP_SEARCH_AND:
    case IMAP_SEARCH_OR:
    case IMAP_SEARCH_NOT:
    case IMAP_SEARCH_HEADER:
    case IMAP_SEARCH_BODY:
    case IMAP_SEARCH_TEXT:
    case IMAP_SEARCH_SENTBEFORE:
    case IMAP_SEARCH_SENTON:
    case IMAP_SEARCH_SENTSINCE:
    case IMAP_SEARCH_THREADID:
        break;
    }
    return truth(key->op == IMAP_SEARCH_ALL);
}

/* The depth is limited by the parser. */
enum imap_truth imap_search_eval(const struct imap_search *search, // NOLINT(misc-no-recursion)
                                 const struct imap_search_key *key, const struct imap_looked_at *m,
                                 enum imap_knowledge knows)
{
    if (key->op == IMAP_SEARCH_AND || key->op == IMAP_SEARCH_OR)
        return eval_children(search, key, m, knows);
    if (key->op == IMAP_SEARCH_NOT)
        return negate(imap_search_eval(search, key->first_child, m, knows));
    if (imap_search_needs_content(key))
        return eval_words(search, key, m, knows);
    return eval_row(search, key, m);
}
