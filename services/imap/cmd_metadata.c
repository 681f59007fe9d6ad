/* SPDX-License-Identifier: Apache-2.0 */
/* GETMETADATA, SETMETADATA (RFC 5464). The entry /private/specialuse is the role of a mailbox
 * (RFC 6154 section 5.4). */
#include "account/account.h"
#include "services/imap/commands.h"
#include "services/imap/metadata.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/special_use.h"
#include "store/annotation.h"
#include "wire/imap_format.h"
#include "wire/imap_mailbox_name.h"

#define SPECIAL_USE "/private/specialuse"

/* ---- telling ---- */

/* One METADATA line that begins with its first entry. */
struct line {
    struct imap_session *s;
    str mailbox;
    bool has_begun;
    bool is_ok;
};

static void add_entry(struct line *l, str name, const str *value)
{
    struct buf *out = &l->s->out;
    if (!l->has_begun) {
        l->is_ok = buf_add(out, STR("* METADATA ")) &&
                   (l->mailbox.n ? imap_mailbox_format(out, l->mailbox, imap_has_utf8(l->s))
                                 : buf_add(out, STR("\"\"")));
    }
    l->is_ok = l->is_ok && buf_add(out, l->has_begun ? STR(" ") : STR(" (")) &&
               (value ? imap_metadata_format(out, name, *value)
                      : imap_format_astring(out, name) && buf_add(out, STR(" NIL")));
    l->has_begun = true;
}

/* Whether the role is asked for, by its name or by the level above with a depth. */
static bool asks_for_use(const struct imap_metadata_question *question)
{
    const struct imap_metadata_names *names = question->names;
    for (size_t i = 0; i < names->n; i++) {
        if (str_eq(names->names[i], STR(SPECIAL_USE)) ||
            (question->depth > 0 && str_eq(names->names[i], STR("/private"))))
            return true;
    }
    return false;
}

static bool was_found(const struct store_annotations *found, str name)
{
    for (size_t i = 0; i < found->n; i++) {
        if (str_eq(found->list[i].name, name))
            return true;
    }
    return false;
}

static void add_missing(struct line *l, const struct imap_metadata_names *names,
                        const struct store_annotations *found)
{
    for (size_t i = 0; i < names->n; i++) {
        if (!was_found(found, names->names[i]) && !str_eq(names->names[i], STR(SPECIAL_USE)))
            add_entry(l, names->names[i], NULL);
    }
}

bool imap_send_metadata(struct imap_session *s, const struct store_place *place,
                        const struct imap_metadata_question *question, size_t *longest,
                        struct err *e)
{
    struct store_annotations found;
    const struct store_annotated of = { .viewer_id = s->account_id,
                                        .account_id = place ? place->account_id : 0,
                                        .mailbox_id = place ? place->mailbox.mailbox_id : 0 };
    const struct store_annotation_query query = { .names = question->names->names,
                                                  .n = question->names->n,
                                                  .depth = question->depth,
                                                  .maxsize = question->maxsize };
    if (!store_annotations_get(s->app->store, &of, &query, &s->arena, imap_deadline(), &found, e))
        return false;
    struct line l = { .s = s, .mailbox = place ? place->mailbox.name : STR_EMPTY };
    for (size_t i = 0; i < found.n; i++) {
        const struct store_annotation *a = &found.list[i];
        bool is_long = question->maxsize >= 0 && a->size > (size_t)question->maxsize;
        if (is_long) {
            *longest = a->size > *longest ? a->size : *longest;
        } else {
            add_entry(&l, a->name, &a->value);
        }
    }
    if (place && place->space == STORE_SPACE_OWN && asks_for_use(question)) {
        str use = imap_special_use_attribute(place->mailbox.role);
        if (use.n || question->tells_all)
            add_entry(&l, STR(SPECIAL_USE), use.n ? &use : NULL);
    }
    if (question->tells_all)
        add_missing(&l, question->names, &found);
    if (l.has_begun && l.is_ok && buf_add(&s->out, STR(")\r\n")))
        (void)imap_send_out(s);
    return true;
}

/* The mailbox of a command, *place NULL for the server. Whoever may look it up needs one of some
 * other rights, too, for any of its annotations (RFC 5464 section 3.3). Yields. */
static bool find_place(struct imap_session *s, str sent, struct store_place *room,
                       const struct store_place **place, struct err *e)
{
    const unsigned others =
        STORE_MAY_READ | STORE_MAY_SEEN | STORE_MAY_WRITE | STORE_MAY_INSERT | STORE_MAY_POST;
    str name;
    *place = NULL;
    if (sent.n == 0)
        return true;
    *place = room;
    return imap_mailbox_parse(&s->arena, sent, imap_has_utf8(s), &name, e) &&
           imap_resolve(s, name, STORE_MAY_LOOKUP, room, e) &&
           ((room->rights & others) || ERR(e, ERR_DENIED, "no right to its annotations"));
}

bool imap_cmd_getmetadata(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_getmetadata_args args;
    struct store_place room;
    const struct store_place *place;
    size_t longest = 0;
    if (!imap_getmetadata_parse(&c->args, &args, e) ||
        !find_place(s, args.mailbox, &room, &place, e))
        return false;
    const struct imap_metadata_question question = {
        .names = &args.entries,
        .depth = args.depth,
        .maxsize = args.has_maxsize ? (int64_t)args.maxsize : -1,
    };
    if (!imap_send_metadata(s, place, &question, &longest, e))
        return false;
    if (longest == 0)
        return true;
    str code = arena_printf(&s->arena, "METADATA LONGENTRIES %zu", longest);
    return imap_reply(s, IMAP_OK, code, "Longer values were left out");
}

/* ---- setting ---- */

/* What is asked for apart from the role. */
struct setting {
    struct store_annotation *list;
    size_t n;
    const struct imap_metadata_value *use; /* NULL: the role stays */
    bool has_shared;
};

static void sort_values(struct imap_session *s, const struct imap_setmetadata_args *args,
                        struct setting *out)
{
    out->list = ARENA_ARRAY(&s->arena, struct store_annotation, args->n);
    for (size_t i = 0; i < args->n; i++) {
        const struct imap_metadata_value *v = &args->list[i];
        if (str_eq(v->name, STR(SPECIAL_USE))) {
            out->use = v;
            continue;
        }
        out->has_shared |= str_has_prefix(v->name, STR("/shared/"));
        out->list[out->n++] = (struct store_annotation){
            .name = v->name, .value = v->value, .is_removed = v->is_nil, .size = v->value.n
        };
    }
}

/* The role that is wanted of the mailbox; else the answer is set. */
static bool read_role(struct imap_session *s, const struct store_place *place,
                      const struct imap_metadata_value *use, enum store_role *role)
{
    bool is_own = place && place->space == STORE_SPACE_OWN;
    bool is_none = use->is_nil || use->value.n == 0;
    *role = STORE_ROLE_NONE;
    if (is_own && (is_none || imap_special_use_role(use->value, role)))
        return true;
    (void)imap_reply(s, IMAP_NO, STR("USEATTR"), "This special use is not offered");
    return false;
}

/* Whether the user may set these; else the answer is set, or *e. Yields. */
static bool may_set(struct imap_session *s, const struct store_place *place,
                    const struct setting *setting, bool *may, struct err *e)
{
    struct account me;
    *may = true;
    if (!setting->has_shared)
        return true;
    *may = place && (place->rights & STORE_MAY_WRITE);
    if (!place) { /* the server's shared ones are the administrators' */
        if (!account_get(s->app->accounts, s->account_id, &s->arena, imap_deadline(), &me, e))
            return false;
        *may = me.is_admin;
    }
    return *may || imap_reply(s, IMAP_NO, STR("NOPERM"), "Shared entries cannot be set here");
}

static bool is_short(struct imap_session *s, const struct setting *setting)
{
    for (size_t i = 0; i < setting->n; i++) {
        if (setting->list[i].size <= STORE_MAX_ANNOTATION)
            continue;
        str code = arena_printf(&s->arena, "METADATA MAXSIZE %d", STORE_MAX_ANNOTATION);
        (void)imap_reply(s, IMAP_NO, code, "A value is too long");
        return false;
    }
    return true;
}

/* All of it, or nothing. Yields. */
YIELDS static bool set_all(struct imap_session *s, const struct store_place *place,
                           const struct setting *setting, struct err *e)
{
    enum store_role role;
    if (setting->use && !read_role(s, place, setting->use, &role))
        return true;
    const struct store_annotated of = { .viewer_id = s->account_id,
                                        .account_id = place ? place->account_id : 0,
                                        .mailbox_id = place ? place->mailbox.mailbox_id : 0 };
    const struct store_annotation_change change = { .list = setting->list,
                                                    .n = setting->n,
                                                    .role = setting->use ? &role : NULL };
    if (store_annotations_set(s->app->store, &of, &change, imap_deadline(), e))
        return true;
    if (imap_is_refusal(e, ERR_LIMIT))
        return imap_reply(s, IMAP_NO, STR("METADATA TOOMANY"), "There are too many entries");
    if (e->kind == ERR_EXISTS)
        return imap_reply(s, IMAP_NO, STR("USEATTR"), "Another mailbox has this special use");
    if (e->kind == ERR_DENIED)
        return imap_reply(s, IMAP_NO, STR("USEATTR"), "INBOX has no special use");
    return false;
}

bool imap_cmd_setmetadata(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_setmetadata_args args;
    struct store_place room;
    const struct store_place *place;
    struct setting setting = { .use = NULL };
    bool may = false;
    if (!imap_setmetadata_parse(&c->args, &args, e) ||
        !find_place(s, args.mailbox, &room, &place, e))
        return false;
    sort_values(s, &args, &setting);
    if (!is_short(s, &setting))
        return true;
    return may_set(s, place, &setting, &may, e) && (!may || set_all(s, place, &setting, e));
}
