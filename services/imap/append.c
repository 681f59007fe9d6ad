/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of APPEND and REPLACE. */
#include "services/imap/append.h"

#include "deliver/deliver.h"
#include "mime/header.h"
#include "mime/seven_bit.h"
#include "services/imap/catenate.h"
#include "services/imap/commands.h"
#include "services/imap/gather.h"
#include "services/imap/limits.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/view.h"
#include "wire/imap_mailbox_name.h"

enum {
    APPEND_MS = 60 * 1000,  /* big messages are packed and written */
    GROWTH_NUMERATOR = 3,   /* base64 makes a message this much ... */
    GROWTH_DENOMINATOR = 2, /* ... longer at most, with its line ends */
    GROWTH_ROOM = 64 * 1024 /* and the fields of its parts */
};

int64_t imap_append_deadline(void)
{
    return clock_deadline_in(APPEND_MS);
}

/* Sets the answer; false. */
static bool refuse(struct imap_appending *a, enum imap_status_kind status, str code,
                   const char *text)
{
    a->is_refused = true;
    a->refusal = (struct imap_reply){ status, code, str_from_cstr(text) };
    return false;
}

/* ---- one message ---- */

/* Counts octets that this command holds beside what was read. */
static bool take_memory(struct imap_appending *a, size_t octets)
{
    if (!imap_gather_take(a->s, octets)) {
        return refuse(a, IMAP_NO, STR("UNAVAILABLE"), "No memory for this message now, try again");
    }
    a->taken += octets;
    return true;
}

/* What turned out not to be needed. */
static void give_back(struct imap_appending *a, size_t octets)
{
    imap_gather_give_back(a->s, octets);
    a->taken -= octets;
}

static bool too_big(struct imap_appending *a)
{
    return refuse(a, IMAP_NO, STR("TOOBIG"),
                  "The message is greater than APPENDLIMIT says a message may be");
}

/* Binary data that only literal8 can carry goes into base64 (RFC 3516 section 4.4). */
static bool make_clean(struct imap_appending *a, str *message, struct err *e)
{
    struct buf clean;
    size_t most = message->n / GROWTH_DENOMINATOR * GROWTH_NUMERATOR + GROWTH_ROOM;
    if (!take_memory(a, most))
        return false;
    buf_init(&clean, most);
    bool ok = mime_binary_to_base64(*message, &clean, e);
    if (ok)
        *message = arena_str(&a->s->arena, buf_str(&clean));
    buf_fini(&clean);
    give_back(a, most - (ok ? message->n : 0));
    if (ok)
        return message->n <= imap_append_limit(a->s) || too_big(a);
    if (e->kind == ERR_SYNTAX)
        return false;
    return refuse(a, IMAP_NO, STR("UNKNOWN-CTE"),
                  "Binary data in a part that cannot be re-encoded");
}

static bool check_bytes(struct imap_appending *a, const struct imap_append_message *m, str *message,
                        struct err *e)
{
    bool is_binary = false;
    for (size_t i = 0; i < m->n_parts; i++)
        is_binary |= m->parts[i].is_binary;
    if (imap_message_is_clean(*message))
        return true;
    if (!is_binary)
        return ERR(e, ERR_SYNTAX, "a message has a NUL or a line end that is not CRLF");
    return make_clean(a, message, e);
}

static bool assemble(struct imap_appending *a, const struct imap_append_message *m, str *message,
                     struct err *e)
{
    struct imap_catenation all = { .s = a->s,
                                   .limit = imap_append_limit(a->s),
                                   .n_read = &a->n_read };
    if (!m->is_catenated) {
        *message = m->parts[0].octets;
        return true;
    }
    if (!take_memory(a, all.limit))
        return false;
    bool ok = imap_catenate(&all, m->parts, m->n_parts, message, e);
    give_back(a, all.limit - (ok ? message->n : 0));
    if (ok)
        return true;
    if (all.bad_url.n)
        return refuse(a, IMAP_NO, all.bad_url, "This URL names no part of a message here");
    return imap_is_refusal(e, ERR_LIMIT) ? too_big(a) : false;
}

static bool prepare_one(struct imap_appending *a, const struct imap_append_message *m,
                        struct err *e)
{
    struct imap_session *s = a->s;
    str message = STR_EMPTY;
    if (m->is_utf8 && !s->is_utf8)
        return refuse(a, IMAP_BAD, STR_EMPTY, "UTF8 needs ENABLE UTF8=ACCEPT");
    if (!assemble(a, m, &message, e))
        return false;
    if (message.n == 0)
        return refuse(a, IMAP_NO, STR_EMPTY, "A message of no octets cancels the command");
    if (mime_header_end(message) > DELIVER_MAX_HEADER)
        return refuse(a, IMAP_NO, STR("TOOBIG"), "The header of the message is too large");
    struct store_message *prepared = ARENA_NEW(&s->arena, struct store_message);
    if (!check_bytes(a, m, &message, e) ||
        !store_prepare_message(s->app->store, &s->arena, message, imap_append_deadline(), prepared,
                               e))
        return false;
    a->octets += message.n;
    a->items[a->n++] = (struct store_append_item){
        .message = prepared,
        .idate_s = m->has_date ? m->date_utc_s : clock_utc_ms() / 1000,
        .flags = imap_rights_flags(a->place.rights, m->flags.bits),
        .keywords = m->flags.keywords,
        .n_keywords = imap_rights_keywords(a->place.rights) ? m->flags.n : 0,
    };
    return true;
}

/* ---- all of them ---- */

/* Where the messages go. Every account has its INBOX for ever, so nothing need be asked for it. */
static bool find_target(struct imap_appending *a, str name, struct err *e)
{
    if (!str_eq(name, STR("INBOX")))
        return imap_resolve(a->s, name, STORE_MAY_INSERT, &a->place, e);
    a->place = (struct store_place){ .mailbox = { .mailbox_id = STORE_INBOX, .name = name },
                                     .account_id = a->s->account_id,
                                     .space = STORE_SPACE_OWN,
                                     .rights = STORE_RIGHTS_ALL };
    return true;
}

bool imap_append_prepare(struct imap_appending *a, str mailbox,
                         const struct imap_append_message *messages, size_t n, struct err *e)
{
    struct imap_session *s = a->s;
    str name;
    if (imap_disk_is_full(s)) {
        a->is_refused = true;
        a->refusal = s->reply;
        return false;
    }
    if (!imap_mailbox_parse(&s->arena, mailbox, imap_has_utf8(s), &name, e))
        return false;
    if (!find_target(a, name, e)) {
        if (e->kind != ERR_NOT_FOUND)
            return false;
        return refuse(a, IMAP_NO, STR("TRYCREATE"), "No such mailbox");
    }
    a->items = ARENA_ARRAY(&s->arena, struct store_append_item, n);
    for (size_t i = 0; i < n; i++) {
        if (!prepare_one(a, &messages[i], e))
            return false;
    }
    return true;
}

void imap_append_fini(struct imap_appending *a)
{
    imap_gather_give_back(a->s, a->taken);
    a->taken = 0;
}

bool imap_append_refused(struct imap_appending *a, struct err *e)
{
    struct imap_session *s = a->s;
    if (a->is_refused) {
        s->reply = a->refusal;
        return true;
    }
    if (e->kind == ERR_NOT_FOUND) /* deleted meanwhile */
        return imap_reply(s, IMAP_NO, STR("TRYCREATE"), "No such mailbox");
    if (!imap_is_refusal(e, ERR_LIMIT))
        return false;
    return imap_limit_refuse_full(s, a->place.account_id, (int64_t)a->octets, a->n);
}

void imap_append_take(struct imap_appending *a, const struct store_appended *appended)
{
    if (!imap_view_is_at(a->s, &a->place) || appended->has_keywords)
        return;
    struct store_row *rows = ARENA_ARRAY(&a->s->arena, struct store_row, a->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct store_append_item *item = &a->items[i];
        rows[i] = (struct store_row){ .msg_id = item->message->msg_id,
                                      .modseq = appended->modseq - (int64_t)(a->n - 1 - i),
                                      .idate_s = item->idate_s,
                                      .uid = appended->first_uid + (uint32_t)i,
                                      .size = (uint32_t)item->message->size,
                                      .flags = (uint8_t)(item->flags & STORE_FLAGS_ALL) };
    }
    imap_view_take_new(a->s, rows, a->n, appended->uidvalidity, appended->modseq);
}

str imap_append_code(struct imap_session *s, const struct store_appended *appended, size_t n)
{
    unsigned first = (unsigned)appended->first_uid;
    if (n == 1)
        return arena_printf(&s->arena, "APPENDUID %u %u", (unsigned)appended->uidvalidity, first);
    return arena_printf(&s->arena, "APPENDUID %u %u:%u", (unsigned)appended->uidvalidity, first,
                        first + (unsigned)n - 1);
}
