/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of many messages: those named, those of conversations, those that a search finds. */
#include "api_routes.h"
#include "db/db.h"
#include "services/api/api.h"
#include "services/api/found.h"
#include "services/api/keyword_patch.h"
#include "services/api/shape_mail.h"

enum {
    BATCH_MAX = 1000 /* messages of one request */
};

/* One request on its way. */
struct batch {
    struct api_call *call;
    int64_t *ids; /* of the messages that were asked for */
    size_t n;
    int mailbox_id;   /* only their places here count; 0: all */
    bool newest_only; /* one message of each conversation */
    bool has_more;
    json_t *missing;
    struct store_mails mails; /* those that are there */
};

/* ---- which messages ---- */

static bool add_id(struct batch *b, int64_t id)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->ids[i] == id)
            return true;
    }
    if (b->n == BATCH_MAX)
        return false;
    b->ids[b->n++] = id;
    return true;
}

static void read_message_ids(struct batch *b, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        (void)add_id(b, api_id_parse(api_str(json_array_get(list, i))));
}

static bool is_in(const struct store_mail *m, int mailbox_id)
{
    for (size_t i = 0; i < m->n_places; i++) {
        if (m->places[i].mailbox_id == mailbox_id)
            return true;
    }
    return mailbox_id == 0;
}

/* The newest that is no draft, else the newest; NULL: none of it is in the mailbox. */
static const struct store_mail *newest_of(const struct store_thread *t, int mailbox_id)
{
    const struct store_mail *draft = NULL;
    for (size_t i = t->n; i-- > 0;) {
        const struct store_mail *m = &t->mails[i];
        if (!is_in(m, mailbox_id))
            continue;
        if (!(m->flags & STORE_DRAFT))
            return m;
        if (!draft)
            draft = m;
    }
    return draft;
}

static bool add_thread(struct batch *b, const struct store_thread *t)
{
    if (b->newest_only) {
        const struct store_mail *m = newest_of(t, b->mailbox_id);
        return !m || add_id(b, m->msg_id);
    }
    for (size_t i = 0; i < t->n; i++) {
        if (is_in(&t->mails[i], b->mailbox_id) && !add_id(b, t->mails[i].msg_id))
            return false;
    }
    return true;
}

/* A part of the conversations asked for; those that are not there are noted. */
YIELDS static bool add_threads(struct batch *b, const int64_t *ids, size_t n)
{
    struct store_threads threads;
    struct err e = ERR_CLEAR;
    const struct store_wanted wanted = { .account_id = b->call->who.account_id,
                                         .ids = ids,
                                         .n = n };
    size_t at = 0;
    if (!store_thread_get(b->call->app->store, &wanted, b->call->arena, b->call->deadline_ms,
                          &threads, &e))
        return call_fail(b->call, &e);
    for (size_t i = 0; i < n; i++) {
        if (at == threads.n || threads.list[at].thread_id != ids[i]) {
            api_add(b->missing, api_id(ids[i]));
        } else if (!add_thread(b, &threads.list[at++])) {
            return call_field_problem(b->call, "invalid-fields", "/target/threads/ids",
                                      "have more than 1000 messages");
        }
    }
    return true;
}

YIELDS static bool read_threads(struct batch *b, const json_t *threads)
{
    const json_t *list = json_object_get(threads, "ids");
    size_t n = json_array_size(list);
    int64_t mailbox_id = api_get_id(threads, "mailboxId");
    int64_t *ids = ARENA_ARRAY(b->call->arena, int64_t, n + 1);
    b->mailbox_id = mailbox_id > INT32_MAX ? -1 : (int)mailbox_id;
    b->newest_only = api_get_bool(threads, "newestOnly", false);
    for (size_t i = 0; i < n; i++)
        ids[i] = api_id_parse(api_str(json_array_get(list, i)));
    for (size_t from = 0; from < n; from += STORE_MAX_PAGE) {
        size_t step = n - from < STORE_MAX_PAGE ? n - from : STORE_MAX_PAGE;
        if (!add_threads(b, ids + from, step))
            return false;
    }
    return true;
}

YIELDS static bool read_search(struct batch *b, const json_t *search)
{
    struct api_call *call = b->call;
    struct search_typed *typed = ARENA_NEW(call->arena, struct search_typed);
    struct search_mail_query query;
    struct search_mail_found found;
    struct err e = ERR_CLEAR;
    const struct found_wanted wanted = { api_get_text(search, "q"),
                                         api_get_id(search, "mailboxId") };
    if (!found_prepare(call, &wanted, typed, &query))
        return false;
    query.limit = 1;
    query.with_ids = true;
    if (!search_mail(call->app->db, &query, call->arena, call->deadline_ms, &found, &e))
        return call_fail(call, &e);
    b->mailbox_id = wanted.mailbox_id > INT32_MAX ? -1 : (int)wanted.mailbox_id;
    for (size_t i = 0; i < found.n_ids && i < BATCH_MAX; i++)
        b->ids[b->n++] = found.ids[i];
    b->has_more = found.total > (int64_t)b->n;
    return true;
}

YIELDS static bool read_target(struct batch *b, const json_t *target)
{
    const json_t *ids = json_object_get(target, "messageIds");
    const json_t *threads = json_object_get(target, "threads");
    if (ids) {
        read_message_ids(b, ids);
        return true;
    }
    return threads ? read_threads(b, threads) : read_search(b, json_object_get(target, "search"));
}

/* Reads the messages themselves; ids without one are noted. */
YIELDS static bool load(struct batch *b)
{
    struct err e = ERR_CLEAR;
    const struct store_wanted wanted = { .account_id = b->call->who.account_id,
                                         .ids = b->ids,
                                         .n = b->n };
    size_t at = 0;
    if (b->n > 0 && !store_mail_get(b->call->app->store, &wanted, b->call->arena,
                                    b->call->deadline_ms, &b->mails, &e))
        return call_fail(b->call, &e);
    for (size_t i = 0; i < b->n; i++) {
        if (at < b->mails.n && b->mails.list[at].msg_id == b->ids[i]) {
            at++;
        } else {
            api_add(b->missing, api_id(b->ids[i]));
        }
    }
    return true;
}

/* ---- what changes ---- */

static bool has_keyword(const struct store_mail *m, str name)
{
    for (size_t i = 0; i < m->n_keywords; i++) {
        if (str_ieq(m->keywords[i], name))
            return true;
    }
    return false;
}

static bool changes_keywords(const struct store_mail *m, const struct store_mail_change *c)
{
    /* A message in several mailboxes may have different flags in each. */
    for (size_t i = 0; i < m->n_places; i++) {
        if ((m->places[i].flags & c->set_flags) != c->set_flags ||
            (m->places[i].flags & c->clear_flags))
            return true;
    }
    for (size_t i = 0; i < c->n_set_keywords; i++) {
        if (!has_keyword(m, c->set_keywords[i]))
            return true;
    }
    for (size_t i = 0; i < c->n_clear_keywords; i++) {
        if (has_keyword(m, c->clear_keywords[i]))
            return true;
    }
    return false;
}

static bool does_move(const struct store_mail *m, const struct store_mail_change *c)
{
    for (size_t i = 0; i < m->n_places; i++) {
        int at = m->places[i].mailbox_id;
        if (at != c->to_mailbox_id && (!c->from_mailbox_id || at == c->from_mailbox_id))
            return true;
    }
    return false;
}

/* What is done, one step after the other. */
struct plan {
    struct store_mail_change keywords;
    struct store_mail_change move;
    bool has_keywords;
    bool has_move;
    bool has_destroy;
};

static bool read_plan(struct api_call *call, const json_t *change, struct plan *out)
{
    const json_t *keywords = json_object_get(change, "keywords");
    const json_t *move = json_object_get(change, "move");
    out->has_keywords = keywords != NULL;
    out->has_move = move != NULL;
    out->has_destroy = api_has(change, "destroy");
    if (out->has_destroy && (keywords || move))
        return call_field_problem(call, "invalid-fields", "/change/destroy", "goes only alone");
    return (!keywords || keyword_patch_read(call, keywords, &out->keywords)) &&
           (!move || move_read(call, move, &out->move));
}

static bool is_changed(const struct plan *plan, const struct store_mail *m)
{
    return plan->has_destroy || (plan->has_keywords && changes_keywords(m, &plan->keywords)) ||
           (plan->has_move && does_move(m, &plan->move));
}

YIELDS static bool apply(struct api_call *call, struct store_mail_change *change,
                         const int64_t *ids, size_t n)
{
    struct store_mail_changed changed;
    struct err e = ERR_CLEAR;
    change->account_id = call->who.account_id;
    change->msg_ids = ids;
    change->n = n;
    if (n == 0 ||
        store_mail_apply(call->app->store, change, call->arena, call->deadline_ms, &changed, &e))
        return true;
    if (e.kind == ERR_NOT_FOUND)
        return call_field_problem(call, "invalid-fields", "/change/move/to", "is no mailbox");
    return call_fail(call, &e);
}

YIELDS static bool carry_out(struct api_call *call, struct plan *plan, const int64_t *ids, size_t n)
{
    struct store_mail_change destroy = { .act = STORE_MAIL_EXPUNGE };
    return (!plan->has_keywords || apply(call, &plan->keywords, ids, n)) &&
           (!plan->has_move || apply(call, &plan->move, ids, n)) &&
           (!plan->has_destroy || apply(call, &destroy, ids, n));
}

/* ---- the answer ---- */

/* The mailbox that it was in: the one it was moved from, or the one asked about, or its first. */
static int group_of(const struct batch *b, const struct plan *plan, const struct store_mail *m)
{
    int wanted =
        plan->has_move && plan->move.from_mailbox_id ? plan->move.from_mailbox_id : b->mailbox_id;
    return wanted && is_in(m, wanted) ? wanted : m->places[0].mailbox_id;
}

/* Groups of changed messages by the mailbox that they were in. */
static json_t *shape_groups(const struct batch *b, const struct plan *plan)
{
    json_t *groups = json_array();
    json_t *by_id = json_object();
    for (size_t i = 0; i < b->mails.n; i++) {
        char key[16];
        const struct store_mail *m = &b->mails.list[i];
        if (!is_changed(plan, m))
            continue;
        (void)snprintf(key, sizeof(key), "%d", group_of(b, plan, m));
        json_t *ids = json_object_get(by_id, key);
        if (!ids) {
            json_t *group = json_object();
            ids = json_array();
            api_set(by_id, key, ids);
            api_set(group, "mailboxId", json_string(key));
            api_set(group, "messageIds", json_incref(ids));
            api_add(groups, group);
        }
        api_add(ids, api_id(m->msg_id));
    }
    json_decref(by_id);
    return groups;
}

YIELDS static bool check_state(struct api_call *call, const json_t *body)
{
    int64_t now = 0;
    struct err e = ERR_CLEAR;
    if (!api_has(body, "ifState"))
        return true;
    if (!store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, &now, &e))
        return call_fail(call, &e);
    return now == api_get_id(body, "ifState") || call_problem(call, "state-changed", NULL);
}

YIELDS static void answer(struct batch *b, struct plan *plan)
{
    struct api_call *call = b->call;
    struct err e = ERR_CLEAR;
    int64_t state = 0;
    int64_t *ids = ARENA_ARRAY(call->arena, int64_t, b->mails.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < b->mails.n; i++) {
        if (is_changed(plan, &b->mails.list[i]))
            ids[n++] = b->mails.list[i].msg_id;
    }
    if (!carry_out(call, plan, ids, n))
        return;
    if (!store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, &state, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    api_set(o, "state", shape_state(state));
    api_set(o, "changed", shape_groups(b, plan));
    api_set(o, "unchangedCount", json_integer((json_int_t)(b->mails.n - n)));
    api_set(o, "notFound", json_incref(b->missing));
    api_set(o, "hasMore", json_boolean(b->has_more && n > 0));
    call_json(call, 200, o);
}

void rest_batch_update_messages(struct api_call *call, const struct batch_update_messages_params *p,
                                const json_t *body)
{
    struct plan *plan = ARENA_NEW(call->arena, struct plan);
    struct batch b = { .call = call,
                       .ids = ARENA_ARRAY(call->arena, int64_t, BATCH_MAX),
                       .missing = json_array() };
    (void)p;
    if (read_plan(call, json_object_get(body, "change"), plan) && check_state(call, body) &&
        read_target(&b, json_object_get(body, "target")) && load(&b))
        answer(&b, plan);
    json_decref(b.missing);
}
