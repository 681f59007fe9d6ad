/* SPDX-License-Identifier: Apache-2.0 */
/* What stands before the keys: RETURN options, criteria of SORT, algorithms of THREAD, sources of
 * ESEARCH, the charset. */
#include "wire/imap_search.h"

/* A parse in progress. */
struct parse {
    struct imap_lexer *l;
    struct imap_search_args *out;
    enum imap_search_refusal *why;
    struct err *e;
};

static bool refuse(struct parse *p, enum imap_search_refusal why, const char *what, str word)
{
    *p->why = why;
    return ERR(p->e, ERR_UNSUPPORTED, "no %s '%.*s' is offered", what, STR_FMT(word));
}

/* ---- RETURN ---- */

static const struct {
    str name;
    unsigned bit;
} return_options[] = {
    { STR_INIT("MIN"), IMAP_RETURN_MIN },
    { STR_INIT("MAX"), IMAP_RETURN_MAX },
    { STR_INIT("ALL"), IMAP_RETURN_ALL },
    { STR_INIT("COUNT"), IMAP_RETURN_COUNT },
    { STR_INIT("SAVE"), IMAP_RETURN_SAVE },
    { STR_INIT("PARTIAL"), IMAP_RETURN_PARTIAL },
    { STR_INIT("UPDATE"), IMAP_RETURN_UPDATE },
    { STR_INIT("CONTEXT"), IMAP_RETURN_CONTEXT },
    { STR_INIT("RELEVANCY"), IMAP_RETURN_RELEVANCY },
};

static bool parse_return_option(struct parse *p)
{
    str name;
    unsigned bit = 0;
    if (!imap_lexer_word(p->l, &name, p->e))
        return false;
    for (size_t i = 0; i < COUNT_OF(return_options); i++)
        bit |= str_ieq(name, return_options[i].name) ? return_options[i].bit : 0;
    if (bit == 0)
        return refuse(p, IMAP_SEARCH_BAD_OPTION, "RETURN option", name);
    if (bit == IMAP_RETURN_PARTIAL) {
        if (p->out->returns & IMAP_RETURN_PARTIAL)
            return ERR(p->e, ERR_SYNTAX, "PARTIAL stands twice");
        if (!imap_lexer_space(p->l, p->e) || !imap_partial_parse(p->l, &p->out->partial, p->e))
            return false;
    }
    p->out->returns |= bit;
    return true;
}

static bool parse_return(struct parse *p)
{
    const unsigned either = IMAP_RETURN_PARTIAL | IMAP_RETURN_ALL;
    if (!imap_lexer_space(p->l, p->e) || !imap_lexer_byte(p->l, '(', p->e))
        return false;
    p->out->has_return = true;
    if (imap_lexer_try_byte(p->l, ')')) {
        p->out->returns = IMAP_RETURN_ALL;
        return true;
    }
    do {
        if (!parse_return_option(p))
            return false;
    } while (imap_lexer_try_byte(p->l, ' '));
    if ((p->out->returns & either) == either)
        return ERR(p->e, ERR_SYNTAX, "PARTIAL and ALL exclude each other");
    return imap_lexer_byte(p->l, ')', p->e);
}

static bool parse_optional_return(struct parse *p)
{
    return !imap_lexer_try_word(p->l, STR("RETURN")) ||
           (parse_return(p) && imap_lexer_space(p->l, p->e));
}

/* ---- charset and keys ---- */

static bool parse_charset(struct parse *p)
{
    str charset;
    if (!imap_lexer_astring(p->l, &charset, p->e))
        return false;
    p->out->has_charset = true;
    if (!str_ieq(charset, STR("UTF-8")) && !str_ieq(charset, STR("US-ASCII")))
        return refuse(p, IMAP_SEARCH_BAD_CHARSET, "charset", charset);
    return imap_lexer_space(p->l, p->e);
}

/* The program: keys, and RELEVANCY only where something is fuzzy (RFC 6203 section 4). */
static bool parse_keys(struct parse *p)
{
    bool wants = (p->out->returns & IMAP_RETURN_RELEVANCY) != 0;
    for (size_t i = 0; i < p->out->n_sort; i++)
        wants |= p->out->sort[i].by == IMAP_SORT_RELEVANCY;
    if (!imap_search_keys_parse(p->l, p->out, p->e))
        return false;
    return !wants || p->out->has_fuzzy ||
           ERR(p->e, ERR_SYNTAX, "RELEVANCY needs a FUZZY search key");
}

static bool parse_program(struct parse *p)
{
    if (imap_lexer_try_word(p->l, STR("CHARSET")) &&
        (!imap_lexer_space(p->l, p->e) || !parse_charset(p)))
        return false;
    return parse_keys(p);
}

static struct parse begin(struct imap_lexer *l, struct imap_search_args *out,
                          enum imap_search_refusal *why, struct err *e)
{
    *out = (struct imap_search_args){ .has_return = false };
    *why = IMAP_SEARCH_FINE;
    return (struct parse){ .l = l, .out = out, .why = why, .e = e };
}

bool imap_search_parse(struct imap_lexer *l, struct imap_search_args *out,
                       enum imap_search_refusal *why, struct err *e)
{
    struct parse p = begin(l, out, why, e);
    return imap_lexer_space(l, e) && parse_optional_return(&p) && parse_program(&p);
}

/* ---- SORT ---- */

static const struct {
    str name;
    enum imap_sort_by by;
} criteria[] = {
    { STR_INIT("ARRIVAL"), IMAP_SORT_ARRIVAL },
    { STR_INIT("CC"), IMAP_SORT_CC },
    { STR_INIT("DATE"), IMAP_SORT_DATE },
    { STR_INIT("DISPLAYFROM"), IMAP_SORT_DISPLAYFROM },
    { STR_INIT("DISPLAYTO"), IMAP_SORT_DISPLAYTO },
    { STR_INIT("FROM"), IMAP_SORT_FROM },
    { STR_INIT("RELEVANCY"), IMAP_SORT_RELEVANCY },
    { STR_INIT("SIZE"), IMAP_SORT_SIZE },
    { STR_INIT("SUBJECT"), IMAP_SORT_SUBJECT },
    { STR_INIT("TO"), IMAP_SORT_TO },
};

static bool parse_criterion(struct parse *p, struct imap_sort_criterion *out)
{
    str name;
    out->is_reverse = imap_lexer_try_word(p->l, STR("REVERSE"));
    if (out->is_reverse && !imap_lexer_space(p->l, p->e))
        return false;
    if (!imap_lexer_word(p->l, &name, p->e))
        return false;
    for (size_t i = 0; i < COUNT_OF(criteria); i++) {
        if (!str_ieq(name, criteria[i].name))
            continue;
        out->by = criteria[i].by;
        return true;
    }
    return refuse(p, IMAP_SEARCH_BAD_OPTION, "sort criterion", name);
}

static bool parse_criteria(struct parse *p)
{
    struct imap_search_args *out = p->out;
    if (!imap_lexer_byte(p->l, '(', p->e))
        return false;
    do {
        if (out->n_sort == IMAP_SORT_MAX)
            return ERR(p->e, ERR_LIMIT, "more than %d sort criteria", IMAP_SORT_MAX);
        if (!parse_criterion(p, &out->sort[out->n_sort]))
            return false;
        out->n_sort++;
    } while (imap_lexer_try_byte(p->l, ' '));
    return imap_lexer_byte(p->l, ')', p->e) && imap_lexer_space(p->l, p->e);
}

bool imap_sort_parse(struct imap_lexer *l, struct imap_search_args *out,
                     enum imap_search_refusal *why, struct err *e)
{
    struct parse p = begin(l, out, why, e);
    return imap_lexer_space(l, e) && parse_optional_return(&p) && parse_criteria(&p) &&
           parse_charset(&p) && parse_keys(&p);
}

/* ---- THREAD ---- */

bool imap_thread_parse(struct imap_lexer *l, struct imap_search_args *out,
                       enum imap_search_refusal *why, struct err *e)
{
    static const struct {
        str name;
        enum imap_thread_by by;
    } algorithms[] = { { STR_INIT("ORDEREDSUBJECT"), IMAP_THREAD_ORDEREDSUBJECT },
                       { STR_INIT("REFERENCES"), IMAP_THREAD_REFERENCES },
                       { STR_INIT("REFS"), IMAP_THREAD_REFS } };
    struct parse p = begin(l, out, why, e);
    str name;
    bool found = false;
    if (!imap_lexer_space(l, e) || !imap_lexer_atom(l, &name, e))
        return false;
    for (size_t i = 0; i < COUNT_OF(algorithms); i++) {
        if (!str_ieq(name, algorithms[i].name))
            continue;
        out->thread = algorithms[i].by;
        found = true;
    }
    if (!found)
        return refuse(&p, IMAP_SEARCH_BAD_ALGORITHM, "threading algorithm", name);
    return imap_lexer_space(l, e) && parse_charset(&p) && parse_keys(&p);
}

/* ---- ESEARCH ---- */

enum {
    SOURCES_MAX = 32 /* filters of one ESEARCH */
};

/* "(filter filter ... [(scope options)])": no scope option is defined. */
static bool parse_sources(struct parse *p)
{
    struct imap_search_args *out = p->out;
    if (!imap_lexer_space(p->l, p->e) || !imap_lexer_byte(p->l, '(', p->e))
        return false;
    out->has_sources = true;
    out->sources = ARENA_ARRAY(p->l->a, struct imap_mailbox_filter, SOURCES_MAX);
    do {
        if (out->n_sources == SOURCES_MAX)
            return ERR(p->e, ERR_LIMIT, "more than %d sources", SOURCES_MAX);
        struct imap_mailbox_filter *filter = &out->sources[out->n_sources];
        if (imap_lexer_peek(p->l) == '(')
            return refuse(p, IMAP_SEARCH_BAD_OPTION, "scope option", STR("("));
        if (!imap_mailbox_filter_parse(p->l, filter, p->e)) {
            if (p->e->kind == ERR_UNSUPPORTED)
                *p->why = IMAP_SEARCH_BAD_OPTION;
            return false;
        }
        if (filter->kind == IMAP_FILTER_SELECTED_DELAYED)
            return refuse(p, IMAP_SEARCH_BAD_OPTION, "source", STR("selected-delayed"));
        out->n_sources++;
    } while (imap_lexer_try_byte(p->l, ' '));
    return imap_lexer_byte(p->l, ')', p->e) && imap_lexer_space(p->l, p->e);
}

bool imap_esearch_parse(struct imap_lexer *l, struct imap_search_args *out,
                        enum imap_search_refusal *why, struct err *e)
{
    struct parse p = begin(l, out, why, e);
    if (!imap_lexer_space(l, e))
        return false;
    if (imap_lexer_try_word(l, STR("IN")) && !parse_sources(&p))
        return false;
    return parse_optional_return(&p) && parse_program(&p);
}

/* ---- CANCELUPDATE ---- */

bool imap_cancelupdate_parse(struct imap_lexer *l, str *tags, size_t *n, struct err *e)
{
    *n = 0;
    do {
        if (*n == IMAP_CANCEL_MAX)
            return ERR(e, ERR_LIMIT, "more than %d tags", IMAP_CANCEL_MAX);
        if (!imap_lexer_space(l, e) || !imap_lexer_string(l, &tags[*n], e))
            return false;
        (*n)++;
    } while (!imap_lexer_is_at_end(l));
    return true;
}
