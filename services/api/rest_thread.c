/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations: pages, the index, rows by id, a whole one. */
#include "api_routes.h"
#include "base/vec.h"
#include "http/http_values.h"
#include "services/api/api.h"
#include "services/api/page.h"
#include "services/api/shape_mail.h"
#include "services/api/shape_message.h"

enum {
    VARINT_MAX = 10 /* octets of one number */
};

/* ---- pages ---- */

/* The three filters of lists have the same words in each operation. */
static struct store_thread_filter filter_of(enum list_threads_filter filter, bool oldest_first)
{
    struct store_thread_filter f = { .oldest_first = oldest_first };
    switch (filter) {
    case LIST_THREADS_FILTER_ALL:
        break;
    case LIST_THREADS_FILTER_UNREAD:
        f.without_flags = STORE_SEEN;
        break;
    case LIST_THREADS_FILTER_FLAGGED:
        f.with_flags = STORE_FLAGGED;
        break;
    case LIST_THREADS_FILTER_ATTACHMENTS:
        f.with_attachment = true;
        break;
    }
    return f;
}

static bool is_outgoing(enum store_role role)
{
    return role == STORE_ROLE_SENT || role == STORE_ROLE_DRAFTS;
}

YIELDS static bool find_mailbox(struct api_call *call, int64_t mailbox_id,
                                struct store_mailbox_brief *out)
{
    struct err e = ERR_CLEAR;
    if (mailbox_id > INT32_MAX)
        return call_problem(call, "not-found", NULL);
    return store_mailbox_brief(call->app->store, call->who.account_id, (int)mailbox_id, call->arena,
                               call->deadline_ms, out, &e) ||
           call_fail(call, &e);
}

bool page_of_threads(struct api_call *call, const struct page_wanted *wanted, json_t **out,
                     struct err *e)
{
    struct store_threads threads;
    const struct shape_view view = { .arena = call->arena,
                                     .mailbox_id = wanted->query.mailbox_id,
                                     .is_outgoing = is_outgoing(wanted->role) };
    if (!store_thread_list(call->app->store, &wanted->query, call->arena, call->deadline_ms,
                           &threads, e))
        return false;
    json_t *items = json_array();
    json_t *next = json_null();
    for (size_t i = 0; i < threads.n; i++)
        api_add(items, shape_thread_row(&threads.list[i], &view));
    if (threads.n == wanted->query.limit) {
        const struct store_thread *last = &threads.list[threads.n - 1];
        const struct call_cursor at = { .numbers = { last->at_us, last->at_uid } };
        next = call_cursor_format(call, &at);
    }
    *out = json_object();
    api_set(*out, "state", shape_state(wanted->state));
    api_set(*out, "items", items);
    api_set(*out, "nextCursor", next);
    api_set(*out, "total", json_null());
    return true;
}

YIELDS static bool count_threads(struct api_call *call, const struct store_thread_query *query,
                                 json_t *page)
{
    struct err e = ERR_CLEAR;
    struct store_thread_index index;
    if (!store_thread_index(call->app->store, query, call->arena, call->deadline_ms, &index, &e))
        return call_fail(call, &e);
    api_set(page, "total", json_integer((json_int_t)index.n));
    return true;
}

void rest_list_threads(struct api_call *call, const struct list_threads_params *p,
                       const json_t *body)
{
    struct store_mailbox_brief box;
    struct call_cursor at = { .numbers = { 0 } };
    struct page_wanted wanted = { 0 };
    struct err e = ERR_CLEAR;
    json_t *page = NULL;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &wanted.query.has_place) ||
        !find_mailbox(call, p->mailbox_id, &box))
        return;
    wanted.role = box.role;
    wanted.state = box.account_modseq;
    wanted.query.account_id = call->who.account_id;
    wanted.query.mailbox_id = (int)p->mailbox_id;
    wanted.query.filter = filter_of(p->filter, p->sort == LIST_THREADS_SORT_OLDEST);
    wanted.query.at_us = at.numbers[0];
    wanted.query.at_uid = (uint32_t)at.numbers[1];
    wanted.query.limit = (size_t)p->limit;
    if (!page_of_threads(call, &wanted, &page, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    if (p->total && !count_threads(call, &wanted.query, page)) {
        json_decref(page);
        return;
    }
    call_json(call, 200, page);
}

/* ---- the index ---- */

/* Differences of neighbours, zig-zag, as varints: about two octets a conversation. */
static str encode_ids(struct arena *a, const int64_t *ids, size_t n)
{
    char *out = arena_alloc(a, n * VARINT_MAX + 1);
    size_t size = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t d = (uint64_t)ids[i] - before;
        uint64_t left = (d << 1) ^ (d >> 63 ? UINT64_MAX : 0);
        before = (uint64_t)ids[i];
        for (; left > 127; left >>= 7)
            out[size++] = (char)((left & 127) | 128);
        out[size++] = (char)left;
    }
    return str_of(out, size);
}

void rest_get_mailbox_index(struct api_call *call, const struct get_mailbox_index_params *p,
                            const json_t *body)
{
    struct store_mailbox_brief box;
    struct store_thread_index index;
    struct err e = ERR_CLEAR;
    (void)body;
    if (!find_mailbox(call, p->mailbox_id, &box))
        return;
    bool oldest_first = p->sort == GET_MAILBOX_INDEX_SORT_OLDEST;
    const struct store_thread_query query = {
        .account_id = call->who.account_id,
        .mailbox_id = (int)p->mailbox_id,
        .filter = filter_of((enum list_threads_filter)p->filter, oldest_first),
    };
    str etag = arena_printf(call->arena, "\"%lld-%d%d\"", (long long)box.modseq, (int)p->filter,
                            oldest_first);
    if (p->has_if_none_match && http_etag_matches(p->if_none_match, etag, false)) {
        call_field(call, "etag", etag);
        call_empty(call, 304);
        return;
    }
    if (!store_thread_index(call->app->store, &query, call->arena, call->deadline_ms, &index, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    etag = arena_printf(call->arena, "\"%lld-%d%d\"", (long long)index.modseq, (int)p->filter,
                        oldest_first);
    call_field(call, "etag", etag);
    call_field(call, "cache-control", STR("private, no-cache"));
    call_octets(call, "application/octet-stream",
                encode_ids(call->arena, index.thread_ids, index.n));
}

/* ---- by id ---- */

/* The ids of a judged list. */
static int64_t *read_ids(struct arena *a, const json_t *list, size_t *n)
{
    *n = json_array_size(list);
    int64_t *ids = ARENA_ARRAY(a, int64_t, *n + 1);
    for (size_t i = 0; i < *n; i++)
        ids[i] = api_id_parse(api_str(json_array_get(list, i)));
    return ids;
}

static bool has_thread(const struct store_threads *threads, int64_t id)
{
    for (size_t i = 0; i < threads->n; i++) {
        if (threads->list[i].thread_id == id)
            return true;
    }
    return false;
}

void rest_batch_get_threads(struct api_call *call, const void *p, const json_t *body)
{
    struct store_threads threads;
    struct store_mailbox_brief box = { .role = STORE_ROLE_NONE };
    struct err e = ERR_CLEAR;
    struct store_wanted wanted = { .account_id = call->who.account_id };
    int64_t mailbox_id = api_get_id(body, "mailboxId");
    int64_t state = 0;
    (void)p;
    wanted.ids = read_ids(call->arena, json_object_get(body, "ids"), &wanted.n);
    if (mailbox_id && !find_mailbox(call, mailbox_id, &box))
        return;
    if (!store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, &state, &e) ||
        !store_thread_get(call->app->store, &wanted, call->arena, call->deadline_ms, &threads,
                          &e)) {
        (void)call_fail(call, &e);
        return;
    }
    const struct shape_view view = { .arena = call->arena,
                                     .mailbox_id = (int)mailbox_id,
                                     .is_outgoing = is_outgoing(box.role) };
    json_t *items = json_array();
    json_t *missing = json_array();
    for (size_t i = 0; i < threads.n; i++)
        api_add(items, shape_thread_row(&threads.list[i], &view));
    for (size_t i = 0; i < wanted.n; i++) {
        if (!has_thread(&threads, wanted.ids[i]))
            api_add(missing, api_id(wanted.ids[i]));
    }
    json_t *o = json_object();
    api_set(o, "state", shape_state(state));
    api_set(o, "items", items);
    api_set(o, "notFound", missing);
    call_json(call, 200, o);
}

void rest_get_thread(struct api_call *call, const struct get_thread_params *p, const json_t *body)
{
    struct store_threads threads;
    struct err e = ERR_CLEAR;
    int64_t state = 0;
    const struct store_wanted wanted = {
        .account_id = call->who.account_id, .ids = &p->thread_id, .n = 1, .with_form = true
    };
    (void)body;
    if (!store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, &state, &e) ||
        !store_thread_get(call->app->store, &wanted, call->arena, call->deadline_ms, &threads,
                          &e)) {
        (void)call_fail(call, &e);
        return;
    }
    if (threads.n == 0) {
        (void)call_problem(call, "not-found", NULL);
        return;
    }
    const struct store_thread *t = &threads.list[0];
    json_t *messages = json_array();
    for (size_t i = 0; i < t->n; i++)
        api_add(messages, shape_message(&t->mails[i], call->arena));
    json_t *o = json_object();
    api_set(o, "id", api_id(t->thread_id));
    api_set(o, "state", shape_state(state));
    api_set(o, "subject", api_text(t->mails[t->n - 1].subject));
    api_set(o, "messages", messages);
    call_json(call, 200, o);
}
