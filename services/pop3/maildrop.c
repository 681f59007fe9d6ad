/* SPDX-License-Identifier: Apache-2.0 */
/* Lock, list, bodies and the update of a maildrop. */
#include "services/pop3/maildrop.h"

#include "account/account.h"
#include "base/failpoint.h"
#include "cluster/cluster.h"
#include "mime/header.h"
#include "obs/obs.h"
#include "search/pop3_gains.h"
#include "services/pop3/service.h"
#include "store/store.h"

#include <stdlib.h>

/* What hides a message from POP3 where deletions keep it; the name that other servers use. */
#define DELETED_KEYWORD "$POP3Deleted"

enum {
    LEASE_MS = 60 * 1000, /* a frontend that died blocks a maildrop for so long */
    LEASE_TESTED_MS = 12000,
    UNLOCK_MS = 5000
};

/* ---- the lock: a lease in the database, so that it holds over all frontends ---- */

static int64_t lease_ms(void)
{
    return FAILPOINT_FAILS("pop3-lease-is-short") ? LEASE_TESTED_MS : LEASE_MS;
}

int64_t pop3_maildrop_next_extend(void)
{
    return clock_deadline_in(lease_ms() / 3);
}

bool pop3_maildrop_extend(struct pop3_session *s, struct err *e)
{
    const struct pop3_maildrop *d = s->maildrop;
    int64_t token = 0;
    if (!cluster_lease_acquire(s->app->db, str_from_cstr(d->lock), str_from_cstr(d->owner),
                               lease_ms(), pop3_deadline(), &token, e))
        return false;
    return token != 0 || ERR(e, ERR_CONFLICT, "another session has the maildrop");
}

static void free_maildrop(struct pop3_session *s)
{
    pop3_maildrop_forget_bodies(s);
    arena_fini(&s->maildrop->ahead);
    free(s->maildrop->messages);
    free(s->maildrop);
    s->maildrop = NULL;
}

/* A lock that cannot be given back ends by itself. */
YIELDS static void unlock(struct app *app, const struct pop3_maildrop *d)
{
    struct err ignored = ERR_CLEAR;
    (void)cluster_lease_release(app->db, str_from_cstr(d->lock), str_from_cstr(d->owner),
                                clock_deadline_in(UNLOCK_MS), &ignored);
}

void pop3_maildrop_close(struct pop3_session *s)
{
    if (!s->maildrop)
        return;
    unlock(s->app, s->maildrop);
    free_maildrop(s);
}

struct abandoned {
    struct app *app;
    struct pop3_maildrop names; /* lock and owner alone */
};

YIELDS static void unlock_abandoned(void *arg)
{
    struct abandoned *job = arg;
    unlock(job->app, &job->names);
    free(job);
}

void pop3_maildrop_abandon(struct pop3_session *s)
{
    struct err e = ERR_CLEAR;
    if (!s->maildrop)
        return;
    struct abandoned *job = HEAP_NEW(struct abandoned);
    job->app = s->app;
    memcpy(job->names.lock, s->maildrop->lock, sizeof(job->names.lock));
    memcpy(job->names.owner, s->maildrop->owner, sizeof(job->names.owner));
    if (!fiber_spawn(s->app->runtime, "pop3 unlock", unlock_abandoned, job, NULL, &e))
        free(job);
    free_maildrop(s);
}

/* ---- the list ---- */

/* What of a mailbox is hidden: the keyword's bit, or the UIDs that have it without one. */
struct hidden {
    uint64_t bit; /* 0: it has none */
    const struct store_snapshot *snapshot;
    size_t at; /* where in the overflows the walk stands */
};

static struct hidden hidden_of(const struct store_snapshot *snapshot, bool keeps_deleted)
{
    struct hidden h = { .snapshot = snapshot };
    const struct store_keywords *keywords = &snapshot->keywords;
    if (!keeps_deleted)
        h.at = snapshot->n_overflows;
    for (size_t bit = 0; keeps_deleted && bit < keywords->n; bit++) {
        if (str_ieq(keywords->names[bit], STR(DELETED_KEYWORD)))
            h.bit = (uint64_t)1 << bit;
    }
    return h;
}

/* Asked for each row, in their order. */
static bool is_hidden(struct hidden *h, const struct store_row *row)
{
    const struct store_overflow *list = h->snapshot->overflows;
    while (h->at < h->snapshot->n_overflows && list[h->at].uid < row->uid)
        h->at++;
    bool has_more = h->at < h->snapshot->n_overflows && list[h->at].uid == row->uid;
    for (size_t i = 0; has_more && i < list[h->at].n; i++) {
        if (str_ieq(list[h->at].names[i], STR(DELETED_KEYWORD)))
            return true;
    }
    return (row->kw & h->bit) != 0;
}

static void take_rows(struct pop3_maildrop *d, const struct store_snapshot *snapshot)
{
    struct hidden hidden = hidden_of(snapshot, d->keeps_deleted);
    bool is_behind_hidden = false;
    d->messages = heap_zalloc((snapshot->n + 1) * sizeof(*d->messages));
    for (size_t i = 0; i < snapshot->n; i++) {
        const struct store_row *row = &snapshot->rows[i];
        bool is_left_out = is_hidden(&hidden, row);
        if (!is_left_out) {
            d->messages[d->n++] = (struct pop3_message){ .msg_id = row->msg_id,
                                                         .uid = row->uid,
                                                         .size = row->size,
                                                         .octets = row->size,
                                                         .is_seen = (row->flags & STORE_SEEN) != 0,
                                                         .is_behind_hidden = is_behind_hidden };
        }
        is_behind_hidden = is_left_out;
    }
    d->left = d->n;
}

/* ---- octets ---- */

static void add_gain(struct pop3_session *s, struct pop3_message *m, struct search_pop3_gain gain)
{
    m->octets += gain.end + (s->is_utf8 ? 0 : gain.header);
}

/* A long message: its header and its last octets are read. One that is gone or damaged has no
 * octets to count: RETR says so. Yields. */
YIELDS static bool measure_long(struct pop3_session *s, struct pop3_message *m, struct err *e)
{
    enum {
        CRLF = 2
    };
    struct arena a;
    struct err why = ERR_CLEAR;
    str header = STR_EMPTY, end = STR_EMPTY;
    struct store_some_texts some = { .msg_ids = &m->msg_id, .n = 1 };
    arena_init(&a);
    bool ok = store_fetch_some_headers(s->app->store, s->account_id, &some, &a, pop3_deadline(),
                                       &header, &why) &&
              store_fetch_body(s->app->store, s->account_id, m->msg_id, m->size - CRLF, CRLF, &a,
                               pop3_deadline(), &end, &why);
    if (ok) {
        add_gain(s, m,
                 (struct search_pop3_gain){ .header = search_pop3_header_gain(header),
                                            .end = search_pop3_end_gain(end) });
    } else if (why.kind == ERR_NOT_FOUND || why.kind == ERR_DAMAGED) {
        ok = true;
    } else {
        *e = why;
    }
    arena_fini(&a);
    return ok;
}

/* Messages that are not measured yet. */
struct unmeasured {
    struct pop3_message **items;
    size_t n;
};

/* Short ones, as many as are read in one go; *done were looked at. Yields. */
YIELDS static bool measure_some(struct pop3_session *s, const struct unmeasured *short_ones,
                                size_t from, size_t *done, struct err *e)
{
    int64_t ids[POP3_AHEAD_MESSAGES];
    str texts[POP3_AHEAD_MESSAGES];
    struct store_some_texts some = { .msg_ids = ids, .most = POP3_PIECE_OCTETS };
    struct arena a;
    for (; some.n < COUNT_OF(ids) && from + some.n < short_ones->n; some.n++)
        ids[some.n] = short_ones->items[from + some.n]->msg_id;
    arena_init(&a);
    bool ok =
        store_fetch_bodies(s->app->store, s->account_id, &some, &a, pop3_deadline(), texts, e);
    for (size_t i = 0; ok && i < some.done; i++) {
        str text = texts[i];
        str header = str_slice(text, 0, text.p ? mime_header_end(text) : 0);
        add_gain(s, short_ones->items[from + i],
                 (struct search_pop3_gain){ .header = search_pop3_header_gain(header),
                                            .end = search_pop3_end_gain(text) });
    }
    arena_fini(&a);
    *done = some.done;
    return ok;
}

/* Between two readings of a long measuring: the lock has to hold on, and nobody may be there to be
 * answered. Yields. */
YIELDS static bool may_go_on(struct pop3_session *s, struct err *e)
{
    if (net_conn_is_gone(s->conn))
        return ERR(e, ERR_CANCELLED, "the client is gone");
    if (clock_monotonic_ms() < s->recheck_ms)
        return true;
    s->recheck_ms = pop3_maildrop_next_extend();
    return pop3_maildrop_extend(s, e);
}

/* What is on its way into the index is read, many messages at a time. Yields. */
YIELDS static bool measure(struct pop3_session *s, const struct unmeasured *wanted, struct err *e)
{
    struct unmeasured short_ones = { ARENA_ARRAY(&s->arena, struct pop3_message *, wanted->n + 1),
                                     0 };
    for (size_t i = 0; i < wanted->n; i++) {
        if (wanted->items[i]->size <= POP3_PIECE_OCTETS) {
            short_ones.items[short_ones.n++] = wanted->items[i];
        } else if (!may_go_on(s, e) || !measure_long(s, wanted->items[i], e)) {
            return false;
        }
    }
    size_t done = 0;
    for (size_t from = 0; from < short_ones.n; from += done) {
        if (!may_go_on(s, e) || !measure_some(s, &short_ones, from, &done, e))
            return false;
    }
    return true;
}

/* What each message has as the client gets it. UTF8 was given before the login or is not given any
 * more (RFC 6856 section 2), so these sizes stay. Yields. */
YIELDS static bool count_octets(struct pop3_session *s, struct err *e)
{
    struct pop3_maildrop *d = s->maildrop;
    struct search_pop3_gains gains;
    if (!search_pop3_gains_load(s->app->db, s->account_id, &s->arena, pop3_deadline(), &gains, e))
        return false;
    struct unmeasured wanted = { ARENA_ARRAY(&s->arena, struct pop3_message *, d->n + 1), 0 };
    for (size_t i = 0; i < d->n; i++) {
        const struct search_pop3_gain *known = search_pop3_gain_find(&gains, d->messages[i].msg_id);
        if (known && known->is_pending) {
            wanted.items[wanted.n++] = &d->messages[i];
        } else if (known) {
            add_gain(s, &d->messages[i], *known);
        }
    }
    if (!measure(s, &wanted, e))
        return false;
    for (size_t i = 0; i < d->n; i++)
        d->left_octets += d->messages[i].octets;
    return true;
}

/* ---- opening ---- */

YIELDS static bool load(struct pop3_session *s, struct err *e)
{
    struct pop3_maildrop *d = s->maildrop;
    struct store_snapshot snapshot;
    struct account account;
    if (!account_get(s->app->accounts, s->account_id, &s->arena, pop3_deadline(), &account, e))
        return false;
    const struct store_viewed inbox = { s->account_id, s->account_id, STORE_INBOX };
    if (!store_snapshot_load(s->app->store, &inbox, &s->arena, pop3_deadline(), &snapshot, e))
        return false;
    d->uidvalidity = snapshot.state.uidvalidity;
    d->keeps_deleted = account.keeps_pop3_deleted;
    take_rows(d, &snapshot);
    return count_octets(s, e);
}

bool pop3_maildrop_open(struct pop3_session *s, struct err *e)
{
    struct pop3_maildrop *d = HEAP_NEW(struct pop3_maildrop);
    s->maildrop = d;
    d->last = SIZE_MAX;
    arena_init(&d->ahead);
    (void)snprintf(d->lock, sizeof(d->lock), "pop3-%lld", (long long)s->account_id);
    (void)snprintf(d->owner, sizeof(d->owner), "%s/%llu", s->app->owner,
                   (unsigned long long)++s->service->locks);
    if (!pop3_maildrop_extend(s, e)) {
        free_maildrop(s);
        return false;
    }
    if (load(s, e))
        return true;
    pop3_maildrop_close(s);
    return false;
}

struct pop3_message *pop3_maildrop_find(const struct pop3_maildrop *d, uint32_t number)
{
    if (number == 0 || number > d->n || d->messages[number - 1].is_deleted)
        return NULL;
    return &d->messages[number - 1];
}

/* ---- the update ---- */

/* UIDs of the messages that `is_wanted` picks, as ranges; a range goes on over UIDs that nobody has
 * any more, but not over messages that are hidden. */
static struct store_ranges pick(const struct pop3_maildrop *d, struct arena *a,
                                bool (*is_wanted)(const struct pop3_message *m))
{
    struct store_range *list = ARENA_ARRAY(a, struct store_range, d->n + 1);
    size_t n = 0;
    bool goes_on = false;
    for (size_t i = 0; i < d->n; i++) {
        const struct pop3_message *m = &d->messages[i];
        if (!is_wanted(m)) {
            goes_on = false;
            continue;
        }
        if (!goes_on || m->is_behind_hidden)
            list[n++].first = m->uid;
        list[n - 1].last = m->uid;
        goes_on = true;
    }
    return (struct store_ranges){ list, n };
}

static bool is_deleted(const struct pop3_message *m)
{
    return m->is_deleted;
}

static bool is_newly_seen(const struct pop3_message *m)
{
    return m->is_retrieved && !m->is_seen && !m->is_deleted;
}

/* A flag that cannot be set is no reason to tell the client that its deletions failed. */
YIELDS static void mark_seen(struct pop3_session *s)
{
    struct err e = ERR_CLEAR;
    struct store_flag_result result;
    const struct store_ranges set = pick(s->maildrop, &s->arena, is_newly_seen);
    const struct store_flag_change change = { .mode = STORE_FLAGS_ADD, .flags = STORE_SEEN };
    if (set.n == 0 || store_change_flags(s->app->store, s->account_id, STORE_INBOX, &set, &change,
                                         &s->arena, pop3_deadline(), &result, &e))
        return;
    obs_log(EV_POP3_COMMAND_FAILED, net_conn_id(s->conn), OBS_CSTR("command", "QUIT seen"),
            OBS_ERR(&e));
}

YIELDS static bool expunge(struct pop3_session *s, const struct store_ranges *set, struct err *e)
{
    struct store_expunged expunged;
    if (!store_expunge(s->app->store, s->account_id, STORE_INBOX, set, false, &s->arena,
                       pop3_deadline(), &expunged, e))
        return false;
    s->deleted = (unsigned)expunged.n;
    return true;
}

/* They are messages like others then: those that were retrieved are marked as seen. */
YIELDS static bool hide(struct pop3_session *s, const struct store_ranges *set, struct err *e)
{
    static const str keyword = STR_INIT(DELETED_KEYWORD);
    struct pop3_maildrop *d = s->maildrop;
    struct store_flag_result result;
    const struct store_flag_change change = { .mode = STORE_FLAGS_ADD,
                                              .keywords = &keyword,
                                              .n_keywords = 1 };
    if (!store_change_flags(s->app->store, s->account_id, STORE_INBOX, set, &change, &s->arena,
                            pop3_deadline(), &result, e))
        return false;
    s->deleted = (unsigned)result.n;
    for (size_t i = 0; i < d->n; i++)
        d->messages[i].is_deleted = false;
    return true;
}

bool pop3_maildrop_update(struct pop3_session *s, struct err *e)
{
    const struct store_ranges set = pick(s->maildrop, &s->arena, is_deleted);
    if (set.n > 0 && (!pop3_maildrop_extend(s, e) ||
                      !(s->maildrop->keeps_deleted ? hide(s, &set, e) : expunge(s, &set, e))))
        return false;
    mark_seen(s);
    pop3_maildrop_close(s);
    return true;
}

/* ---- bodies ---- */

void pop3_maildrop_forget_bodies(struct pop3_session *s)
{
    struct pop3_maildrop *d = s->maildrop;
    if (!d)
        return;
    s->service->ahead_octets -= d->ahead_octets;
    d->ahead_octets = 0;
    d->ahead_n = 0;
    arena_fini(&d->ahead);
    arena_init(&d->ahead);
}

/* How many messages from `from` on are read in one go. */
static size_t window(const struct pop3_session *s, size_t from)
{
    const struct pop3_maildrop *d = s->maildrop;
    size_t octets = d->messages[from].size;
    size_t n = 1;
    if (d->last == SIZE_MAX ? from != 0 : from != d->last + 1)
        return 1;
    if (s->service->ahead_octets > POP3_AHEAD_OCTETS_ALL)
        return 1;
    while (n < POP3_AHEAD_MESSAGES && from + n < d->n) {
        octets += d->messages[from + n].size;
        if (octets > POP3_AHEAD_OCTETS)
            break;
        n++;
    }
    return n;
}

static bool read_bodies(struct pop3_session *s, size_t from, struct err *e)
{
    struct pop3_maildrop *d = s->maildrop;
    int64_t ids[POP3_AHEAD_MESSAGES];
    size_t n = window(s, from);
    pop3_maildrop_forget_bodies(s);
    for (size_t i = 0; i < n; i++)
        ids[i] = d->messages[from + i].msg_id;
    struct store_some_texts some = { .msg_ids = ids, .n = n, .damaged = d->damaged };
    if (!store_fetch_bodies(s->app->store, s->account_id, &some, &d->ahead, pop3_deadline(),
                            d->bodies, e))
        return false;
    d->ahead_from = from;
    d->ahead_n = some.done;
    for (size_t i = 0; i < some.done; i++)
        d->ahead_octets += d->bodies[i].n;
    s->service->ahead_octets += d->ahead_octets;
    return true;
}

bool pop3_maildrop_body(struct pop3_session *s, const struct pop3_message *m, str *out,
                        struct err *e)
{
    struct pop3_maildrop *d = s->maildrop;
    size_t index = (size_t)(m - d->messages);
    bool is_there = index >= d->ahead_from && index < d->ahead_from + d->ahead_n;
    if (!is_there && !read_bodies(s, index, e))
        return false;
    d->last = index;
    *out = d->bodies[index - d->ahead_from];
    if (out->p)
        return true;
    bool is_damaged = d->damaged[index - d->ahead_from];
    return ERR(e, is_damaged ? ERR_DAMAGED : ERR_NOT_FOUND, "message %lld is %s",
               (long long)m->msg_id, is_damaged ? "damaged" : "gone");
}
