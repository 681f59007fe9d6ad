/* SPDX-License-Identifier: Apache-2.0 */
/* Search, and what is offered while somebody types. */
#include "api_routes.h"
#include "db/db.h"
#include "services/api/api.h"
#include "services/api/found.h"
#include "services/api/shape_mail.h"

enum {
    IN_MAX = 64 /* mailboxes that one name may mean */
};

/* ---- the question ---- */

static bool names_mailbox(const struct store_mailbox *box, str typed)
{
    static const struct {
        str word;
        enum store_role role;
    } roles[] = {
        { STR_INIT("inbox"), STORE_ROLE_INBOX }, { STR_INIT("drafts"), STORE_ROLE_DRAFTS },
        { STR_INIT("sent"), STORE_ROLE_SENT },   { STR_INIT("archive"), STORE_ROLE_ARCHIVE },
        { STR_INIT("junk"), STORE_ROLE_JUNK },   { STR_INIT("spam"), STORE_ROLE_JUNK },
        { STR_INIT("trash"), STORE_ROLE_TRASH },
    };
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (box->role == roles[i].role && str_ieq(typed, roles[i].word))
            return true;
    }
    ptrdiff_t slash = str_rfind_byte(box->name, '/');
    return str_ieq(box->name, typed) || str_ieq(str_skip(box->name, (size_t)(slash + 1)), typed);
}

static size_t add_named(const struct store_mailboxes *boxes, const str *names, size_t n_names,
                        int64_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_names; i++) {
        for (size_t k = 0; k < boxes->n && n < IN_MAX; k++) {
            if (names_mailbox(&boxes->list[k], names[i]))
                out[n++] = boxes->list[k].mailbox_id;
        }
    }
    return n;
}

bool found_prepare(struct api_call *call, const struct found_wanted *wanted,
                   struct search_typed *typed, struct search_mail_query *query)
{
    struct store_mailboxes boxes;
    struct err e = ERR_CLEAR;
    int64_t *in = ARENA_ARRAY(call->arena, int64_t, IN_MAX + 1);
    int64_t *not_in = ARENA_ARRAY(call->arena, int64_t, IN_MAX + 2);
    if (!store_mailbox_list(call->app->store, call->who.account_id, call->arena, call->deadline_ms,
                            &boxes, &e))
        return call_fail(call, &e);
    search_typed_read(call->arena, wanted->typed, typed);
    *query = (struct search_mail_query){ .account_id = call->who.account_id,
                                         .words = typed->words,
                                         .filter = typed->filter,
                                         .before_id = INT64_MAX };
    struct search_mail_filter *f = &query->filter;
    f->n_in = add_named(&boxes, typed->in, typed->n_in, in);
    f->n_not_in = add_named(&boxes, typed->not_in, typed->n_not_in, not_in);
    if (wanted->mailbox_id)
        in[f->n_in++] = wanted->mailbox_id;
    if (f->n_in == 0 && typed->n_in > 0)
        in[f->n_in++] = -1;
    for (size_t i = 0; i < boxes.n && f->n_in == 0; i++) {
        bool is_hidden =
            boxes.list[i].role == STORE_ROLE_JUNK || boxes.list[i].role == STORE_ROLE_TRASH;
        if (is_hidden && f->n_not_in < IN_MAX + 2)
            not_in[f->n_not_in++] = boxes.list[i].mailbox_id;
    }
    f->in = in;
    f->not_in = not_in;
    return true;
}

/* ---- the answer ---- */

static json_t *shape_segments(struct api_call *call, const struct search_typed *typed,
                              unsigned field, str text)
{
    struct search_segment *segments;
    json_t *list = json_array();
    size_t n = search_segments(call->arena, typed, field, text, &segments);
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();
        api_set(o, "text", api_text(segments[i].text));
        api_set(o, "isMatch", json_boolean(segments[i].is_match));
        api_add(list, o);
    }
    return list;
}

enum {
    SNIPPET_LEAD = 16 /* octets before the first hit that a row has room for */
};

/* The preview; when what was found stands deep in it, from a little before that. */
static json_t *shape_snippet(struct api_call *call, const struct search_typed *typed, str preview)
{
    struct search_segment *segments;
    size_t n = search_segments(call->arena, typed, SEARCH_FIELD_BODY, preview, &segments);
    if (n < 2 || segments[0].text.n <= SNIPPET_LEAD)
        return shape_segments(call, typed, SEARCH_FIELD_BODY, preview);
    str before = segments[0].text;
    str lead = str_skip(before, before.n - SNIPPET_LEAD);
    ptrdiff_t space = str_find_byte(lead, ' ');
    size_t cut = before.n - (space < 0 ? 0 : lead.n - (size_t)space - 1);
    return shape_segments(call, typed, SEARCH_FIELD_BODY,
                          arena_printf(call->arena, "… %.*s", STR_FMT(str_skip(preview, cut))));
}

static const struct store_mail *find_mail(const struct store_thread *t, int64_t msg_id)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->mails[i].msg_id == msg_id)
            return &t->mails[i];
    }
    return &t->mails[t->n - 1];
}

/* Of the messages that were found the newest one whose preview shows why; else the newest. */
static str telling_preview(struct api_call *call, const struct search_typed *typed,
                           const struct search_hit *hit, const struct store_thread *t)
{
    struct search_segment *segments;
    for (size_t i = 0; i < hit->n; i++) {
        str preview = find_mail(t, hit->msg_ids[i])->preview;
        if (search_segments(call->arena, typed, SEARCH_FIELD_BODY, preview, &segments) > 1)
            return preview;
    }
    return find_mail(t, hit->msg_ids[0])->preview;
}

static json_t *shape_hit(struct api_call *call, const struct search_typed *typed,
                         const struct search_hit *hit, const struct store_thread *t)
{
    const struct shape_view view = { .arena = call->arena };
    const struct store_mail *top = find_mail(t, hit->msg_ids[0]);
    str from = top->from_name.n ? arena_printf(call->arena, "%.*s <%.*s>", STR_FMT(top->from_name),
                                               STR_FMT(top->from_addr))
                                : top->from_addr;
    json_t *ids = json_array();
    json_t *o = json_object();
    for (size_t i = 0; i < hit->n; i++)
        api_add(ids, api_id(hit->msg_ids[i]));
    api_set(o, "thread", shape_thread_row(t, &view));
    api_set(o, "messageIds", ids);
    api_set(o, "subject", shape_segments(call, typed, SEARCH_FIELD_SUBJECT, top->subject));
    api_set(o, "from", shape_segments(call, typed, SEARCH_FIELD_FROM, from));
    api_set(o, "snippet", shape_snippet(call, typed, telling_preview(call, typed, hit, t)));
    return o;
}

/* Rows of the conversations, in the order of the hits. */
YIELDS static bool shape_hits(struct api_call *call, const struct search_typed *typed,
                              const struct search_mail_found *found, json_t *items)
{
    struct store_threads threads = { 0 };
    struct err e = ERR_CLEAR;
    int64_t *ids = ARENA_ARRAY(call->arena, int64_t, found->n + 1);
    const struct store_wanted wanted = { .account_id = call->who.account_id,
                                         .ids = ids,
                                         .n = found->n };
    for (size_t i = 0; i < found->n; i++)
        ids[i] = found->hits[i].thread_id;
    if (found->n > 0 &&
        !store_thread_get(call->app->store, &wanted, call->arena, call->deadline_ms, &threads, &e))
        return call_fail(call, &e);
    size_t at = 0;
    for (size_t i = 0; i < threads.n; i++) {
        while (found->hits[at].thread_id != threads.list[i].thread_id)
            at++;
        api_add(items, shape_hit(call, typed, &found->hits[at], &threads.list[i]));
    }
    return true;
}

static json_t *shape_from(const struct search_facets *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->n_from; i++) {
        json_t *o = json_object();
        api_set(o, "address", api_text(f->from[i].address));
        api_set(o, "name", api_text(f->from[i].name));
        api_set(o, "count", json_integer(f->from[i].count));
        api_add(list, o);
    }
    return list;
}

static json_t *shape_numbered(const struct search_facet *facets, size_t n, bool are_years)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();
        if (are_years) {
            api_set(o, "year", json_integer(facets[i].id));
        } else {
            api_set(o, "id", api_id(facets[i].id));
        }
        api_set(o, "count", json_integer(facets[i].count));
        api_add(list, o);
    }
    return list;
}

YIELDS static bool shape_facets(struct api_call *call, const struct search_mail_found *found,
                                json_t **out)
{
    struct search_facets *f = ARENA_NEW(call->arena, struct search_facets);
    struct err e = ERR_CLEAR;
    if (!search_mail_facets(call->app->db, call->who.account_id, found->ids, found->n_ids,
                            call->arena, call->deadline_ms, f, &e))
        return call_fail(call, &e);
    json_t *o = json_object();
    api_set(o, "from", shape_from(f));
    api_set(o, "mailboxes", shape_numbered(f->mailboxes, f->n_mailboxes, false));
    api_set(o, "years", shape_numbered(f->years, f->n_years, true));
    api_set(o, "unread", json_integer(f->unread));
    api_set(o, "attachments", json_integer(f->attachments));
    *out = o;
    return true;
}

/* A search that the database broke off, or that asks too much. */
static bool fail_search(struct api_call *call, const struct err *e)
{
    if (e->kind == ERR_LIMIT)
        return call_problem(call, "unavailable", "The search is too wide; add a word.");
    return call_fail(call, e);
}

YIELDS static void answer_search(struct api_call *call, const struct search_typed *typed,
                                 const struct search_mail_query *query, int64_t state)
{
    struct search_mail_found found;
    struct err e = ERR_CLEAR;
    json_t *facets = json_null();
    json_t *items = json_array();
    json_t *next = json_null();
    if (!search_mail(call->app->db, query, call->arena, call->deadline_ms, &found, &e)) {
        (void)fail_search(call, &e);
        json_decref(items);
        return;
    }
    if (!shape_hits(call, typed, &found, items) ||
        (query->with_ids && !shape_facets(call, &found, &facets))) {
        json_decref(items);
        return;
    }
    if (found.n == query->limit) {
        const struct call_cursor at = { .numbers = { found.hits[found.n - 1].msg_ids[0] } };
        next = call_cursor_format(call, &at);
    }
    json_t *o = json_object();
    api_set(o, "state", shape_state(state));
    api_set(o, "items", items);
    api_set(o, "nextCursor", next);
    api_set(o, "total", json_integer(found.total));
    api_set(o, "isTotalExact", json_boolean(found.is_total_exact));
    api_set(o, "isComplete", json_boolean(found.is_complete));
    api_set(o, "facets", facets);
    call_json(call, 200, o);
}

void rest_search_messages(struct api_call *call, const struct search_messages_params *p,
                          const json_t *body)
{
    struct search_typed *typed = ARENA_NEW(call->arena, struct search_typed);
    struct search_mail_query query;
    struct call_cursor at = { .numbers = { INT64_MAX } };
    struct err e = ERR_CLEAR;
    bool given;
    int64_t state = 0;
    const struct found_wanted wanted = { p->q, p->has_mailbox_id ? p->mailbox_id : 0 };
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    if (!store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, &state, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    if (!found_prepare(call, &wanted, typed, &query))
        return;
    query.before_id = at.numbers[0];
    query.limit = (size_t)p->limit;
    query.with_ids = p->facets;
    answer_search(call, typed, &query, state);
}

/* ---- while typing ---- */

struct suggestions {
    struct api_call *call;
    json_t *items;
    size_t left;
    str typed;
};

static void suggest(struct suggestions *s, const char *kind, str text, str insert, str detail)
{
    if (s->left == 0)
        return;
    json_t *o = json_object();
    s->left--;
    api_set(o, "kind", json_string(kind));
    api_set(o, "text", api_text(text));
    api_set(o, "insert", api_text(insert));
    api_set(o, "detail", api_text(detail));
    api_add(s->items, o);
}

static void suggest_operators(struct suggestions *s)
{
    static const struct {
        str text;
        str detail;
    } list[] = {
        { STR_INIT("from:"), STR_INIT("who wrote it") },
        { STR_INIT("to:"), STR_INIT("whom it went to") },
        { STR_INIT("subject:"), STR_INIT("words of the subject") },
        { STR_INIT("in:"), STR_INIT("a mailbox") },
        { STR_INIT("is:unread"), STR_INIT("not read yet") },
        { STR_INIT("is:flagged"), STR_INIT("with a star") },
        { STR_INIT("has:attachment"), STR_INIT("with files") },
        { STR_INIT("before:"), STR_INIT("came before a day") },
        { STR_INIT("after:"), STR_INIT("came on a day or later") },
        { STR_INIT("larger:"), STR_INIT("larger than a size") },
        { STR_INIT("label:"), STR_INIT("with a label") },
        { STR_INIT("filename:"), STR_INIT("name of an attachment") },
    };
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        if (str_has_iprefix(list[i].text, s->typed))
            suggest(s, "operator", list[i].text, list[i].text, list[i].detail);
    }
}

YIELDS static bool suggest_people(struct suggestions *s, struct err *e)
{
    struct search_person *people;
    size_t n;
    struct api_call *call = s->call;
    if (!search_people(call->app->db, call->who.account_id, s->typed, s->left, call->arena,
                       call->deadline_ms, &people, &n, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        str insert = arena_printf(call->arena, "from:%.*s", STR_FMT(people[i].address));
        suggest(s, "person", people[i].name.n ? people[i].name : people[i].address, insert,
                people[i].address);
    }
    return true;
}

YIELDS static bool suggest_mailboxes(struct suggestions *s, struct err *e)
{
    struct store_mailboxes boxes;
    struct api_call *call = s->call;
    if (!store_mailbox_list(call->app->store, call->who.account_id, call->arena, call->deadline_ms,
                            &boxes, e))
        return false;
    for (size_t i = 0; i < boxes.n; i++) {
        str name = boxes.list[i].name;
        if (str_ifind(name, s->typed) < 0)
            continue;
        suggest(s, "mailbox", name, arena_printf(call->arena, "in:\"%.*s\"", STR_FMT(name)),
                STR_EMPTY);
    }
    return true;
}

YIELDS static bool suggest_subjects(struct suggestions *s, struct err *e)
{
    str *subjects;
    size_t n;
    struct api_call *call = s->call;
    if (!search_subjects(call->app->db, call->who.account_id, s->typed, s->left, call->arena,
                         call->deadline_ms, &subjects, &n, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        suggest(s, "subject", subjects[i],
                arena_printf(call->arena, "subject:\"%.*s\"", STR_FMT(subjects[i])), STR_EMPTY);
    }
    return true;
}

void rest_suggest_search(struct api_call *call, const struct suggest_search_params *p,
                         const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct suggestions s = {
        .call = call, .items = json_array(), .left = (size_t)p->limit, .typed = str_trim(p->q)
    };
    (void)body;
    if (p->kinds & SUGGEST_SEARCH_KINDS_OPERATOR)
        suggest_operators(&s);
    bool ok = (!(p->kinds & SUGGEST_SEARCH_KINDS_PERSON) || suggest_people(&s, &e)) &&
              (!(p->kinds & SUGGEST_SEARCH_KINDS_MAILBOX) || suggest_mailboxes(&s, &e)) &&
              (!(p->kinds & SUGGEST_SEARCH_KINDS_SUBJECT) || suggest_subjects(&s, &e));
    if (!ok) {
        json_decref(s.items);
        (void)fail_search(call, &e);
        return;
    }
    json_t *o = json_object();
    api_set(o, "items", s.items);
    call_json(call, 200, o);
}
