/* SPDX-License-Identifier: Apache-2.0 */
/* Tags, names and the arguments of small commands. */
#include "wire/imap_command.h"

static str to_upper(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_upper(s.p[i]);
    return str_of(p, s.n);
}

bool imap_command_parse(str frame, struct arena *a, struct imap_command *out, struct err *e)
{
    *out = (struct imap_command){ .is_uid = false };
    imap_lexer_init(&out->args, frame, a);
    struct imap_lexer *l = &out->args;
    str tag;
    if (!imap_lexer_tag(l, &tag, e))
        return false;
    if (tag.n > IMAP_TAG_MAX)
        return ERR(e, ERR_SYNTAX, "the tag has %zu octets", tag.n);
    out->tag = tag;
    str name;
    if (!imap_lexer_space(l, e) || !imap_lexer_atom(l, &name, e))
        return false;
    if (str_ieq(name, STR("UID"))) {
        out->is_uid = true;
        if (!imap_lexer_space(l, e) || !imap_lexer_atom(l, &name, e))
            return false;
    }
    out->name = to_upper(a, name);
    return true;
}

bool imap_parse_astrings(struct imap_lexer *l, str *out, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!imap_lexer_space(l, e) || !imap_lexer_astring(l, &out[i], e))
            return false;
    }
    return imap_lexer_end(l, e);
}

bool imap_parse_nothing(struct imap_lexer *l, struct err *e)
{
    return imap_lexer_end(l, e);
}

/* A set of numbers or UIDs that are written out. */
static bool read_plain_set(struct imap_lexer *l, struct imap_sequence *out, struct err *e)
{
    if (!imap_sequence_parse(l, out, e))
        return false;
    return (!out->has_star && !out->is_saved_result) ||
           ERR(e, ERR_SYNTAX, "a set of QRESYNC holds numbers only");
}

/* One whose ranges rise, as they belong to those of another set. */
static bool read_rising_set(struct imap_lexer *l, struct imap_sequence *out, struct err *e)
{
    if (!read_plain_set(l, out, e))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        bool rises = out->ranges[i].first <= out->ranges[i].last &&
                     (i == 0 || out->ranges[i - 1].last < out->ranges[i].first);
        if (!rises)
            return ERR(e, ERR_SYNTAX, "the sets of QRESYNC must rise");
    }
    return true;
}

/* " (uidvalidity modseq [known-uids] [(numbers uids)])". */
static bool read_qresync(struct imap_lexer *l, struct imap_select_args *out, struct err *e)
{
    uint64_t uidvalidity;
    uint64_t modseq;
    out->qresync = true;
    if (!imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e) ||
        !imap_lexer_number(l, UINT32_MAX, &uidvalidity, e) || !imap_lexer_space(l, e) ||
        !imap_lexer_number(l, INT64_MAX, &modseq, e))
        return false;
    if (uidvalidity == 0 || modseq == 0)
        return ERR(e, ERR_SYNTAX, "UIDVALIDITY and MODSEQ are never 0");
    out->uidvalidity = (uint32_t)uidvalidity;
    out->modseq = (int64_t)modseq;
    bool has_more = imap_lexer_try_byte(l, ' ');
    if (has_more && imap_lexer_peek(l) != '(') {
        if (!read_plain_set(l, &out->known_uids, e))
            return false;
        imap_sequence_resolve(&out->known_uids, UINT32_MAX);
        has_more = imap_lexer_try_byte(l, ' ');
    }
    if (has_more && (!imap_lexer_byte(l, '(', e) || !read_rising_set(l, &out->numbers, e) ||
                     !imap_lexer_space(l, e) || !read_rising_set(l, &out->uids, e) ||
                     !imap_lexer_byte(l, ')', e)))
        return false;
    return imap_lexer_byte(l, ')', e);
}

bool imap_parse_select(struct imap_lexer *l, struct imap_select_args *out, struct err *e)
{
    *out = (struct imap_select_args){ .condstore = false };
    if (!imap_lexer_space(l, e) || !imap_lexer_astring(l, &out->mailbox, e))
        return false;
    if (imap_lexer_is_at_end(l))
        return true;
    if (!imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e))
        return false;
    do {
        if (!out->condstore && imap_lexer_try_word(l, STR("CONDSTORE"))) {
            out->condstore = true;
        } else if (!out->qresync && imap_lexer_try_word(l, STR("QRESYNC"))) {
            if (!read_qresync(l, out, e))
                return false;
        } else {
            return ERR(e, ERR_UNSUPPORTED, "a parameter of SELECT that is not offered");
        }
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e) && imap_lexer_end(l, e);
}

/* "\Archive" as one word with its backslash. */
static bool read_use(struct imap_lexer *l, str *out, struct err *e)
{
    size_t from = l->at;
    str name;
    if (!imap_lexer_byte(l, '\\', e) || !imap_lexer_atom(l, &name, e))
        return false;
    *out = str_slice(l->in, from, name.n + 1);
    return true;
}

bool imap_parse_create(struct imap_lexer *l, struct imap_create_args *out, struct err *e)
{
    *out = (struct imap_create_args){ .n_uses = 0 };
    if (!imap_lexer_space(l, e) || !imap_lexer_astring(l, &out->mailbox, e))
        return false;
    if (imap_lexer_is_at_end(l))
        return true;
    if (!imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e))
        return false;
    if (!imap_lexer_try_word(l, STR("USE")))
        return ERR(e, ERR_UNSUPPORTED, "a parameter of CREATE that is not offered");
    if (!imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e))
        return false;
    while (!imap_lexer_try_byte(l, ')')) {
        if (out->n_uses == IMAP_CREATE_USES_MAX)
            return ERR(e, ERR_LIMIT, "more than %d attributes", IMAP_CREATE_USES_MAX);
        if (out->n_uses && !imap_lexer_space(l, e))
            return false;
        if (!read_use(l, &out->uses[out->n_uses], e))
            return false;
        out->n_uses++;
    }
    return imap_lexer_byte(l, ')', e) && imap_lexer_end(l, e);
}

bool imap_parse_id(struct imap_lexer *l, struct imap_id_args *out, struct err *e)
{
    out->n = 0;
    if (!imap_lexer_space(l, e))
        return false;
    if (imap_lexer_try_word(l, STR("NIL")))
        return imap_lexer_end(l, e);
    if (!imap_lexer_byte(l, '(', e))
        return false;
    while (!imap_lexer_try_byte(l, ')')) {
        bool is_nil = false;
        if (out->n == IMAP_ID_FIELDS_MAX)
            return ERR(e, ERR_LIMIT, "more than %d fields", IMAP_ID_FIELDS_MAX);
        if (out->n && !imap_lexer_space(l, e))
            return false;
        if (!imap_lexer_string(l, &out->names[out->n], e) || !imap_lexer_space(l, e) ||
            !imap_lexer_nstring(l, &out->values[out->n], &is_nil, e))
            return false;
        out->n++;
    }
    return imap_lexer_end(l, e);
}
