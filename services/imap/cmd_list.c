/* SPDX-License-Identifier: Apache-2.0 */
/* LIST (with RFC 5258, 5819, 6154) and LSUB. All mailboxes of the account are read in one
 * statement and matched here. */
#include "services/imap/commands.h"
#include "services/imap/special_use.h"
#include "services/imap/status.h"
#include "store/share.h"
#include "wire/imap_list.h"
#include "wire/imap_mailbox_name.h"

/* One LIST or LSUB in work. */
struct listing {
    struct imap_session *s;
    const struct imap_list_args *args;
    const struct store_places *all;
    str patterns[IMAP_LIST_PATTERNS_MAX]; /* decoded, with the reference in front */
    bool is_lsub;
};

static bool matches_pattern(const struct listing *l, str name)
{
    for (size_t i = 0; i < l->args->n_patterns; i++) {
        if (imap_list_match(l->patterns[i], name))
            return true;
    }
    return false;
}

/* Whether the selection options want the mailbox. */
static bool is_wanted(const struct listing *l, const struct store_mailbox *m)
{
    if ((l->args->select & IMAP_LIST_SUBSCRIBED) && !m->is_subscribed)
        return false;
    if ((l->args->select & IMAP_LIST_SPECIAL_USE) && imap_special_use_attribute(m->role).n == 0)
        return false;
    return true;
}

/* A wanted mailbox below this one that the patterns do not list by themselves. */
static bool has_hidden_child(const struct listing *l, const struct store_mailbox *parent)
{
    for (size_t i = 0; i < l->all->n; i++) {
        const struct store_mailbox *m = &l->all->list[i].mailbox;
        bool is_below = m->name.n > parent->name.n && str_has_prefix(m->name, parent->name) &&
                        m->name.p[parent->name.n] == '/';
        if (is_below && is_wanted(l, m) && !matches_pattern(l, m->name))
            return true;
    }
    return false;
}

static bool add_attribute(struct buf *out, str attribute)
{
    bool is_first = out->n > 0 && out->p[out->n - 1] == '(';
    return (is_first || buf_add_byte(out, ' ')) && buf_add(out, attribute);
}

static bool add_attributes(const struct listing *l, const struct store_mailbox *m)
{
    struct buf *out = &l->s->out;
    bool wants_subscribed = (l->args->select & IMAP_LIST_SUBSCRIBED) ||
                            (l->args->returns & IMAP_LIST_RETURN_SUBSCRIBED);
    str use = imap_special_use_attribute(m->role);
    bool ok = add_attribute(out, m->has_children ? STR("\\HasChildren") : STR("\\HasNoChildren"));
    if (wants_subscribed && m->is_subscribed)
        ok = ok && add_attribute(out, STR("\\Subscribed"));
    if (use.n)
        ok = ok && add_attribute(out, use);
    return ok;
}

/* "(SUBSCRIBED)" of CHILDINFO: the options that a child satisfies (RFC 5258 section 3.5). */
static bool add_childinfo(const struct listing *l)
{
    struct buf *out = &l->s->out;
    bool ok = buf_add(out, STR(" (\"CHILDINFO\" ("));
    if (l->args->select & IMAP_LIST_SUBSCRIBED)
        ok = ok && add_attribute(out, STR("\"SUBSCRIBED\""));
    if (l->args->select & IMAP_LIST_SPECIAL_USE)
        ok = ok && add_attribute(out, STR("\"SPECIAL-USE\""));
    return ok && buf_add(out, STR("))"));
}

static bool send_mailbox(const struct listing *l, const struct store_place *place, bool has_child)
{
    const struct store_mailbox *m = &place->mailbox;
    struct buf *out = &l->s->out;
    bool ok = buf_add(out, STR("* LIST (")) && add_attributes(l, m) &&
              buf_add(out, STR(") \"/\" ")) &&
              imap_mailbox_format(out, m->name, imap_has_utf8(l->s));
    if (has_child)
        ok = ok && add_childinfo(l);
    ok = ok && buf_add(out, STR("\r\n")) && imap_send_out(l->s);
    if (ok && (l->args->returns & IMAP_LIST_RETURN_STATUS))
        ok = imap_send_status(l->s, place, l->args->status_items);
    return ok;
}

static bool send_lsub(const struct listing *l, const struct store_mailbox *m)
{
    struct buf *out = &l->s->out;
    bool ok = buf_addf(out, "* LSUB (%s) \"/\" ", m->is_subscribed ? "" : "\\Noselect") &&
              imap_mailbox_format(out, m->name, imap_has_utf8(l->s)) && buf_add(out, STR("\r\n"));
    return ok && imap_send_out(l->s);
}

static void list_all(const struct listing *l)
{
    bool is_recursive = l->is_lsub || (l->args->select & IMAP_LIST_RECURSIVEMATCH);
    for (size_t i = 0; i < l->all->n; i++) {
        const struct store_mailbox *m = &l->all->list[i].mailbox;
        if (!matches_pattern(l, m->name))
            continue;
        bool has_child = is_recursive && has_hidden_child(l, m);
        if (!is_wanted(l, m) && !has_child)
            continue;
        bool ok = l->is_lsub ? send_lsub(l, m) : send_mailbox(l, &l->all->list[i], has_child);
        if (!ok)
            return;
    }
}

/* Names that are subscribed though no mailbox has them (RFC 5258 section 3.1). */
static void list_gone(const struct listing *l)
{
    if (l->args->select != IMAP_LIST_SUBSCRIBED)
        return;
    struct buf *out = &l->s->out;
    for (size_t i = 0; i < l->all->n_gone; i++) {
        str name = l->all->gone[i];
        if (!matches_pattern(l, name))
            continue;
        bool ok = buf_add(out, l->is_lsub ? STR("* LSUB () \"/\" ")
                                          : STR("* LIST (\\Subscribed \\NonExistent) \"/\" ")) &&
                  imap_mailbox_format(out, name, imap_has_utf8(l->s)) && buf_add(out, STR("\r\n"));
        if (!ok || !imap_send_out(l->s))
            return;
    }
}

/* An empty pattern asks for the hierarchy delimiter only (RFC 9051 section 6.3.9). */
static bool is_delimiter_question(const struct imap_list_args *args)
{
    return !args->is_extended && args->n_patterns == 1 && args->patterns[0].n == 0;
}

static bool decode_patterns(struct imap_session *s, const struct imap_list_args *args,
                            struct listing *l, struct err *e)
{
    for (size_t i = 0; i < args->n_patterns; i++) {
        str sent = arena_printf(&s->arena, "%.*s%.*s", STR_FMT(args->reference),
                                STR_FMT(args->patterns[i]));
        if (!imap_mailbox_pattern_parse(&s->arena, sent, imap_has_utf8(s), &l->patterns[i], e))
            return false;
    }
    return true;
}

bool imap_cmd_list(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_list_args args;
    struct store_places all;
    struct listing *l = ARENA_NEW(&s->arena, struct listing);
    *l = (struct listing){ .s = s, .args = &args, .all = &all };
    l->is_lsub = str_eq(c->name, STR("LSUB"));
    if (!(l->is_lsub ? imap_lsub_parse(&c->args, &args, e) : imap_list_parse(&c->args, &args, e))) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such option");
        return false;
    }
    if (is_delimiter_question(&args)) {
        (void)imap_sendf(s, "* %s (\\Noselect) \"/\" \"\"\r\n", l->is_lsub ? "LSUB" : "LIST");
        return true;
    }
    if (!decode_patterns(s, &args, l, e))
        return false;
    if (!store_place_list(s->app->store, s->account_id, &s->arena, imap_deadline(), &all, e))
        return false;
    list_all(l);
    list_gone(l);
    return true;
}
