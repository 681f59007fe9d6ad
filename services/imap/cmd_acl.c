/* SPDX-License-Identifier: Apache-2.0 */
/* SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314). Who may do what is decided by the
 * store; here are the forms of identifiers and rights. */
#include "account/account.h"
#include "services/imap/commands.h"
#include "services/imap/resolve.h"
#include "services/imap/status.h"
#include "wire/imap_format.h"
#include "wire/imap_mailbox_name.h"

#define ANYONE "anyone"

/* An identifier taken apart. */
struct grantee {
    str login; /* in lower case; empty: anyone */
    bool is_negative;
};

static struct grantee read_grantee(struct imap_session *s, str sent)
{
    struct grantee out = { .is_negative = str_has_prefix(sent, STR("-")) };
    str name = str_skip(sent, out.is_negative ? 1 : 0);
    out.login = arena_lower(&s->arena, name);
    if (str_eq(out.login, STR(ANYONE)))
        out.login = STR_EMPTY;
    return out;
}

/* "mailbox" or "mailbox identifier ..." and the mailbox, on which the rights are needed. */
static bool read_place(struct imap_session *s, struct imap_command *c, str *sent, size_t n,
                       unsigned needed, struct store_place *out, struct err *e)
{
    str name;
    return imap_parse_astrings(&c->args, sent, n, e) &&
           imap_mailbox_parse(&s->arena, sent[0], imap_has_utf8(s), &name, e) &&
           imap_resolve(s, name, needed, out, e);
}

/* The login of the mailbox's owner, empty for the shared folders of a domain. Yields. */
static bool owner_of(struct imap_session *s, const struct store_place *place, str *login,
                     struct err *e)
{
    struct account owner;
    *login = STR_EMPTY;
    if (place->space == STORE_SPACE_SHARED)
        return true;
    if (!account_get(s->app->accounts, place->account_id, &s->arena, imap_deadline(), &owner, e))
        return false;
    *login = owner.login;
    return true;
}

/* ---- changes ---- */

/* "+lr", "-lr" or "lr" (RFC 4314 section 3.1). */
static bool read_rights(str text, struct store_grant_change *out, struct err *e)
{
    out->how = STORE_GRANT_SET;
    if (str_has_prefix(text, STR("+")))
        out->how = STORE_GRANT_ADD;
    if (str_has_prefix(text, STR("-")))
        out->how = STORE_GRANT_REMOVE;
    text = str_skip(text, out->how == STORE_GRANT_SET ? 0 : 1);
    return store_rights_parse(text, &out->rights) ||
           ERR(e, ERR_SYNTAX, "a right that does not exist, of \"lrswipkxteacd\"");
}

static bool change_entry(struct imap_session *s, const struct store_place *place, str identifier,
                         struct store_grant_change *change, struct err *e)
{
    struct grantee who = read_grantee(s, identifier);
    change->login = who.login;
    change->denied = who.is_negative;
    if (store_grants_change(s->app->store, place->account_id, place->mailbox.mailbox_id, change,
                            imap_deadline(), e))
        return true;
    if (e->kind == ERR_DENIED) {
        return imap_reply(s, IMAP_NO, STR("CANNOT"),
                          "The identifier is no other account of the owner's domain; the owner "
                          "keeps all rights");
    }
    return false;
}

bool imap_cmd_setacl(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str sent[3];
    struct store_place place;
    struct store_grant_change change = { 0 };
    struct imap_lexer all = c->args;
    /* Rights that do not exist are bad whatever the mailbox is. */
    return imap_parse_astrings(&all, sent, COUNT_OF(sent), e) && read_rights(sent[2], &change, e) &&
           read_place(s, c, sent, COUNT_OF(sent), STORE_MAY_ADMIN, &place, e) &&
           change_entry(s, &place, sent[1], &change, e);
}

bool imap_cmd_deleteacl(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str sent[2];
    struct store_place place;
    struct store_grant_change change = { .how = STORE_GRANT_SET };
    return read_place(s, c, sent, COUNT_OF(sent), STORE_MAY_ADMIN, &place, e) &&
           change_entry(s, &place, sent[1], &change, e);
}

/* ---- questions ---- */

static bool begin_line(struct imap_session *s, const char *name, const struct store_place *place)
{
    return buf_addf(&s->out, "* %s ", name) &&
           imap_mailbox_format(&s->out, place->mailbox.name, imap_has_utf8(s));
}

static bool end_line(struct imap_session *s, bool ok)
{
    return ok && buf_add(&s->out, STR("\r\n")) && imap_send_out(s);
}

/* " identifier rights"; nothing without rights. */
static bool add_entry(struct imap_session *s, const char *sign, str login, unsigned rights)
{
    char text[STORE_RIGHTS_TEXT];
    if (rights == 0)
        return true;
    str name = login.n ? login : STR(ANYONE);
    str identifier = arena_printf(&s->arena, "%s%.*s", sign, STR_FMT(name));
    return buf_add_byte(&s->out, ' ') && imap_format_astring(&s->out, identifier) &&
           buf_addf(&s->out, " %s", store_rights_format(rights, text));
}

bool imap_cmd_getacl(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str sent[1];
    str owner;
    struct store_place place;
    struct store_grants grants;
    if (!read_place(s, c, sent, COUNT_OF(sent), STORE_MAY_ADMIN, &place, e) ||
        !owner_of(s, &place, &owner, e) ||
        !store_grants_list(s->app->store, place.account_id, place.mailbox.mailbox_id, &s->arena,
                           imap_deadline(), &grants, e))
        return false;
    bool ok =
        begin_line(s, "ACL", &place) && (owner.n == 0 || add_entry(s, "", owner, STORE_RIGHTS_ALL));
    for (size_t i = 0; ok && i < grants.n; i++) {
        const struct store_grant *g = &grants.list[i];
        ok = add_entry(s, "", g->login, g->granted) && add_entry(s, "-", g->login, g->denied);
    }
    (void)end_line(s, ok);
    return true;
}

/* No right is tied to another; the owner has all of them always. */
bool imap_cmd_listrights(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str sent[2];
    str owner;
    struct store_place place;
    if (!read_place(s, c, sent, COUNT_OF(sent), STORE_MAY_ADMIN, &place, e) ||
        !owner_of(s, &place, &owner, e))
        return false;
    struct grantee who = read_grantee(s, sent[1]);
    bool is_owner = owner.n && !who.is_negative && str_eq(who.login, owner);
    bool ok =
        begin_line(s, "LISTRIGHTS", &place) && buf_add_byte(&s->out, ' ') &&
        imap_format_astring(&s->out, sent[1]) &&
        buf_add(&s->out, is_owner ? STR(" lrswipkxteacd") : STR(" \"\" l r s w i p k x t e a c d"));
    (void)end_line(s, ok);
    return true;
}

bool imap_send_my_rights(struct imap_session *s, const struct store_place *place)
{
    char text[STORE_RIGHTS_TEXT];
    return end_line(s, begin_line(s, "MYRIGHTS", place) &&
                           buf_addf(&s->out, " %s", store_rights_format(place->rights, text)));
}

bool imap_cmd_myrights(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str sent[1];
    struct store_place place;
    if (!read_place(s, c, sent, COUNT_OF(sent), 0, &place, e))
        return false;
    (void)imap_send_my_rights(s, &place);
    return true;
}
