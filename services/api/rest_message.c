/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: lists of them, one of them, changes of one. */
#include "api_routes.h"
#include "services/api/api.h"
#include "services/api/keyword_patch.h"
#include "services/api/one.h"
#include "services/api/shape_mail.h"
#include "services/api/shape_message.h"

YIELDS static void answer_message(struct api_call *call, int64_t id)
{
    struct store_mail mail;
    if (one_message(call, id, true, &mail))
        call_json(call, 200, shape_message(&mail, call->arena));
}

void rest_get_message(struct api_call *call, const struct get_message_params *p, const json_t *body)
{
    (void)body;
    answer_message(call, p->message_id);
}

/* ---- changes ---- */

YIELDS static bool apply(struct api_call *call, const struct store_mail_change *change)
{
    struct store_mail_changed changed;
    struct err e = ERR_CLEAR;
    if (store_mail_apply(call->app->store, change, call->arena, call->deadline_ms, &changed, &e))
        return true;
    if (e.kind == ERR_NOT_FOUND)
        return call_field_problem(call, "invalid-fields", "/move/to", "is no mailbox");
    return call_fail(call, &e);
}

void rest_update_message(struct api_call *call, const struct update_message_params *p,
                         const json_t *body)
{
    struct store_mail mail;
    struct store_mail_change change = { .account_id = call->who.account_id,
                                        .act = STORE_MAIL_FLAGS,
                                        .msg_ids = &p->message_id,
                                        .n = 1 };
    const json_t *keywords = json_object_get(body, "keywords");
    const json_t *move = json_object_get(body, "move");
    if (!one_message(call, p->message_id, false, &mail))
        return;
    if (keywords && (!keyword_patch_read(call, keywords, &change) || !apply(call, &change)))
        return;
    if (move && (!move_read(call, move, &change) || !apply(call, &change)))
        return;
    answer_message(call, p->message_id);
}

void rest_destroy_message(struct api_call *call, const struct destroy_message_params *p,
                          const json_t *body)
{
    struct store_mail mail;
    const struct store_mail_change change = { .account_id = call->who.account_id,
                                              .act = STORE_MAIL_EXPUNGE,
                                              .msg_ids = &p->message_id,
                                              .n = 1 };
    (void)body;
    if (one_message(call, p->message_id, false, &mail) && apply(call, &change))
        call_empty(call, 204);
}

/* ---- lists ---- */

void rest_batch_get_messages(struct api_call *call, const void *p, const json_t *body)
{
    struct store_mails mails;
    struct err e = ERR_CLEAR;
    int64_t state = 0;
    const json_t *list = json_object_get(body, "ids");
    size_t n = json_array_size(list);
    int64_t *ids = ARENA_ARRAY(call->arena, int64_t, n + 1);
    const struct store_wanted wanted = { .account_id = call->who.account_id, .ids = ids, .n = n };
    (void)p;
    for (size_t i = 0; i < n; i++)
        ids[i] = api_id_parse(api_str(json_array_get(list, i)));
    if (!store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, &state, &e) ||
        !store_mail_get(call->app->store, &wanted, call->arena, call->deadline_ms, &mails, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    json_t *missing = json_array();
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        /* They come in the order of the ids. */
        if (at < mails.n && mails.list[at].msg_id == ids[i]) {
            api_add(items, shape_message_row(&mails.list[at++]));
        } else {
            api_add(missing, api_id(ids[i]));
        }
    }
    json_t *o = json_object();
    api_set(o, "state", shape_state(state));
    api_set(o, "items", items);
    api_set(o, "notFound", missing);
    call_json(call, 200, o);
}

static void read_filter(enum list_messages_filter filter, struct store_thread_filter *out)
{
    switch (filter) {
    case LIST_MESSAGES_FILTER_ALL:
        break;
    case LIST_MESSAGES_FILTER_UNREAD:
        out->without_flags = STORE_SEEN;
        break;
    case LIST_MESSAGES_FILTER_FLAGGED:
        out->with_flags = STORE_FLAGGED;
        break;
    case LIST_MESSAGES_FILTER_ATTACHMENTS:
        out->with_attachment = true;
        break;
    }
}

void rest_list_messages(struct api_call *call, const struct list_messages_params *p,
                        const json_t *body)
{
    struct call_cursor at = { .numbers = { INT64_MAX } };
    struct store_mail_page page;
    struct err e = ERR_CLEAR;
    bool given;
    int64_t state = 0;
    struct store_mail_query query = { .account_id = call->who.account_id,
                                      .limit = (size_t)p->limit,
                                      .with_total = p->total };
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    read_filter(p->filter, &query.filter);
    query.before_id = at.numbers[0];
    query.mailbox_id = p->mailbox_id > INT32_MAX ? -1 : (int)p->mailbox_id;
    if (!store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, &state, &e) ||
        !store_mail_list(call->app->store, &query, call->arena, call->deadline_ms, &page, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    json_t *next = json_null();
    for (size_t i = 0; i < page.mails.n; i++)
        api_add(items, shape_message_row(&page.mails.list[i]));
    if (page.mails.n == query.limit) {
        int64_t last = page.mails.list[page.mails.n - 1].msg_id;
        next = call_cursor_format(call, &(struct call_cursor){ .numbers = { last } });
    }
    json_t *o = json_object();
    api_set(o, "state", shape_state(state));
    api_set(o, "items", items);
    api_set(o, "nextCursor", next);
    api_set(o, "total", p->total ? json_integer(page.total) : json_null());
    call_json(call, 200, o);
}
