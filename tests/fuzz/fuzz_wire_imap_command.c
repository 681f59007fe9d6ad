/* SPDX-License-Identifier: Apache-2.0 */
/* One gathered command through the parser of its arguments; what can be written again must read as
 * the same. */
#include "wire/imap_append.h"
#include "wire/imap_command.h"
#include "wire/imap_fetch.h"
#include "wire/imap_list.h"
#include "wire/imap_metadata.h"
#include "wire/imap_quota.h"
#include "wire/imap_search.h"
#include "wire/imap_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    MAX_INPUT = 65536
};

static void check_sequence(struct imap_sequence *set, struct arena *a)
{
    struct buf text;
    struct imap_lexer l;
    struct imap_sequence again;
    struct err e = ERR_CLEAR;
    imap_sequence_resolve(set, 1000);
    if (set->n == 0)
        return;
    buf_init(&text, 1 << 20);
    bool ok = imap_sequence_format(&text, set);
    INVARIANT(ok);
    imap_lexer_init(&l, buf_str(&text), a);
    ok = imap_sequence_parse(&l, &again, &e) && imap_lexer_end(&l, &e);
    INVARIANT(ok);
    imap_sequence_resolve(&again, 1);
    INVARIANT(again.n == set->n);
    INVARIANT(memcmp(again.ranges, set->ranges, set->n * sizeof(*set->ranges)) == 0);
    for (size_t i = 1; i < set->n; i++)
        INVARIANT(set->ranges[i].first > set->ranges[i - 1].last + 1);
    buf_fini(&text);
}

/* Every message has a part, and only literals with a '~' may hold what a literal may not. */
static void check_append(const struct imap_append_args *args)
{
    INVARIANT(args->n > 0 && args->n <= IMAP_APPEND_MESSAGES_MAX);
    for (size_t i = 0; i < args->n; i++) {
        const struct imap_append_message *m = &args->messages[i];
        INVARIANT(m->n_parts > 0 && (m->is_catenated || m->n_parts == 1));
        for (size_t k = 0; k < m->n_parts; k++) {
            INVARIANT(m->is_catenated || !m->parts[k].is_url);
            INVARIANT(!m->is_utf8 || m->is_catenated || m->parts[k].is_binary);
        }
    }
}

static void run_fetch(struct imap_lexer *l)
{
    struct imap_fetch_args args;
    struct imap_fetch_args again;
    struct imap_lexer second;
    struct err e = ERR_CLEAR;
    struct buf text;
    if (!imap_fetch_parse(l, &args, &e))
        return;
    check_sequence(&args.set, l->a);
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < args.n_sections; i++) {
        struct imap_section *s = &args.sections[i];
        s->has_partial = false; /* an answer does not tell the count */
        buf_clear(&text);
        bool ok = buf_add(&text, STR(" 1 ")) && imap_section_format(&text, s);
        INVARIANT(ok);
        imap_lexer_init(&second, buf_str(&text), l->a);
        ok = imap_fetch_parse(&second, &again, &e);
        INVARIANT(ok && again.n_sections == 1);
        const struct imap_section *t = &again.sections[0];
        INVARIANT(t->form == s->form && t->kind == s->kind && t->n_parts == s->n_parts);
        INVARIANT(t->n_fields == s->n_fields);
        for (size_t k = 0; k < s->n_fields; k++)
            INVARIANT(str_eq(t->fields[k], s->fields[k]));
    }
    buf_fini(&text);
}

static void run_store(struct imap_lexer *l)
{
    struct imap_store_args args;
    struct imap_flags again;
    struct imap_lexer second;
    struct err e = ERR_CLEAR;
    struct buf text;
    if (!imap_store_parse(l, &args, &e))
        return;
    check_sequence(&args.set, l->a);
    buf_init(&text, 1 << 16);
    bool ok = buf_add_byte(&text, '(') && imap_flags_format(&text, &args.flags) &&
              buf_add_byte(&text, ')');
    INVARIANT(ok);
    imap_lexer_init(&second, buf_str(&text), l->a);
    ok = imap_flags_parse(&second, true, &again, &e);
    INVARIANT(ok && again.bits == args.flags.bits && again.n == args.flags.n);
    buf_fini(&text);
}

/* A window of PARTIAL is written as it was read, and never names what is not there. */
static void check_partial(const struct imap_partial *p, struct arena *a)
{
    struct imap_partial again;
    struct imap_lexer l;
    struct err e = ERR_CLEAR;
    struct buf text;
    size_t from = 0;
    size_t count = 0;
    buf_init(&text, 64);
    bool ok = imap_partial_format(&text, p);
    imap_lexer_init(&l, buf_str(&text), a);
    ok = ok && imap_partial_parse(&l, &again, &e) && imap_lexer_end(&l, &e);
    INVARIANT(ok);
    INVARIANT(again.first == p->first && again.last == p->last && again.from_end == p->from_end);
    imap_partial_window(p, 1000, &from, &count);
    INVARIANT(from + count <= 1000);
    buf_fini(&text);
}

/* SEARCH, SORT, THREAD, ESEARCH and CANCELUPDATE; false for other commands. */
static bool run_search(struct imap_command *c)
{
    static const struct {
        str name;
        bool (*parse)(struct imap_lexer *, struct imap_search_args *, enum imap_search_refusal *,
                      struct err *);
    } parsers[] = { { STR_INIT("SEARCH"), imap_search_parse },
                    { STR_INIT("SORT"), imap_sort_parse },
                    { STR_INIT("THREAD"), imap_thread_parse },
                    { STR_INIT("ESEARCH"), imap_esearch_parse } };
    struct imap_search_args args;
    enum imap_search_refusal why;
    struct err e = ERR_CLEAR;
    str tags[IMAP_CANCEL_MAX];
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(parsers); i++) {
        if (!str_eq(c->name, parsers[i].name))
            continue;
        bool ok = parsers[i].parse(&c->args, &args, &why, &e);
        INVARIANT(ok || e.kind != ERR_NONE);
        INVARIANT((why != IMAP_SEARCH_FINE) <= (e.kind != ERR_NONE));
        if (ok && (args.returns & IMAP_RETURN_PARTIAL))
            check_partial(&args.partial, c->args.a);
        return true;
    }
    if (!str_eq(c->name, STR("CANCELUPDATE")))
        return false;
    (void)imap_cancelupdate_parse(&c->args, tags, &n, &e);
    return true;
}

/* Whatever value an annotation has, it is written so that it is read as the same. */
static void check_annotations(const struct imap_setmetadata_args *args, struct arena *a)
{
    struct buf text;
    struct imap_lexer l;
    struct imap_setmetadata_args again;
    struct err e = ERR_CLEAR;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < args->n; i++) {
        buf_clear(&text);
        bool ok = buf_add(&text, STR(" x (")) &&
                  imap_metadata_format(&text, args->list[i].name, args->list[i].value) &&
                  buf_add_byte(&text, ')');
        INVARIANT(ok);
        imap_lexer_init(&l, buf_str(&text), a);
        ok = imap_setmetadata_parse(&l, &again, &e);
        INVARIANT(ok && again.n == 1 && !again.list[0].is_nil);
        INVARIANT(str_eq(again.list[0].name, args->list[i].name));
        INVARIANT(str_eq(again.list[0].value, args->list[i].value));
    }
    buf_fini(&text);
}

/* Quota and annotations. */
static bool run_limits(const struct imap_command *c)
{
    struct err e = ERR_CLEAR;
    struct imap_lexer l = c->args;
    struct imap_setquota_args quota;
    struct imap_getmetadata_args get;
    struct imap_setmetadata_args set;
    if (str_eq(c->name, STR("SETQUOTA"))) {
        (void)imap_setquota_parse(&l, &quota, &e);
    } else if (str_eq(c->name, STR("GETMETADATA"))) {
        (void)imap_getmetadata_parse(&l, &get, &e);
    } else if (str_eq(c->name, STR("SETMETADATA"))) {
        if (imap_setmetadata_parse(&l, &set, &e))
            check_annotations(&set, l.a);
    } else {
        return false;
    }
    return true;
}

static void run_others(const struct imap_command *c)
{
    struct err e = ERR_CLEAR;
    struct imap_lexer l = c->args;
    struct imap_list_args list;
    struct imap_append_args append;
    struct imap_replace_args replace;
    struct imap_select_args select;
    struct imap_create_args create;
    struct imap_id_args id;
    str two[2];
    if (str_eq(c->name, STR("LIST"))) {
        (void)imap_list_parse(&l, &list, &e);
    } else if (str_eq(c->name, STR("LSUB"))) {
        (void)imap_lsub_parse(&l, &list, &e);
    } else if (str_eq(c->name, STR("APPEND"))) {
        if (imap_append_parse(&l, &append, &e))
            check_append(&append);
    } else if (str_eq(c->name, STR("REPLACE"))) {
        if (imap_replace_parse(&l, &replace, &e))
            check_append(&(struct imap_append_args){ .messages = &replace.message, .n = 1 });
    } else if (str_eq(c->name, STR("SELECT"))) {
        (void)imap_parse_select(&l, &select, &e);
    } else if (str_eq(c->name, STR("CREATE"))) {
        (void)imap_parse_create(&l, &create, &e);
    } else if (str_eq(c->name, STR("ID"))) {
        (void)imap_parse_id(&l, &id, &e);
    } else if (!run_limits(c)) {
        (void)imap_parse_astrings(&l, two, 2, &e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct imap_command c;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    if (n <= MAX_INPUT && imap_command_parse(str_of((const char *)data, n), &a, &c, &e)) {
        if (str_eq(c.name, STR("FETCH"))) {
            run_fetch(&c.args);
        } else if (str_eq(c.name, STR("STORE"))) {
            run_store(&c.args);
        } else if (!run_search(&c)) {
            run_others(&c);
        }
    }
    arena_fini(&a);
    return 0;
}
