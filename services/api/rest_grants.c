/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what with a mailbox (RFC 4314): of one's own mailboxes, and for administrators of
 * those of an account. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/one.h"
#include "store/share.h"

#define ANYONE "anyone"

/* A mailbox of an account. */
struct box {
    struct one_owner owner;
    int64_t mailbox_id;
};

/* Of the account that an administrator names; false: it was answered. Yields. */
YIELDS static bool box_of(struct api_call *call, str name, int64_t mailbox_id, struct box *out)
{
    out->mailbox_id = mailbox_id;
    return one_named(call, name, &out->owner);
}

/* Letters without "c" and "d", which stand at the end and say nothing new. */
static json_t *shape_rights(unsigned rights)
{
    char text[STORE_RIGHTS_TEXT];
    str letters = str_from_cstr(store_rights_format(rights, text));
    while (letters.n > 0 && (letters.p[letters.n - 1] == 'c' || letters.p[letters.n - 1] == 'd'))
        letters.n--;
    return api_text(letters);
}

/* False: answered. */
YIELDS static bool is_there(struct api_call *call, const struct box *box)
{
    struct store_mailboxes all;
    struct err e = ERR_CLEAR;
    if (!store_mailbox_list(call->app->store, box->owner.account_id, call->arena, call->deadline_ms,
                            &all, &e))
        return call_fail(call, &e);
    for (size_t i = 0; i < all.n; i++) {
        if (all.list[i].mailbox_id == box->mailbox_id)
            return true;
    }
    return call_problem(call, "not-found", NULL);
}

/* The entries of a mailbox that is there. */
YIELDS static void answer(struct api_call *call, const struct box *box)
{
    struct store_grants grants;
    struct err e = ERR_CLEAR;
    if (!store_grants_list(call->app->store, box->owner.account_id, (int)box->mailbox_id,
                           call->arena, call->deadline_ms, &grants, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < grants.n; i++) {
        const struct store_grant *grant = &grants.list[i];
        json_t *one = json_object();
        api_set(one, "grantee", api_text(grant->login.n ? grant->login : STR(ANYONE)));
        api_set(one, "granted", shape_rights(grant->granted));
        api_set(one, "denied", shape_rights(grant->denied));
        api_add(items, one);
    }
    call_items(call, items);
}

void rest_list_mailbox_grants(struct api_call *call, const struct list_mailbox_grants_params *p,
                              const json_t *body)
{
    const struct box box = { one_self(call), p->mailbox_id };
    (void)body;
    if (is_there(call, &box))
        answer(call, &box);
}

void rest_list_account_mailbox_grants(struct api_call *call,
                                      const struct list_account_mailbox_grants_params *p,
                                      const json_t *body)
{
    struct box box;
    (void)body;
    if (box_of(call, p->account_id, p->mailbox_id, &box) && is_there(call, &box))
        answer(call, &box);
}

/* ---- changes ---- */

/* What the grantee is to have. */
struct wish {
    str grantee; /* as sent */
    unsigned granted;
    unsigned denied;
};

static bool read_rights(struct api_call *call, const json_t *body, const char *name, unsigned *out)
{
    if (store_rights_parse(api_get_text(body, name), out))
        return true;
    str pointer = arena_printf(call->arena, "/%s", name);
    return call_field_problem(call, "invalid-fields", arena_cstr(call->arena, pointer),
                              "has a letter that is no right, of \"lrswipkxtea\"");
}

YIELDS static bool change(struct api_call *call, const struct box *box, str login, bool denied,
                          unsigned rights)
{
    struct err e = ERR_CLEAR;
    const struct store_grant_change change = {
        .login = login, .denied = denied, .how = STORE_GRANT_SET, .rights = rights
    };
    if (store_grants_change(call->app->store, box->owner.account_id, (int)box->mailbox_id, &change,
                            call->deadline_ms, &e))
        return true;
    if (e.kind != ERR_DENIED)
        return call_fail(call, &e);
    return call_problem(call, "not-found",
                        "The grantee is no other account of this server; the owner keeps all "
                        "rights.");
}

/* Both halves of an entry; false: answered. Yields. */
YIELDS static bool apply(struct api_call *call, const struct box *box, const struct wish *wish)
{
    str login = arena_lower(call->arena, wish->grantee);
    if (str_eq(login, STR(ANYONE)))
        login = STR_EMPTY;
    if (!is_there(call, box) || !change(call, box, login, false, wish->granted) ||
        !change(call, box, login, true, wish->denied))
        return false;
    call_audit(call, "acl.set", box->owner.login,
               arena_printf(call->arena, "mailbox %lld: %.*s", (long long)box->mailbox_id,
                            STR_FMT(str_slice(wish->grantee, 0, 320))),
               "ok");
    return true;
}

YIELDS static void set(struct api_call *call, const struct box *box, str grantee,
                       const json_t *body)
{
    struct wish wish = { .grantee = grantee };
    if (read_rights(call, body, "granted", &wish.granted) &&
        read_rights(call, body, "denied", &wish.denied) && apply(call, box, &wish))
        answer(call, box);
}

YIELDS static void take_away(struct api_call *call, const struct box *box, str grantee)
{
    if (apply(call, box, &(struct wish){ .grantee = grantee }))
        call_empty(call, 204);
}

void rest_set_mailbox_grant(struct api_call *call, const struct set_mailbox_grant_params *p,
                            const json_t *body)
{
    const struct box box = { one_self(call), p->mailbox_id };
    set(call, &box, p->grantee, body);
}

void rest_set_account_mailbox_grant(struct api_call *call,
                                    const struct set_account_mailbox_grant_params *p,
                                    const json_t *body)
{
    struct box box;
    if (box_of(call, p->account_id, p->mailbox_id, &box))
        set(call, &box, p->grantee, body);
}

void rest_remove_mailbox_grant(struct api_call *call, const struct remove_mailbox_grant_params *p,
                               const json_t *body)
{
    const struct box box = { one_self(call), p->mailbox_id };
    (void)body;
    take_away(call, &box, p->grantee);
}

void rest_remove_account_mailbox_grant(struct api_call *call,
                                       const struct remove_account_mailbox_grant_params *p,
                                       const json_t *body)
{
    struct box box;
    (void)body;
    if (box_of(call, p->account_id, p->mailbox_id, &box))
        take_away(call, &box, p->grantee);
}
