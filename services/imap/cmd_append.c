/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND (RFC 9051 section 6.3.12, RFC 4315). */
#include "services/imap/commands.h"
#include "services/imap/resolve.h"
#include "store/seen.h"
#include "wire/imap_mailbox_name.h"
#include "wire/imap_store.h"

enum {
    APPEND_MS = 60 * 1000 /* big messages are packed and written */
};

/* To somebody else, who has not read it. Yields. */
static bool append_seen(struct imap_session *s, const struct store_append_item *item,
                        const struct store_place *place, int64_t deadline,
                        struct store_appended *out, struct err *e)
{
    struct store_append_item unread = *item;
    const struct store_viewed of = { s->account_id, place->account_id, place->mailbox.mailbox_id };
    unread.flags &= ~(unsigned)STORE_SEEN;
    if (!store_append(s->app->store, of.account_id, of.mailbox_id, &unread, 1, deadline, out, e))
        return false;
    const struct store_range uid = { out->first_uid, out->first_uid };
    return store_seen_mark(s->app->store, &of, &(const struct store_ranges){ &uid, 1 }, deadline,
                           e);
}

static bool append(struct imap_session *s, const struct imap_append_args *args,
                   const struct store_place *place, struct store_appended *out, struct err *e)
{
    struct store_message message;
    int64_t deadline = clock_deadline_in(APPEND_MS);
    if (!store_prepare_message(s->app->store, &s->arena, args->message, deadline, &message, e))
        return false;
    const struct store_append_item item = {
        .message = &message,
        .idate_s = args->has_date ? args->date_utc_s : clock_utc_ms() / 1000,
        .flags = imap_rights_flags(place->rights, args->flags.bits),
        .keywords = args->flags.keywords,
        .n_keywords = imap_rights_keywords(place->rights) ? args->flags.n : 0,
    };
    if (place->space == STORE_SPACE_OWN || !(item.flags & STORE_SEEN)) {
        return store_append(s->app->store, place->account_id, place->mailbox.mailbox_id, &item, 1,
                            deadline, out, e);
    }
    return append_seen(s, &item, place, deadline, out, e);
}

bool imap_disk_is_full(struct imap_session *s)
{
    if (!s->app->health.is_disk_full)
        return false;
    (void)imap_reply(s, IMAP_NO, STR("UNAVAILABLE"),
                     "Not enough room on the disk, try again later");
    return true;
}

/* Which limit it was: the account's quota, or one of keywords and UIDs. Yields. */
static str limit_code(struct imap_session *s, int64_t account_id, size_t size)
{
    struct store_quota quota;
    struct err e = ERR_CLEAR;
    bool ok = store_get_quota(s->app->store, account_id, imap_deadline(), &quota, &e);
    bool is_full = ok && quota.limit_bytes && quota.used_bytes + (int64_t)size > quota.limit_bytes;
    return is_full ? STR("OVERQUOTA") : STR("LIMIT");
}

bool imap_cmd_append(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_append_args args;
    struct store_place place;
    struct store_appended appended;
    str name;
    if (!imap_append_parse(&c->args, &args, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_BAD, STR_EMPTY, "One message with known flags at a time");
        return false;
    }
    if (args.message.n == 0)
        return imap_reply(s, IMAP_NO, STR_EMPTY, "APPEND of nothing was cancelled");
    if (imap_disk_is_full(s))
        return true;
    if (!imap_mailbox_parse(&s->arena, args.mailbox, imap_has_utf8(s), &name, e))
        return false;
    bool ok = imap_resolve(s, name, STORE_MAY_INSERT, &place, e) &&
              append(s, &args, &place, &appended, e);
    if (!ok && e->kind == ERR_NOT_FOUND)
        return imap_reply(s, IMAP_NO, STR("TRYCREATE"), "No such mailbox");
    if (!ok && e->kind == ERR_LIMIT) {
        str code = limit_code(s, place.account_id, args.message.n);
        return imap_reply(s, IMAP_NO, code, "A limit was reached");
    }
    if (!ok)
        return false;
    str code = arena_printf(&s->arena, "APPENDUID %u %u", (unsigned)appended.uidvalidity,
                            (unsigned)appended.first_uid);
    return imap_reply(s, IMAP_OK, code, "APPEND completed");
}
