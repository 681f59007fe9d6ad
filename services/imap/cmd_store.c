/* SPDX-License-Identifier: Apache-2.0 */
/* STORE (with CONDSTORE) and EXPUNGE. */
#include "services/imap/commands.h"
#include "services/imap/limits.h"
#include "services/imap/resolve.h"
#include "services/imap/updates.h"
#include "wire/imap_store.h"

enum {
    FLAG_RIGHTS = STORE_MAY_SEEN | STORE_MAY_WRITE | STORE_MAY_MARK
};

/* One STORE in work. */
struct storing {
    struct imap_session *s;
    const struct imap_store_args *args;
    const struct store_flag_result *result;
    const struct store_row *old; /* of each row of the result: as the client knew it */
    uint64_t keywords;           /* bits of those named */
    bool is_uid;
};

/* Bits of the keywords that the command names, as far as they have some. */
static uint64_t named_bits(const struct imap_view *v, const struct imap_flags *flags)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < flags->n; i++) {
        for (size_t bit = 0; bit < v->box->n_keywords; bit++) {
            const char *name = v->box->keywords[bit];
            if (name && str_ieq(str_from_cstr(name), flags->keywords[i]))
                bits |= (uint64_t)1 << bit;
        }
    }
    return bits;
}

/* Whether the message is now something else than the client can work out by itself. */
static bool is_surprise(const struct storing *t, const struct store_row *old,
                        const struct store_row *new)
{
    unsigned flags = t->args->flags.bits;
    uint64_t kw = t->keywords;
    switch (t->args->mode) {
    case IMAP_STORE_REPLACE:
        break;
    case IMAP_STORE_ADD:
        flags = old->flags | flags;
        kw = old->kw | kw;
        break;
    case IMAP_STORE_REMOVE:
        flags = old->flags & ~flags;
        kw = old->kw & ~kw;
        break;
    }
    return flags != new->flags || kw != new->kw;
}

/* What the client must know of the new state of a message, which is in the view. */
static void tell_row(const struct storing *t, const struct store_row *old, size_t index)
{
    struct imap_session *s = t->s;
    const struct store_row *new = imap_view_row(s->view, index);
    if (!t->args->is_silent || is_surprise(t, old, new)) {
        (void)imap_put_row(s, index, t->is_uid || s->is_condstore); /* RFC 7162 section 3.2.4 */
    } else if (s->is_condstore && old->modseq != new->modseq) {
        /* Silent hides the flags, not the modseq (RFC 7162 section 3.1.3). */
        (void)(imap_put_fetch(s, index) &&
               (s->is_uidonly || buf_addf(&s->out, "UID %u ", (unsigned)new->uid)) &&
               buf_addf(&s->out, "MODSEQ (%lld))\r\n", (long long)new->modseq));
    }
    (void)imap_send_some(s);
}

/* The states of the result's messages before it is taken; uid 0: not in the view. In arena. */
static const struct store_row *former_states(struct imap_session *s,
                                             const struct store_flag_result *result)
{
    struct store_row *old = ARENA_ARRAY(&s->arena, struct store_row, result->n);
    for (size_t i = 0; i < result->n; i++) {
        ptrdiff_t at = imap_view_find(s->view, result->rows[i].uid);
        if (at >= 0)
            old[i] = *imap_view_row(s->view, (size_t)at);
    }
    return old;
}

static void tell_rows(const struct storing *t)
{
    for (size_t i = 0; i < t->result->n; i++) {
        ptrdiff_t at = imap_view_find(t->s->view, t->result->rows[i].uid);
        if (at >= 0)
            tell_row(t, &t->old[i], (size_t)at);
    }
    (void)imap_send_out(t->s);
}

/* "MODIFIED 1,3:4" in numbers or UIDs. */
static str modified_code(const struct storing *t)
{
    const struct store_flag_result *result = t->result;
    struct imap_session *s = t->s;
    struct imap_sequence_builder b;
    imap_sequence_build(&b, &s->arena);
    for (size_t i = 0; i < result->n_failed; i++) {
        ptrdiff_t at = imap_view_find(s->view, result->failed[i]);
        if (t->is_uid) {
            imap_sequence_add(&b, result->failed[i]);
        } else if (at >= 0) {
            imap_sequence_add(&b, (uint32_t)at + 1);
        }
    }
    size_t from = s->out.n;
    (void)(buf_add(&s->out, STR("MODIFIED ")) && imap_sequence_format(&s->out, &b.set));
    str code = arena_str(&s->arena, str_skip(buf_str(&s->out), from));
    buf_truncate(&s->out, from);
    return code;
}

static bool answer(const struct storing *t, size_t wanted)
{
    const struct store_flag_result *result = t->result;
    if (result->n_failed) {
        t->s->is_stale = true; /* so that the client is told what they are now */
        return imap_reply(t->s, IMAP_OK, modified_code(t), "Some were changed since");
    }
    if (!t->is_uid && result->n < wanted)
        return imap_reply(t->s, IMAP_NO, STR("EXPUNGEISSUED"), "Some messages are gone");
    return true;
}

/* Leaves out the flags that the rights do not let through; ERR_DENIED when nothing is left to do
 * (RFC 4314 section 4). What was left out is told, even by a silent STORE. */
static bool keep_allowed(struct imap_session *s, struct imap_store_args *args, struct err *e)
{
    unsigned rights = s->view->rights;
    unsigned flags = args->flags.bits;
    size_t n = args->flags.n;
    args->flags.bits = imap_rights_flags(rights, flags);
    args->flags.n = imap_rights_keywords(rights) ? n : 0;
    bool is_less = args->flags.bits != flags || args->flags.n != n;
    if (is_less)
        args->is_silent = false;
    bool is_nothing = args->mode == IMAP_STORE_REPLACE
                          ? (rights & FLAG_RIGHTS) == 0 /* it takes away what may be changed */
                          : is_less && args->flags.bits == 0 && args->flags.n == 0;
    if (is_nothing)
        return ERR(e, ERR_DENIED, "the rights on the mailbox let none of these flags through");
    return imap_view_may(s, 0, e);
}

/* Reads the arguments and finds the messages. False: *e is set, or the answer is. */
static bool read_store(struct imap_session *s, struct imap_command *c, struct imap_store_args *args,
                       struct imap_selection *selection, struct err *e)
{
    if (!imap_store_parse(&c->args, args, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            e->kind = ERR_SYNTAX;
        return false;
    }
    return keep_allowed(s, args, e) && imap_select_messages(s, &args->set, c->is_uid, selection, e);
}

bool imap_cmd_store(struct imap_session *s, struct imap_command *c, struct err *e)
{
    static const enum store_flag_mode modes[] = { [IMAP_STORE_REPLACE] = STORE_FLAGS_REPLACE,
                                                  [IMAP_STORE_ADD] = STORE_FLAGS_ADD,
                                                  [IMAP_STORE_REMOVE] = STORE_FLAGS_REMOVE };
    struct imap_store_args args;
    struct imap_selection selection = { NULL, 0 };
    struct store_flag_result result;
    if (!read_store(s, c, &args, &selection, e))
        return false;
    if (args.has_unchangedsince)
        imap_begin_condstore(s);
    if (selection.n == 0)
        return true;
    imap_limit_selection(s, &selection);
    const struct store_flag_change change = {
        .mode = modes[args.mode],
        .flags = args.flags.bits,
        .keywords = args.flags.keywords,
        .n_keywords = args.flags.n,
        .has_unchangedsince = args.has_unchangedsince,
        .unchangedsince = (int64_t)args.unchangedsince,
        .keep = ~imap_rights_flags(s->view->rights, STORE_FLAGS_ALL),
        .keeps_keywords = !imap_rights_keywords(s->view->rights)
    };
    const struct store_ranges set = imap_selection_ranges(s, &selection);
    const struct store_viewed of = imap_view_viewed(s);
    if (!store_seen_change_flags(s->app->store, &of, &set, &change, &s->arena, imap_deadline(),
                                 &result, e))
        return false;
    const struct store_row *old = former_states(s, &result);
    imap_view_take_flags(s, &result);
    (void)imap_send_new_flags(s);
    const struct storing t = { .s = s,
                               .args = &args,
                               .result = &result,
                               .old = old,
                               .keywords = named_bits(s->view, &args.flags),
                               .is_uid = c->is_uid };
    tell_rows(&t);
    return answer(&t, selection.n);
}

/* Those that will be expunged, as far as it is known here: only they count. */
static void keep_deleted(const struct imap_view *v, struct imap_selection *selection)
{
    size_t kept = 0;
    for (size_t i = 0; i < selection->n; i++) {
        if (imap_view_row(v, selection->index[i])->flags & STORE_DELETED)
            selection->index[kept++] = selection->index[i];
    }
    selection->n = kept;
}

bool imap_cmd_expunge(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_sequence uids;
    struct imap_selection selection = { NULL, 0 };
    struct store_expunged result;
    struct store_ranges set;
    struct imap_lexer *l = &c->args;
    if (c->is_uid && (!imap_lexer_space(l, e) || !imap_sequence_parse(l, &uids, e)))
        return false;
    if (!imap_lexer_end(l, e))
        return false;
    if (!imap_view_may(s, STORE_MAY_EXPUNGE, e))
        return false;
    if (c->is_uid) {
        if (!imap_select_messages(s, &uids, true, &selection, e))
            return false;
        /* Else what others marked, which is not known here yet, is expunged, too. */
        if (imap_limit_is_passed(s, selection.n))
            keep_deleted(s->view, &selection);
        imap_limit_selection(s, &selection);
        if (selection.n == 0)
            return true;
        set = imap_selection_ranges(s, &selection);
    }
    return store_expunge(s->app->store, s->view->account_id, s->view->mailbox_id,
                         c->is_uid ? &set : NULL, true, &s->arena, imap_deadline(), &result, e) &&
           imap_updates_after_expunge(s, result.modseq, "EXPUNGE completed");
}
