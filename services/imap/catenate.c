/* SPDX-License-Identifier: Apache-2.0 */
/* Texts and URLs to one message. */
#include "services/imap/catenate.h"

#include "services/imap/message.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "wire/imap_format.h"
#include "wire/imap_url.h"

enum {
    CODE_MAX = 512, /* octets of a response code */
    READ_FACTOR = 8 /* octets read for a command, in greatest sizes of a message */
};

/* The message that was read last: a URL is often followed by one of another part of the same. */
struct source {
    struct arena arena;
    struct store_row row;
    struct imap_message m; /* its row is NULL while there is none */
};

/* "BADURL url" with what may stand in a response code: text without ']'. */
static str bad_url_code(struct imap_session *s, str url)
{
    struct buf code;
    buf_init(&code, CODE_MAX);
    (void)buf_add(&code, STR("BADURL "));
    (void)imap_format_text(&code, url);
    for (size_t i = 0; i < code.n; i++) {
        if (code.p[i] == ']')
            code.p[i] = '?';
    }
    str out = arena_str(&s->arena, buf_str(&code));
    buf_fini(&code);
    return out;
}

/* Failures that are the URL's: it is none, or there is nothing it names. */
static bool is_of_url(const struct err *e)
{
    return e->kind == ERR_SYNTAX || e->kind == ERR_NOT_FOUND || e->kind == ERR_DENIED ||
           imap_is_refusal(e, ERR_LIMIT);
}

/* The mailbox that the URL names: ids and UIDVALIDITY. What it says no name of is the selected one,
 * whatever has its name by now. Yields. */
YIELDS static bool find_mailbox(struct imap_session *s, const struct imap_url *url,
                                struct store_place *out, struct err *e)
{
    str selected = STR_EMPTY;
    if (s->view && !url->is_rooted && !imap_view_name(s, &selected, e))
        return false;
    if (url->has_mailbox)
        return imap_resolve(s, imap_url_mailbox(&s->arena, url, selected), STORE_MAY_READ, out, e);
    if (!s->view)
        return ERR(e, ERR_NOT_FOUND, "no mailbox is selected");
    if (!(s->view->rights & STORE_MAY_READ))
        return ERR(e, ERR_DENIED, "the rights on the mailbox are not enough");
    *out = (struct store_place){ .account_id = s->view->account_id };
    out->mailbox.mailbox_id = s->view->mailbox_id;
    out->mailbox.state.uidvalidity = s->view->uidvalidity;
    return true;
}

/* The message that the URL names. URLs of servers are not for this one to follow, even when they
 * name it (RFC 4469 section 3). Yields. */
YIELDS static bool find_message(struct imap_session *s, const struct imap_url *url,
                                int64_t *account_id, struct store_row *row, struct err *e)
{
    struct store_place place = { .account_id = 0 };
    if (url->is_absolute)
        return ERR(e, ERR_DENIED, "a URL with a server");
    if (!find_mailbox(s, url, &place, e))
        return false;
    if (url->uidvalidity && url->uidvalidity != place.mailbox.state.uidvalidity)
        return ERR(e, ERR_NOT_FOUND, "the mailbox is another one now");
    *account_id = place.account_id;
    const struct store_source source = { place.account_id, place.mailbox.mailbox_id, url->uid };
    return store_find_row(s->app->store, &source, &s->arena, imap_deadline(), row, e);
}

/* Makes the message the source, unless it is already. False: too much would be read. */
static bool take_source(struct imap_catenation *c, int64_t account_id, const struct store_row *row,
                        struct source *from)
{
    if (from->m.row && from->row.msg_id == row->msg_id && from->m.account_id == account_id)
        return true;
    *c->n_read += row->size;
    if (*c->n_read > READ_FACTOR * c->limit)
        return false;
    arena_reset(&from->arena);
    from->row = *row;
    from->m = (struct imap_message){
        .s = c->s, .account_id = account_id, .row = &from->row, .a = &from->arena
    };
    return true;
}

/* Appends what the URL names; *is_full: it does not fit, or too much is read for it. */
static bool add_url(struct imap_catenation *c, str text, struct source *from, struct buf *out,
                    bool *is_full, struct err *e)
{
    struct imap_session *s = c->s;
    struct imap_url url;
    struct store_row row = { .msg_id = 0 };
    int64_t account_id = 0;
    str octets;
    bool found = true;
    if (!imap_url_parse(&s->arena, text, &url, e) || !find_message(s, &url, &account_id, &row, e))
        return false;
    *is_full = !take_source(c, account_id, &row, from);
    if (*is_full)
        return false;
    bool ok = imap_message_section(&from->m, &url.section, &octets, &found, e);
    if (ok && !found)
        ok = ERR(e, ERR_NOT_FOUND, "no such part");
    if (ok && url.section.has_partial)
        octets = str_slice(octets, url.section.partial_from, url.section.partial_count);
    *is_full = ok && !buf_add(out, octets);
    return ok && !*is_full;
}

static bool add_part(struct imap_catenation *c, const struct imap_append_part *part,
                     struct source *from, struct buf *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    bool is_full = false;
    if (!part->is_url) {
        is_full = !buf_add(out, part->octets);
    } else if (!add_url(c, part->octets, from, out, &is_full, &why) && !is_full) {
        if (is_of_url(&why))
            c->bad_url = bad_url_code(c->s, part->octets);
        *e = why;
        return false;
    }
    return !is_full || ERR(e, ERR_LIMIT, "the message gets too long");
}

bool imap_catenate(struct imap_catenation *c, const struct imap_append_part *parts, size_t n,
                   str *out, struct err *e)
{
    struct buf message;
    struct source from = { .m = { .row = NULL } };
    bool ok = true;
    arena_init(&from.arena);
    buf_init(&message, c->limit);
    for (size_t i = 0; i < n && ok; i++)
        ok = add_part(c, &parts[i], &from, &message, e);
    arena_fini(&from.arena);
    if (ok)
        *out = arena_str(&c->s->arena, buf_str(&message));
    buf_fini(&message);
    return ok;
}
