/* SPDX-License-Identifier: Apache-2.0 */
/* GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208). Each account is one quota root, named by its login;
 * the mailboxes of others belong to their owner's. Administrators set limits. */
#include "account/account.h"
#include "services/imap/commands.h"
#include "services/imap/resolve.h"
#include "store/store.h"
#include "wire/imap_format.h"
#include "wire/imap_mailbox_name.h"
#include "wire/imap_quota.h"

enum {
    KIB = 1024
};

/* A limit of 0 stands for none; so one that prohibits all use cannot be told from it (SETQUOTA). */
static struct imap_usage usage_of(int64_t used, int64_t limit)
{
    return (struct imap_usage){ limit != 0, (uint64_t)used, (uint64_t)limit };
}

static bool send_quota(struct imap_session *s, int64_t account_id, str root, struct err *e)
{
    struct store_quota q;
    if (!store_get_quota(s->app->store, account_id, imap_deadline(), &q, e))
        return false;
    /* What is begun counts as used; a limit is what can be had at most. */
    const struct imap_usage usages[IMAP_RESOURCE_COUNT] = {
        [IMAP_RESOURCE_STORAGE] =
            usage_of((q.used_bytes + KIB - 1) / KIB, (q.limit_bytes + KIB - 1) / KIB),
        [IMAP_RESOURCE_MESSAGE] = usage_of(q.used_messages, q.limit_messages),
        [IMAP_RESOURCE_MAILBOX] = usage_of(q.used_mailboxes, q.limit_mailboxes),
    };
    bool ok = buf_add(&s->out, STR("* QUOTA ")) && imap_format_astring(&s->out, root) &&
              buf_add_byte(&s->out, ' ') && imap_quota_format(&s->out, usages) &&
              buf_add(&s->out, STR("\r\n"));
    if (ok)
        (void)imap_send_out(s);
    return true;
}

/* The account of a quota root: the user's own one, and any for administrators. What others may not
 * see is not there. Yields. */
static bool find_root(struct imap_session *s, str root, struct account *out, struct err *e)
{
    struct account me;
    bool found = false;
    if (!account_get(s->app->accounts, s->account_id, &s->arena, imap_deadline(), &me, e))
        return false;
    if (str_ieq(root, me.login)) {
        *out = me;
        return true;
    }
    if (me.is_admin &&
        !account_find_for_login(s->app->accounts, root, &s->arena, imap_deadline(), &found, out, e))
        return false;
    return found || ERR(e, ERR_NOT_FOUND, "there is no such quota root");
}

static bool no_such_root(struct imap_session *s, const struct err *e)
{
    if (e->kind != ERR_NOT_FOUND && e->kind != ERR_SYNTAX)
        return false;
    return imap_reply(s, IMAP_NO, STR("NONEXISTENT"), "No such quota root");
}

bool imap_cmd_getquota(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str root;
    struct account account = { 0 };
    if (!imap_parse_astrings(&c->args, &root, 1, e))
        return false;
    if (!find_root(s, root, &account, e))
        return no_such_root(s, e);
    return send_quota(s, account.account_id, account.login, e);
}

/* The mailbox need not be there (RFC 9208 section 4.1.2): then the root is what a new one of the
 * name would have. Somebody else's tells of its owner only to those who may read it (section 6). */
bool imap_cmd_getquotaroot(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str sent;
    str name;
    struct store_place place;
    struct account owner;
    if (!imap_parse_astrings(&c->args, &sent, 1, e) ||
        !imap_mailbox_parse(&s->arena, sent, imap_has_utf8(s), &name, e))
        return false;
    if (!imap_resolve(s, name, STORE_MAY_READ, &place, e) &&
        (e->kind != ERR_NOT_FOUND || place.space != STORE_SPACE_OWN))
        return false;
    if (!account_get(s->app->accounts, place.account_id, &s->arena, imap_deadline(), &owner, e))
        return false;
    bool ok = buf_add(&s->out, STR("* QUOTAROOT ")) &&
              imap_mailbox_format(&s->out, name, imap_has_utf8(s)) && buf_add_byte(&s->out, ' ') &&
              imap_format_astring(&s->out, owner.login) && buf_add(&s->out, STR("\r\n"));
    if (ok)
        (void)imap_send_out(s);
    return send_quota(s, place.account_id, owner.login, e);
}

static bool has_zero(const struct imap_setquota_args *args)
{
    for (size_t i = 0; i < IMAP_RESOURCE_COUNT; i++) {
        if (args->has[i] && args->limits[i] == 0)
            return true;
    }
    return false;
}

/* A resource that is not named has no limit afterwards. */
bool imap_cmd_setquota(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_setquota_args args;
    struct account me;
    struct account account = { 0 };
    if (!imap_setquota_parse(&c->args, &args, e))
        return false;
    if (!account_get(s->app->accounts, s->account_id, &s->arena, imap_deadline(), &me, e))
        return false;
    if (!me.is_admin)
        return imap_reply(s, IMAP_NO, STR("NOPERM"), "Only administrators set limits");
    if (!find_root(s, args.root, &account, e))
        return no_such_root(s, e);
    if (has_zero(&args))
        return imap_reply(s, IMAP_NO, STR("CANNOT"), "No limit of 0: disable the account instead");
    char ip[NET_ADDRESS_TEXT];
    const struct account_actor actor = {
        .account_id = me.account_id,
        .name = me.login,
        .ip = net_address_ip(net_conn_peer(s->conn), ip),
    };
    const struct account_limits limits = {
        .bytes = (int64_t)args.limits[IMAP_RESOURCE_STORAGE] * KIB,
        .messages = (int64_t)args.limits[IMAP_RESOURCE_MESSAGE],
        .mailboxes = (int64_t)args.limits[IMAP_RESOURCE_MAILBOX],
    };
    return account_set_limits(s->app->accounts, &actor, account.login, &limits, &s->arena,
                              imap_deadline(), e) &&
           send_quota(s, account.account_id, account.login, e);
}
