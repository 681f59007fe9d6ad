/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes: the tree with its counts, and changes of it. */
#include "api_routes.h"
#include "services/api/api.h"
#include "services/api/shape_mail.h"

YIELDS static bool load_all(struct api_call *call, struct store_mailboxes *out)
{
    struct err e = ERR_CLEAR;
    return store_mailbox_list(call->app->store, call->who.account_id, call->arena,
                              call->deadline_ms, out, &e) ||
           call_fail(call, &e);
}

static const struct store_mailbox *find(const struct store_mailboxes *all, int64_t id)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->list[i].mailbox_id == id)
            return &all->list[i];
    }
    return NULL;
}

void rest_list_mailboxes(struct api_call *call, const void *p, const json_t *body)
{
    struct store_mailboxes all;
    (void)p;
    (void)body;
    if (!load_all(call, &all))
        return;
    json_t *o = json_object();
    api_set(o, "state", shape_state(all.modseq));
    api_set(o, "items", shape_mailboxes(&all));
    call_json(call, 200, o);
}

void rest_get_mailbox(struct api_call *call, const struct get_mailbox_params *p, const json_t *body)
{
    struct store_mailboxes all;
    (void)body;
    if (!load_all(call, &all))
        return;
    const struct store_mailbox *box = find(&all, p->mailbox_id);
    if (box) {
        call_json(call, 200, shape_mailbox(box));
    } else {
        (void)call_problem(call, "not-found", NULL);
    }
}

/* Full name of a level below `parent_id` (0: at the top). */
static bool full_name(struct api_call *call, const struct store_mailboxes *all, int64_t parent_id,
                      str level, str *out)
{
    const struct store_mailbox *parent = parent_id ? find(all, parent_id) : NULL;
    if (parent_id && !parent)
        return call_field_problem(call, "invalid-fields", "/parentId", "is no mailbox");
    *out = parent ? arena_printf(call->arena, "%.*s/%.*s", STR_FMT(parent->name), STR_FMT(level))
                  : level;
    return true;
}

/* Failures of names, told by their field. */
static bool fail_name(struct api_call *call, const struct err *e)
{
    if (e->kind == ERR_SYNTAX || e->kind == ERR_DENIED)
        return call_field_problem(call, "invalid-fields", "/name", "cannot name a mailbox");
    if (e->kind == ERR_EXISTS)
        return call_problem(call, "exists", "There is a mailbox with this name.");
    return call_fail(call, e);
}

YIELDS static void answer_mailbox(struct api_call *call, int64_t id, bool is_new)
{
    struct store_mailboxes all;
    if (!load_all(call, &all))
        return;
    const struct store_mailbox *box = find(&all, id);
    if (!box) {
        (void)call_problem(call, "not-found", NULL);
    } else if (is_new) {
        call_created(call, shape_mailbox(box), "/api/v1/mailboxes/%lld", (long long)id);
    } else {
        call_json(call, 200, shape_mailbox(box));
    }
}

void rest_create_mailbox(struct api_call *call, const struct create_mailbox_params *p,
                         const json_t *body)
{
    struct store_mailboxes all;
    str name;
    int id = 0;
    struct err e = ERR_CLEAR;
    (void)p;
    if (!load_all(call, &all) ||
        !full_name(call, &all, api_get_id(body, "parentId"), api_get_text(body, "name"), &name))
        return;
    if (!store_mailbox_create(call->app->store, call->who.account_id, name, STORE_ROLE_NONE,
                              call->deadline_ms, &id, &e) ||
        !store_mailbox_subscribe(call->app->store, call->who.account_id, name, true,
                                 call->deadline_ms, &e)) {
        (void)fail_name(call, &e);
        return;
    }
    answer_mailbox(call, id, true);
}

/* Whether the mailbox lies below the one of `id`, or is it. */
static bool is_below(const struct store_mailboxes *all, const struct store_mailbox *box, int64_t id)
{
    for (size_t depth = 0; box && depth < all->n; depth++) {
        if (box->mailbox_id == id)
            return true;
        box = find(all, box->parent_id);
    }
    return false;
}

YIELDS static bool rename_to(struct api_call *call, const struct store_mailboxes *all,
                             const struct store_mailbox *box, const json_t *body)
{
    struct err e = ERR_CLEAR;
    ptrdiff_t slash = str_rfind_byte(box->name, '/');
    str level = api_has(body, "name") ? api_get_text(body, "name")
                                      : str_skip(box->name, (size_t)(slash + 1));
    int64_t parent = api_has(body, "parentId") ? api_get_id(body, "parentId") : box->parent_id;
    str name;
    if (!full_name(call, all, parent, level, &name))
        return false;
    if (str_eq(name, box->name))
        return true;
    if (shape_has_role(box->role))
        return call_problem(call, "in-use", "A mailbox with a role keeps its name and place.");
    if (is_below(all, find(all, parent), box->mailbox_id))
        return call_problem(call, "in-use", "A mailbox cannot go below itself.");
    return store_mailbox_rename(call->app->store, call->who.account_id, box->name, name,
                                call->deadline_ms, &e) ||
           fail_name(call, &e);
}

/* The name may be another one by now, so it is looked up again. */
YIELDS static bool subscribe(struct api_call *call, int64_t id, bool wanted)
{
    struct store_mailboxes all;
    struct err e = ERR_CLEAR;
    if (!load_all(call, &all))
        return false;
    const struct store_mailbox *box = find(&all, id);
    if (!box)
        return call_problem(call, "not-found", NULL);
    return box->is_subscribed == wanted ||
           store_mailbox_subscribe(call->app->store, call->who.account_id, box->name, wanted,
                                   call->deadline_ms, &e) ||
           call_fail(call, &e);
}

void rest_update_mailbox(struct api_call *call, const struct update_mailbox_params *p,
                         const json_t *body)
{
    struct store_mailboxes all;
    if (!load_all(call, &all))
        return;
    const struct store_mailbox *box = find(&all, p->mailbox_id);
    if (!box) {
        (void)call_problem(call, "not-found", NULL);
        return;
    }
    bool moves = api_has(body, "name") || api_has(body, "parentId");
    if (moves && !rename_to(call, &all, box, body))
        return;
    if (api_has(body, "isSubscribed") &&
        !subscribe(call, p->mailbox_id, api_get_bool(body, "isSubscribed", true)))
        return;
    answer_mailbox(call, p->mailbox_id, false);
}

/* ---- deleting ---- */

YIELDS static bool move_to_trash(struct api_call *call, const struct store_mailboxes *all,
                                 const struct store_mailbox *box)
{
    struct err e = ERR_CLEAR;
    int trash = 0;
    const struct store_range everything = { 1, UINT32_MAX };
    const struct store_ranges set = { &everything, 1 };
    struct store_copied moved;
    bool no_target;
    for (size_t i = 0; i < all->n; i++) {
        if (all->list[i].role == STORE_ROLE_TRASH)
            trash = all->list[i].mailbox_id;
    }
    if (!trash)
        return call_problem(call, "in-use", "There is no trash to move its messages to.");
    const struct store_transfer transfer = { .account_id = call->who.account_id,
                                             .from_mailbox_id = box->mailbox_id,
                                             .to_mailbox_id = trash,
                                             .set = &set,
                                             .is_move = true };
    return store_transfer(call->app->store, &transfer, call->arena, call->deadline_ms, &moved,
                          &no_target, &e) ||
           call_fail(call, &e);
}

YIELDS static bool may_delete(struct api_call *call, const struct store_mailboxes *all,
                              const struct store_mailbox *box,
                              enum delete_mailbox_messages messages)
{
    if (!box)
        return call_problem(call, "not-found", NULL);
    if (shape_has_role(box->role))
        return call_problem(call, "in-use", "A mailbox with a role stays.");
    if (box->has_children)
        return call_problem(call, "in-use", "There are mailboxes in it.");
    switch (messages) {
    case DELETE_MAILBOX_MESSAGES_KEEP:
        return box->state.messages == 0 ||
               call_problem(call, "in-use", "There are messages in it: say what becomes of them.");
    case DELETE_MAILBOX_MESSAGES_TRASH:
        return move_to_trash(call, all, box);
    case DELETE_MAILBOX_MESSAGES_DESTROY:
        return true;
    }
    return false;
}

void rest_delete_mailbox(struct api_call *call, const struct delete_mailbox_params *p,
                         const json_t *body)
{
    struct store_mailboxes all;
    struct err e = ERR_CLEAR;
    (void)body;
    if (!load_all(call, &all))
        return;
    const struct store_mailbox *box = find(&all, p->mailbox_id);
    if (!may_delete(call, &all, box, p->messages))
        return;
    if (!store_mailbox_delete(call->app->store, call->who.account_id, box->name, call->deadline_ms,
                              &e) ||
        !store_mailbox_subscribe(call->app->store, call->who.account_id, box->name, false,
                                 call->deadline_ms, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_empty(call, 204);
}
