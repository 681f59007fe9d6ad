/* SPDX-License-Identifier: Apache-2.0 */
/* LIST (with RFC 5258, 5819, 6154, 8440, 9590) and LSUB. All mailboxes that the user may look up
 * are read in one statement and matched here. */
#include "runtime/runtime.h"
#include "services/imap/commands.h"
#include "services/imap/metadata.h"
#include "services/imap/special_use.h"
#include "services/imap/status.h"
#include "store/share.h"
#include "wire/imap_list.h"
#include "wire/imap_mailbox_name.h"

#include <stdlib.h>

/* A name of the tree, with or without a mailbox. */
struct entry {
    const struct store_place *place; /* NULL: \NonExistent */
    str name;
    bool is_subscribed;
    bool has_children;
    bool is_level;         /* without a mailbox, above one of somebody else */
    bool has_wanted_child; /* see mark_above */
};

enum {
    ENTRIES_A_TURN = 256 /* looked at before other fibers run */
};

struct named {
    str name;
    struct entry *entry;
};

/* One LIST or LSUB in work. */
struct listing {
    struct imap_session *s;
    const struct imap_list_args *args;
    struct entry *entries; /* own mailboxes first, then by name */
    size_t n;
    struct named *by_name; /* entries [0, n_by_name) in the order of names */
    size_t n_by_name;
    str patterns[IMAP_LIST_PATTERNS_MAX]; /* decoded, with the reference in front */
    bool is_lsub;
};

/* ---- the tree ---- */

/* Those with a mailbox first, then those that are subscribed, then levels of others. */
static int compare_entries(const void *one, const void *two)
{
    const struct entry *a = one;
    const struct entry *b = two;
    int order = str_cmp(a->name, b->name);
    if (order != 0)
        return order;
    if (!a->place != !b->place)
        return a->place ? -1 : 1;
    return (b->is_subscribed - a->is_subscribed) * 2 + (b->is_level - a->is_level);
}

/* The names above one, which may have no mailbox. */
static size_t add_levels(struct entry *to, str name, bool is_level)
{
    size_t n = 0;
    for (size_t i = 1; i < name.n; i++) {
        if (name.p[i] == '/') {
            to[n++] = (struct entry){ .name = str_slice(name, 0, i),
                                      .has_children = is_level,
                                      .is_level = is_level };
        }
    }
    return n;
}

/* Each name once. */
static size_t join_same(struct entry *list, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept && str_eq(list[kept - 1].name, list[i].name)) {
            list[kept - 1].is_level |= list[i].is_level && !list[kept - 1].place;
            list[kept - 1].has_children |= list[i].has_children;
        } else {
            list[kept++] = list[i];
        }
    }
    return kept;
}

static size_t count_own(const struct store_places *all)
{
    size_t n = 0;
    while (n < all->n && all->list[n].space == STORE_SPACE_OWN)
        n++;
    return n;
}

/* ---- finding entries by name: trees may have thousands ---- */

static int compare_names(const void *one, const void *two)
{
    const struct named *a = one;
    const struct named *b = two;
    return str_cmp(a->name, b->name);
}

/* Makes the first `n` entries findable. */
static void index_names(struct listing *l, size_t n)
{
    l->by_name = ARENA_ARRAY(&l->s->arena, struct named, n);
    l->n_by_name = n;
    for (size_t i = 0; i < n; i++)
        l->by_name[i] = (struct named){ l->entries[i].name, &l->entries[i] };
    if (n)
        qsort(l->by_name, n, sizeof(*l->by_name), compare_names);
}

/* NULL when there is none. */
static struct entry *find_name(const struct listing *l, str name)
{
    const struct named key = { .name = name };
    const struct named *found = NULL;
    if (l->n_by_name)
        found = bsearch(&key, l->by_name, l->n_by_name, sizeof(key), compare_names);
    return found ? found->entry : NULL;
}

/* What is there, what is subscribed, and the levels between. */
static void build_tree(struct listing *l, const struct store_places *all)
{
    size_t n_own = count_own(all);
    size_t most = all->n + (all->n - n_own + all->n_gone) * (STORE_MAX_DEPTH + 3);
    l->entries = ARENA_ARRAY(&l->s->arena, struct entry, most);
    for (size_t i = 0; i < all->n; i++) {
        const struct store_mailbox *m = &all->list[i].mailbox;
        l->entries[l->n++] = (struct entry){ .place = &all->list[i],
                                             .name = m->name,
                                             .is_subscribed = m->is_subscribed,
                                             .has_children = m->has_children };
    }
    for (size_t i = n_own; i < all->n; i++)
        l->n += add_levels(l->entries + l->n, all->list[i].mailbox.name, true);
    for (size_t i = 0; i < all->n_gone; i++) {
        l->entries[l->n++] = (struct entry){ .name = all->gone[i], .is_subscribed = true };
        l->n += add_levels(l->entries + l->n, all->gone[i], false);
    }
    struct entry *others = l->entries + n_own;
    size_t n = l->n - n_own;
    if (n)
        qsort(others, n, sizeof(*others), compare_entries);
    n = join_same(others, n);
    index_names(l, n_own);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (others[i].place || !find_name(l, others[i].name))
            others[kept++] = others[i];
    }
    l->n = n_own + kept;
}

/* ---- matching ---- */

static bool matches_pattern(const struct listing *l, str name)
{
    for (size_t i = 0; i < l->args->n_patterns; i++) {
        if (imap_list_match(l->patterns[i], name))
            return true;
    }
    return false;
}

/* The special use, which only own mailboxes have: somebody else's \Sent is not the user's. */
static str use_of(const struct entry *entry)
{
    bool is_mine = entry->place && entry->place->space == STORE_SPACE_OWN;
    return imap_special_use_attribute(is_mine ? entry->place->mailbox.role : STORE_ROLE_NONE);
}

/* Whether the selection options want the name. */
static bool is_wanted(const struct listing *l, const struct entry *entry)
{
    if ((l->args->select & IMAP_LIST_SUBSCRIBED) && !entry->is_subscribed)
        return false;
    if ((l->args->select & IMAP_LIST_SPECIAL_USE) && use_of(entry).n == 0)
        return false;
    bool is_selected = (l->args->select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE)) != 0;
    return is_selected || entry->place || entry->is_level;
}

/* Whether the names above must tell of this one. With LSUB only when the patterns do not list it by
 * itself (RFC 3501 section 6.3.9); with LIST that does not matter (RFC 5258 section 3.1). */
static bool counts_above(const struct listing *l, const struct entry *entry)
{
    return is_wanted(l, entry) && !(l->is_lsub && matches_pattern(l, entry->name));
}

/* Tells the names above one that it is wanted, from the nearest to the top. One that knows it
 * already has told those above itself. */
static void mark_above(const struct listing *l, str name)
{
    for (size_t at = name.n; at-- > 1;) {
        if (name.p[at] != '/')
            continue;
        struct entry *above = find_name(l, str_slice(name, 0, at));
        if (above && above->has_wanted_child)
            return;
        if (above)
            above->has_wanted_child = true;
    }
}

/* Lets other fibers run now and then. Yields. */
static void take_turns(size_t i)
{
    if (i % ENTRIES_A_TURN == ENTRIES_A_TURN - 1)
        fiber_yield();
}

static void mark_wanted_children(struct listing *l)
{
    index_names(l, l->n);
    for (size_t i = 0; i < l->n; i++) {
        take_turns(i);
        if (counts_above(l, &l->entries[i]))
            mark_above(l, l->entries[i].name);
    }
}

/* ---- telling ---- */

static bool add_attribute(struct buf *out, str attribute)
{
    bool is_first = out->n > 0 && out->p[out->n - 1] == '(';
    return (is_first || buf_add_byte(out, ' ')) && buf_add(out, attribute);
}

/* A name without a mailbox says nothing of children that are not there either. */
static bool add_attributes(const struct listing *l, const struct entry *entry)
{
    struct buf *out = &l->s->out;
    bool wants_subscribed = (l->args->select & IMAP_LIST_SUBSCRIBED) ||
                            (l->args->returns & IMAP_LIST_RETURN_SUBSCRIBED);
    str use = use_of(entry);
    bool ok = true;
    if (entry->place || entry->has_children) {
        ok =
            add_attribute(out, entry->has_children ? STR("\\HasChildren") : STR("\\HasNoChildren"));
    }
    if (wants_subscribed && entry->is_subscribed)
        ok = ok && add_attribute(out, STR("\\Subscribed"));
    /* Clients that know the first alone understand it as both. */
    str gone = l->args->is_extended ? STR("\\NonExistent") : STR("\\NonExistent \\Noselect");
    if (!entry->place)
        ok = ok && add_attribute(out, gone);
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

/* What the return options ask for behind the LIST line. Without the right to read there is no
 * STATUS (RFC 5819 section 2) and no METADATA. */
static bool send_more(const struct listing *l, const struct store_place *place, struct err *e)
{
    const struct imap_list_args *args = l->args;
    bool may_read = place && (place->rights & STORE_MAY_READ);
    size_t longest = 0;
    const struct imap_metadata_question question = { .names = &args->metadata,
                                                     .maxsize = -1,
                                                     .tells_all = true };
    if (place && (args->returns & IMAP_LIST_RETURN_MYRIGHTS))
        (void)imap_send_my_rights(l->s, place);
    if (may_read && (args->returns & IMAP_LIST_RETURN_STATUS) &&
        !imap_send_status(l->s, place, args->status_items, e))
        return false;
    return !may_read || !(args->returns & IMAP_LIST_RETURN_METADATA) ||
           imap_send_metadata(l->s, place, &question, &longest, e);
}

static bool send_entry(const struct listing *l, const struct entry *entry, struct err *e)
{
    struct buf *out = &l->s->out;
    bool ok = buf_add(out, STR("* LIST (")) && add_attributes(l, entry) &&
              buf_add(out, STR(") \"/\" ")) &&
              imap_mailbox_format(out, entry->name, imap_has_utf8(l->s));
    if (entry->has_wanted_child)
        ok = ok && add_childinfo(l);
    if (ok && buf_add(out, STR("\r\n")))
        (void)imap_send_out(l->s);
    return send_more(l, entry->place, e);
}

static void send_lsub(const struct listing *l, const struct entry *entry)
{
    struct buf *out = &l->s->out;
    bool ok = buf_addf(out, "* LSUB (%s) \"/\" ", entry->is_subscribed ? "" : "\\Noselect") &&
              imap_mailbox_format(out, entry->name, imap_has_utf8(l->s)) &&
              buf_add(out, STR("\r\n"));
    if (ok)
        (void)imap_send_out(l->s);
}

static bool list_all(struct listing *l, struct err *e)
{
    if (l->is_lsub || (l->args->select & IMAP_LIST_RECURSIVEMATCH))
        mark_wanted_children(l);
    for (size_t i = 0; i < l->n && !l->s->is_broken; i++) {
        const struct entry *entry = &l->entries[i];
        take_turns(i);
        if (!matches_pattern(l, entry->name))
            continue;
        if (!is_wanted(l, entry) && !entry->has_wanted_child)
            continue;
        if (l->is_lsub) {
            send_lsub(l, entry);
        } else if (!send_entry(l, entry, e)) {
            return false;
        }
    }
    return true;
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
    *l = (struct listing){ .s = s, .args = &args };
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
    build_tree(l, &all);
    return list_all(l, e);
}
