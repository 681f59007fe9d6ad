/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of search keys, from a table of their names. */
#include "wire/imap_search.h"

#include "base/utf8.h"
#include "wire/imap_date.h"
#include "wire/imap_flags.h"

/* What follows a key's name. */
enum shape {
    SHAPE_ALONE,
    SHAPE_UNSET,  /* alone; the key is NOT the flag */
    SHAPE_TEXT,   /* one astring */
    SHAPE_FIELD,  /* one astring, looked for in the header called like the key */
    SHAPE_HEADER, /* two astrings */
    SHAPE_DATE,
    SHAPE_NUMBER,
    SHAPE_INTERVAL, /* a number that is not 0 */
    SHAPE_OBJECT,   /* an object id */
    SHAPE_SET,
    SHAPE_ABOVE, /* a UID, which is not meant itself (RFC 9738 section 3.6) */
    SHAPE_BELOW,
    SHAPE_MODSEQ,
    SHAPE_WORD,   /* a keyword */
    SHAPE_UNWORD, /* a keyword; the key is NOT it */
    SHAPE_NOT,    /* one key */
    SHAPE_OR,     /* two keys */
    SHAPE_FUZZY   /* one key; all under it is fuzzy */
};

struct key_kind {
    str name;
    enum shape shape;
    enum imap_search_op op;
    unsigned number;
};

static const struct key_kind key_kinds[] = {
    { STR_INIT("ALL"), SHAPE_ALONE, IMAP_SEARCH_ALL, 0 },
    { STR_INIT("ANSWERED"), SHAPE_ALONE, IMAP_SEARCH_FLAG, IMAP_FLAG_ANSWERED },
    { STR_INIT("BCC"), SHAPE_FIELD, IMAP_SEARCH_HEADER, 0 },
    { STR_INIT("BEFORE"), SHAPE_DATE, IMAP_SEARCH_BEFORE, 0 },
    { STR_INIT("BODY"), SHAPE_TEXT, IMAP_SEARCH_BODY, 0 },
    { STR_INIT("CC"), SHAPE_FIELD, IMAP_SEARCH_HEADER, 0 },
    { STR_INIT("DELETED"), SHAPE_ALONE, IMAP_SEARCH_FLAG, IMAP_FLAG_DELETED },
    { STR_INIT("DRAFT"), SHAPE_ALONE, IMAP_SEARCH_FLAG, IMAP_FLAG_DRAFT },
    { STR_INIT("EMAILID"), SHAPE_OBJECT, IMAP_SEARCH_EMAILID, 0 },
    { STR_INIT("FLAGGED"), SHAPE_ALONE, IMAP_SEARCH_FLAG, IMAP_FLAG_FLAGGED },
    { STR_INIT("FROM"), SHAPE_FIELD, IMAP_SEARCH_HEADER, 0 },
    { STR_INIT("FUZZY"), SHAPE_FUZZY, IMAP_SEARCH_AND, 0 },
    { STR_INIT("HEADER"), SHAPE_HEADER, IMAP_SEARCH_HEADER, 0 },
    { STR_INIT("KEYWORD"), SHAPE_WORD, IMAP_SEARCH_KEYWORD, 0 },
    { STR_INIT("LARGER"), SHAPE_NUMBER, IMAP_SEARCH_LARGER, 0 },
    { STR_INIT("MODSEQ"), SHAPE_MODSEQ, IMAP_SEARCH_MODSEQ, 0 },
    { STR_INIT("NEW"), SHAPE_ALONE, IMAP_SEARCH_NONE, 0 },
    { STR_INIT("NOT"), SHAPE_NOT, IMAP_SEARCH_NOT, 0 },
    { STR_INIT("OLD"), SHAPE_ALONE, IMAP_SEARCH_ALL, 0 },
    { STR_INIT("OLDER"), SHAPE_INTERVAL, IMAP_SEARCH_OLDER, 0 },
    { STR_INIT("ON"), SHAPE_DATE, IMAP_SEARCH_ON, 0 },
    { STR_INIT("OR"), SHAPE_OR, IMAP_SEARCH_OR, 0 },
    { STR_INIT("RECENT"), SHAPE_ALONE, IMAP_SEARCH_NONE, 0 },
    { STR_INIT("SAVEDATESUPPORTED"), SHAPE_ALONE, IMAP_SEARCH_ALL, 0 },
    { STR_INIT("SAVEDBEFORE"), SHAPE_DATE, IMAP_SEARCH_SAVEDBEFORE, 0 },
    { STR_INIT("SAVEDON"), SHAPE_DATE, IMAP_SEARCH_SAVEDON, 0 },
    { STR_INIT("SAVEDSINCE"), SHAPE_DATE, IMAP_SEARCH_SAVEDSINCE, 0 },
    { STR_INIT("SEEN"), SHAPE_ALONE, IMAP_SEARCH_FLAG, IMAP_FLAG_SEEN },
    { STR_INIT("SENTBEFORE"), SHAPE_DATE, IMAP_SEARCH_SENTBEFORE, 0 },
    { STR_INIT("SENTON"), SHAPE_DATE, IMAP_SEARCH_SENTON, 0 },
    { STR_INIT("SENTSINCE"), SHAPE_DATE, IMAP_SEARCH_SENTSINCE, 0 },
    { STR_INIT("SINCE"), SHAPE_DATE, IMAP_SEARCH_SINCE, 0 },
    { STR_INIT("SMALLER"), SHAPE_NUMBER, IMAP_SEARCH_SMALLER, 0 },
    { STR_INIT("SUBJECT"), SHAPE_FIELD, IMAP_SEARCH_HEADER, 0 },
    { STR_INIT("TEXT"), SHAPE_TEXT, IMAP_SEARCH_TEXT, 0 },
    { STR_INIT("THREADID"), SHAPE_OBJECT, IMAP_SEARCH_THREADID, 0 },
    { STR_INIT("TO"), SHAPE_FIELD, IMAP_SEARCH_HEADER, 0 },
    { STR_INIT("UID"), SHAPE_SET, IMAP_SEARCH_UID, 0 },
    { STR_INIT("UIDAFTER"), SHAPE_ABOVE, IMAP_SEARCH_UID, 0 },
    { STR_INIT("UIDBEFORE"), SHAPE_BELOW, IMAP_SEARCH_UID, 0 },
    { STR_INIT("UNANSWERED"), SHAPE_UNSET, IMAP_SEARCH_FLAG, IMAP_FLAG_ANSWERED },
    { STR_INIT("UNDELETED"), SHAPE_UNSET, IMAP_SEARCH_FLAG, IMAP_FLAG_DELETED },
    { STR_INIT("UNDRAFT"), SHAPE_UNSET, IMAP_SEARCH_FLAG, IMAP_FLAG_DRAFT },
    { STR_INIT("UNFLAGGED"), SHAPE_UNSET, IMAP_SEARCH_FLAG, IMAP_FLAG_FLAGGED },
    { STR_INIT("UNKEYWORD"), SHAPE_UNWORD, IMAP_SEARCH_KEYWORD, 0 },
    { STR_INIT("UNSEEN"), SHAPE_UNSET, IMAP_SEARCH_FLAG, IMAP_FLAG_SEEN },
    { STR_INIT("YOUNGER"), SHAPE_INTERVAL, IMAP_SEARCH_YOUNGER, 0 },
};

/* A parse in progress. */
struct parse {
    struct imap_lexer *l;
    struct imap_search_args *out;
    unsigned keys;
    unsigned fuzzy; /* FUZZY keys around */
    struct err *e;
};

static bool parse_key(struct parse *p, unsigned depth, struct imap_search_key **out);

static struct imap_search_key *new_key(struct parse *p, enum imap_search_op op)
{
    struct imap_search_key *key = ARENA_NEW(p->l->a, struct imap_search_key);
    key->op = op;
    key->is_fuzzy = p->fuzzy > 0;
    return key;
}

/* Puts the key under a NOT. */
static struct imap_search_key *negate(struct parse *p, struct imap_search_key *key)
{
    struct imap_search_key *inverse = new_key(p, IMAP_SEARCH_NOT);
    inverse->first_child = key;
    return inverse;
}

static bool read_text(struct parse *p, str *out)
{
    if (!imap_lexer_space(p->l, p->e))
        return false;
    if (!imap_lexer_astring(p->l, out, p->e))
        return false;
    if (!utf8_is_valid(*out))
        return ERR(p->e, ERR_SYNTAX, "search text is not UTF-8");
    return true;
}

/* "UIDAFTER 99" is the set 100:4294967295, "UIDBEFORE 99" is 1:98. */
static bool read_side(struct parse *p, bool is_above, struct imap_search_key *key)
{
    uint64_t uid;
    if (!imap_lexer_space(p->l, p->e) || !imap_lexer_number(p->l, UINT32_MAX, &uid, p->e))
        return false;
    if (uid == 0)
        return ERR(p->e, ERR_SYNTAX, "UIDs count from 1");
    if (uid == (is_above ? UINT32_MAX : 1)) {
        key->op = IMAP_SEARCH_NONE;
        return true;
    }
    struct imap_range *range = ARENA_NEW(p->l->a, struct imap_range);
    *range = is_above ? (struct imap_range){ (uint32_t)uid + 1, UINT32_MAX }
                      : (struct imap_range){ 1, (uint32_t)uid - 1 };
    key->set = (struct imap_sequence){ .ranges = range, .n = 1 };
    return true;
}

/* "MODSEQ 123" or "MODSEQ "/flags/\\draft" all 123": one modseq a message is all we keep, so the
 * entry does not matter (RFC 7162 section 3.1.5). */
static bool read_modseq(struct parse *p, uint64_t *out)
{
    str entry;
    if (!imap_lexer_space(p->l, p->e))
        return false;
    if (imap_lexer_peek(p->l) == '"') {
        if (!imap_lexer_string(p->l, &entry, p->e) || !imap_lexer_space(p->l, p->e))
            return false;
        if (!imap_lexer_try_word(p->l, STR("all")) && !imap_lexer_try_word(p->l, STR("priv")) &&
            !imap_lexer_try_word(p->l, STR("shared")))
            return ERR(p->e, ERR_SYNTAX, "expected all, priv or shared");
        if (!imap_lexer_space(p->l, p->e))
            return false;
    }
    p->out->has_modseq = true;
    return imap_lexer_number(p->l, INT64_MAX, out, p->e);
}

static bool read_keyword(struct parse *p, str *out)
{
    return imap_lexer_space(p->l, p->e) && imap_lexer_atom(p->l, out, p->e);
}

static bool read_operands(struct parse *p, unsigned depth, unsigned n, struct imap_search_key *key)
{
    struct imap_search_key **end = &key->first_child;
    for (unsigned i = 0; i < n; i++) {
        if (!imap_lexer_space(p->l, p->e) || !parse_key(p, depth + 1, end))
            return false;
        end = &(*end)->next;
    }
    return true;
}

static bool read_interval(struct parse *p, uint64_t *out)
{
    if (!imap_lexer_space(p->l, p->e) || !imap_lexer_number(p->l, UINT32_MAX, out, p->e))
        return false;
    return *out > 0 || ERR(p->e, ERR_SYNTAX, "an interval is at least 1 second");
}

static bool read_object_id(struct parse *p, str *out)
{
    if (!imap_lexer_space(p->l, p->e) || !imap_lexer_astring(p->l, out, p->e))
        return false;
    bool ok = out->n > 0 && out->n <= IMAP_OBJECT_ID_MAX;
    for (size_t i = 0; ok && i < out->n; i++)
        ok = ascii_is_alnum(out->p[i]) || out->p[i] == '_' || out->p[i] == '-';
    return ok || ERR(p->e, ERR_SYNTAX, "not an object id");
}

static bool read_fuzzy(struct parse *p, unsigned depth, struct imap_search_key *key)
{
    p->out->has_fuzzy = true;
    p->fuzzy++;
    bool ok = read_operands(p, depth, 1, key);
    p->fuzzy--;
    return ok;
}

static bool read_value(struct parse *p, enum shape shape, unsigned depth,
                       struct imap_search_key *key)
{
    switch (shape) {
    case SHAPE_ALONE:
    case SHAPE_UNSET:
        return true;
    case SHAPE_TEXT:
    case SHAPE_FIELD:
        return read_text(p, &key->text);
    case SHAPE_HEADER:
        return imap_lexer_space(p->l, p->e) && imap_lexer_astring(p->l, &key->name, p->e) &&
               read_text(p, &key->text);
    case SHAPE_DATE:
        return imap_lexer_space(p->l, p->e) && imap_date_parse(p->l, &key->days, p->e);
    case SHAPE_NUMBER:
        return imap_lexer_space(p->l, p->e) &&
               imap_lexer_number(p->l, INT64_MAX, &key->number, p->e);
    case SHAPE_INTERVAL:
        return read_interval(p, &key->number);
    case SHAPE_OBJECT:
        return read_object_id(p, &key->text);
    case SHAPE_SET:
        return imap_lexer_space(p->l, p->e) && imap_sequence_parse(p->l, &key->set, p->e);
    case SHAPE_ABOVE:
        return read_side(p, true, key);
    case SHAPE_BELOW:
        return read_side(p, false, key);
    case SHAPE_MODSEQ:
        return read_modseq(p, &key->number);
    case SHAPE_WORD:
    case SHAPE_UNWORD:
        return read_keyword(p, &key->text);
    case SHAPE_NOT:
        return read_operands(p, depth, 1, key);
    case SHAPE_OR:
        return read_operands(p, depth, 2, key);
    case SHAPE_FUZZY:
        return read_fuzzy(p, depth, key);
    }
    return false;
}

static bool parse_named_key(struct parse *p, unsigned depth, struct imap_search_key **out)
{
    str name;
    if (!imap_lexer_word(p->l, &name, p->e))
        return false;
    for (size_t i = 0; i < COUNT_OF(key_kinds); i++) {
        const struct key_kind *kind = &key_kinds[i];
        if (!str_ieq(name, kind->name))
            continue;
        struct imap_search_key *key = new_key(p, kind->op);
        key->name = kind->name;
        key->number = kind->number;
        if (!read_value(p, kind->shape, depth, key))
            return false;
        bool is_negative = kind->shape == SHAPE_UNSET || kind->shape == SHAPE_UNWORD;
        *out = is_negative ? negate(p, key) : key;
        return true;
    }
    return ERR(p->e, ERR_SYNTAX, "no search key of that name");
}

/* Keys with spaces between, up to `end` (')' or the end of the command), as one AND. */
static bool parse_list(struct parse *p, unsigned depth, struct imap_search_key **out)
{
    struct imap_search_key *list = new_key(p, IMAP_SEARCH_AND);
    struct imap_search_key **end = &list->first_child;
    do {
        if (!parse_key(p, depth, end))
            return false;
        end = &(*end)->next;
    } while (imap_lexer_try_byte(p->l, ' '));
    *out = list;
    return true;
}

static bool parse_key(struct parse *p, unsigned depth, struct imap_search_key **out)
{
    if (depth > IMAP_SEARCH_DEPTH_MAX) {
        return ERR(p->e, ERR_LIMIT, "search keys are nested more than %d deep",
                   IMAP_SEARCH_DEPTH_MAX);
    }
    if (++p->keys > IMAP_SEARCH_KEYS_MAX)
        return ERR(p->e, ERR_LIMIT, "more than %d search keys", IMAP_SEARCH_KEYS_MAX);
    char c = imap_lexer_peek(p->l);
    if (imap_lexer_try_byte(p->l, '('))
        return parse_list(p, depth + 1, out) && imap_lexer_byte(p->l, ')', p->e);
    if (ascii_is_digit(c) || c == '*' || c == '$') {
        *out = new_key(p, IMAP_SEARCH_SEQUENCE);
        p->out->has_numbers |= c != '$';
        return imap_sequence_parse(p->l, &(*out)->set, p->e);
    }
    return parse_named_key(p, depth, out);
}

bool imap_search_keys_parse(struct imap_lexer *l, struct imap_search_args *out, struct err *e)
{
    struct parse p = { .l = l, .out = out, .e = e };
    return parse_list(&p, 1, &out->root) && imap_lexer_end(l, e);
}
