/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation of search keys. Texts are compared as shared/search does it: without regard to case,
 * accents and compatibility forms, in the decoded text. */
#include "services/imap/search_eval.h"

#include "mime/mime.h"

enum {
    SECONDS_A_DAY = 86400
};

/* ---- dates ---- */

/* Days since 1970 of a time, rounded down. */
static int64_t day_of(int64_t seconds)
{
    return seconds / SECONDS_A_DAY - (seconds % SECONDS_A_DAY < 0);
}

static bool compare_days(enum imap_search_op op, int64_t day, int64_t wanted)
{
    bool is_before = op == IMAP_SEARCH_BEFORE || op == IMAP_SEARCH_SENTBEFORE;
    bool is_on = op == IMAP_SEARCH_ON || op == IMAP_SEARCH_SENTON;
    if (is_before)
        return day < wanted;
    return is_on ? day == wanted : day >= wanted;
}

static enum imap_truth truth(bool value)
{
    return value ? IMAP_TRUE : IMAP_FALSE;
}

/* The Date field counts as it is written, without regard to its zone (RFC 9051 section 6.4.4). */
static enum imap_truth eval_sent(const struct imap_search_key *key, const struct imap_message *m,
                                 enum imap_knowledge knows)
{
    struct mime_header header;
    struct mime_date date;
    if (knows < IMAP_KNOWS_HEADER)
        return IMAP_MAYBE;
    mime_header_parse(m->a, m->header, &header);
    const struct mime_field *field = mime_header_find(&header, STR("Date"), 0);
    if (!field || !mime_date_parse(field->body, &date))
        return IMAP_FALSE;
    int64_t local_s = date.at_utc + (int64_t)date.zone_offset * 60;
    return truth(compare_days(key->op, day_of(local_s), key->days));
}

/* ---- texts ---- */

static enum imap_truth eval_header(const struct imap_search_key *key, const struct imap_message *m,
                                   enum imap_knowledge knows)
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

static bool any_field_contains(const struct imap_message *m, str needle)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, m->header);
    while (mime_field_iter_next(&it, &field)) {
        str text = arena_printf(m->a, "%.*s: %.*s", STR_FMT(field.name),
                                STR_FMT(mime_text_decode(m->a, field.body)));
        if (search_text_contains(text, needle))
            return true;
    }
    return false;
}

static enum imap_truth eval_text(const struct imap_search_key *key, const struct imap_message *m,
                                 enum imap_knowledge knows)
{
    bool has_header = key->op == IMAP_SEARCH_TEXT;
    if (key->text.n == 0)
        return IMAP_TRUE;
    if (has_header && knows >= IMAP_KNOWS_HEADER && any_field_contains(m, key->text))
        return IMAP_TRUE;
    if (knows < IMAP_KNOWS_ALL)
        return IMAP_MAYBE;
    return truth(search_message_contains(m->raw, SEARCH_FIELD_BODY, key->text));
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
    if (key->op != IMAP_SEARCH_HEADER)
        return false;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        if (str_ieq(key->name, headers[i].name)) {
            *fields = headers[i].fields;
            *is_exact = headers[i].is_exact;
            return true;
        }
    }
    return false;
}

/* ---- what the index says ---- */

static bool has_id(const int64_t *ids, size_t n, int64_t id)
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
    return low < n && ids[low] == id;
}

static enum imap_truth ask_hint(const struct imap_search *search, const struct imap_search_key *key,
                                int64_t msg_id)
{
    for (size_t i = 0; i < search->n_hints; i++) {
        const struct imap_search_hint *hint = &search->hints[i];
        if (hint->key != key || hint->candidates.all_maybe)
            continue;
        if (has_id(hint->candidates.sure, hint->candidates.n_sure, msg_id))
            return hint->is_exact ? IMAP_TRUE : IMAP_MAYBE;
        return has_id(hint->candidates.maybe, hint->candidates.n_maybe, msg_id) ? IMAP_MAYBE
                                                                                : IMAP_FALSE;
    }
    return IMAP_MAYBE;
}

/* ---- the tree ---- */

/* AND and OR of the children: the first that decides ends it. */
static enum imap_truth eval_children(const struct imap_search *search, // NOLINT(misc-no-recursion)
                                     const struct imap_search_key *key,
                                     const struct imap_message *m, uint32_t number,
                                     enum imap_knowledge knows)
{
    bool is_or = key->op == IMAP_SEARCH_OR;
    enum imap_truth decides = is_or ? IMAP_TRUE : IMAP_FALSE;
    enum imap_truth result = is_or ? IMAP_FALSE : IMAP_TRUE;
    for (const struct imap_search_key *k = key->first_child; k; k = k->next) {
        enum imap_truth t = imap_search_eval(search, k, m, number, knows);
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

static enum imap_truth eval_words(const struct imap_search *search,
                                  const struct imap_search_key *key, const struct imap_message *m,
                                  enum imap_knowledge knows)
{
    enum imap_truth hint = ask_hint(search, key, m->row->msg_id);
    /* The index knows no trace fields, which TEXT looks at too: the header decides. */
    if (hint == IMAP_FALSE && key->op == IMAP_SEARCH_TEXT)
        return knows < IMAP_KNOWS_HEADER ? IMAP_MAYBE : truth(any_field_contains(m, key->text));
    if (hint != IMAP_MAYBE)
        return hint;
    return key->op == IMAP_SEARCH_HEADER ? eval_header(key, m, knows) : eval_text(key, m, knows);
}

/* The depth is limited by the parser. */
enum imap_truth imap_search_eval(const struct imap_search *search, // NOLINT(misc-no-recursion)
                                 const struct imap_search_key *key, const struct imap_message *m,
                                 uint32_t number, enum imap_knowledge knows)
{
    const struct store_row *row = m->row;
    switch (key->op) {
    case IMAP_SEARCH_ALL:
        return IMAP_TRUE;
    case IMAP_SEARCH_NONE:
        return IMAP_FALSE;
    case IMAP_SEARCH_AND:
    case IMAP_SEARCH_OR:
        return eval_children(search, key, m, number, knows);
    case IMAP_SEARCH_NOT:
        return negate(imap_search_eval(search, key->first_child, m, number, knows));
    case IMAP_SEARCH_FLAG:
        return truth((row->flags & key->number) != 0);
    case IMAP_SEARCH_KEYWORD:
        return truth(imap_view_has_keyword(search->s->view, number - 1, key->text));
    case IMAP_SEARCH_HEADER:
    case IMAP_SEARCH_BODY:
    case IMAP_SEARCH_TEXT:
        return eval_words(search, key, m, knows);
    case IMAP_SEARCH_BEFORE:
    case IMAP_SEARCH_ON:
    case IMAP_SEARCH_SINCE:
        return truth(compare_days(key->op, day_of(row->idate_s), key->days));
    case IMAP_SEARCH_SENTBEFORE:
    case IMAP_SEARCH_SENTON:
    case IMAP_SEARCH_SENTSINCE:
        return eval_sent(key, m, knows);
    case IMAP_SEARCH_LARGER:
        return truth(row->size > key->number);
    case IMAP_SEARCH_SMALLER:
        return truth(row->size < key->number);
    case IMAP_SEARCH_SEQUENCE:
        return truth(imap_sequence_has(&key->set, number));
    case IMAP_SEARCH_UID:
        return truth(imap_sequence_has(&key->set, row->uid));
    case IMAP_SEARCH_MODSEQ:
        return truth((uint64_t)row->modseq >= key->number);
    }
    return IMAP_FALSE;
}
