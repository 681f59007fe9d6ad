/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of telling, and what was heard of each machine. */
#include "cluster/counts.h"

#include "base/clock.h"
#include "base/map.h"
#include "cluster/counts_text.h"
#include "obs/obs.h"
#include "redis/redis.h"

#include <stdlib.h>

enum {
    ROUND_MS = 250,
    SILENT_MS = 30 * 1000, /* who says nothing for so long has ended */
    NEWS_PART = 6,         /* of that time: something is told, to show that we live */
    PICTURE_PART = 3,      /* of it: all is told, for messages can be lost */
    TOLD_MAX = 50 * 1000,  /* names */
    MACHINES_MAX = 64,     /* that we hear of */
    HEARD_MAX = 50 * 1000  /* names of one of them */
};

static const str channel = STR_INIT("mail:notify:counts");

/* A name that another machine has open. */
struct heard {
    unsigned open;
    uint64_t picture; /* in which it was last */
    size_t n;
    char name[NET_TALLY_NAME_SIZE];
};

struct machine {
    uint64_t id;
    int64_t heard_ms;
    struct map names; /* of struct heard */
};

struct cluster_counts {
    struct runtime *rt;
    struct redis *redis;
    struct net_tally *tally;
    struct timer round;
    int64_t silent_ms;
    bool leads;
    bool is_asking;  /* with the next message */
    bool is_asked;   /* for a picture */
    bool was_bad;    /* a message could not be read: told once */
    int64_t told_ms; /* when something was told last */
    int64_t picture_ms;
    struct net_tally_teller *teller; /* of who leads */
    struct machine *machines[MACHINES_MAX];
    size_t n_machines;
};

/* ---- telling ---- */

struct message {
    struct cluster_counts *counts;
    struct counts_head head;
    struct buf text;
    size_t n;
};

static void begin_message(struct message *m)
{
    buf_clear(&m->text);
    m->n = 0;
    (void)counts_add_head(&m->text, &m->head);
}

static void send_message(struct message *m)
{
    const str args[] = { STR("PUBLISH"), channel, buf_str(&m->text) };
    redis_send(m->counts->redis, args, COUNT_OF(args));
    m->counts->told_ms = clock_monotonic_ms();
}

static void add_name(const struct net_tally_told *told, void *arg)
{
    struct message *m = arg;
    (void)counts_add_name(&m->text, told);
    if (++m->n < COUNTS_NAMES_MAX)
        return;
    send_message(m);
    begin_message(m);
}

static void tell(struct cluster_counts *c)
{
    int64_t now_ms = clock_monotonic_ms();
    bool all = c->is_asked || now_ms - c->picture_ms >= c->silent_ms / PICTURE_PART;
    struct message m = { .counts = c,
                         .head = { .machine = net_tally_machine(c->tally),
                                   .kind = all ? COUNTS_PICTURE : COUNTS_NEWS } };
    if (all)
        m.head.picture = net_tally_next_picture(c->tally);
    buf_init(&m.text, COUNTS_TEXT_MAX);
    begin_message(&m);
    (void)net_tally_tell(c->teller, all, add_name, &m);
    if (m.n > 0 && all)
        send_message(&m);
    if (all) {
        m.head.kind = COUNTS_LAST;
        begin_message(&m);
    } else if (c->is_asking && m.n == 0) {
        m.head.kind = COUNTS_ASK;
        begin_message(&m);
        c->is_asking = false;
    }
    if (m.n > 0 || m.head.kind != COUNTS_NEWS || now_ms - c->told_ms >= c->silent_ms / NEWS_PART)
        send_message(&m);
    buf_fini(&m.text);
    if (all) {
        c->is_asked = false;
        c->picture_ms = now_ms;
    }
}

/* ---- hearing ---- */

static void note_count(const struct cluster_counts *c, struct heard *h,
                       const struct net_tally_told *told)
{
    int64_t change = (int64_t)told->open - h->open;
    if (net_tally_hear(c->tally, told, change, clock_monotonic_ms() * 1000))
        h->open = told->open;
}

/* What the machine has open counts no more: all of it, or what was not in its last picture. */
static void forget_names(struct cluster_counts *c, struct machine *m, uint64_t but_picture)
{
    MAP_FOR_EACH (entry, &m->names) {
        struct heard *h = entry->value;
        const struct net_tally_told none = { .name = str_of(h->name, h->n) };
        if (but_picture != 0 && h->picture >= but_picture)
            continue;
        note_count(c, h, &none);
        (void)map_remove(&m->names, str_of(h->name, h->n));
        free(h);
    }
}

static void log_machine(enum obs_event event, const struct machine *m)
{
    char id[24];
    (void)snprintf(id, sizeof(id), "%016llx", (unsigned long long)m->id);
    obs_log(event, STR_EMPTY, OBS_CSTR("machine", id));
}

static void forget_machine(struct cluster_counts *c, size_t i)
{
    struct machine *m = c->machines[i];
    forget_names(c, m, 0);
    map_fini(&m->names);
    free(m);
    c->machines[i] = c->machines[--c->n_machines];
}

static void forget_silent(struct cluster_counts *c)
{
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = c->n_machines; i-- > 0;) {
        if (now_ms - c->machines[i]->heard_ms < c->silent_ms)
            continue;
        log_machine(EV_COUNTS_LEFT, c->machines[i]);
        forget_machine(c, i);
    }
}

/* NULL: there are too many. */
static struct machine *machine_of(struct cluster_counts *c, uint64_t id)
{
    for (size_t i = 0; i < c->n_machines; i++) {
        if (c->machines[i]->id == id)
            return c->machines[i];
    }
    if (c->n_machines == MACHINES_MAX)
        return NULL;
    struct machine *m = HEAP_NEW(struct machine);
    m->id = id;
    map_init(&m->names, HEARD_MAX);
    c->machines[c->n_machines++] = m;
    log_machine(EV_COUNTS_JOINED, m);
    return m;
}

/* NULL: it has nothing open, or there are too many. */
static struct heard *heard_of(struct machine *m, const struct net_tally_told *told)
{
    struct heard *h = map_find(&m->names, told->name);
    if (h || told->open == 0 || m->names.n == HEARD_MAX)
        return h;
    h = HEAP_NEW(struct heard);
    h->n = told->name.n;
    memcpy(h->name, told->name.p, h->n);
    INVARIANT(map_put(&m->names, str_of(h->name, h->n), h, NULL));
    return h;
}

static void hear_name(const struct cluster_counts *c, struct machine *m,
                      const struct counts_head *head, const struct net_tally_told *told)
{
    struct heard *h = heard_of(m, told);
    if (!h) {
        (void)net_tally_hear(c->tally, told, 0, clock_monotonic_ms() * 1000);
        return;
    }
    note_count(c, h, told);
    if (head->picture > h->picture)
        h->picture = head->picture;
    if (h->open > 0 || told->open > 0)
        return;
    (void)map_remove(&m->names, str_of(h->name, h->n));
    free(h);
}

static bool hear(struct cluster_counts *c, str text, struct err *e)
{
    struct counts_head head;
    struct net_tally_told told;
    enum step step;
    if (!counts_read_head(text, &head, &text, e))
        return false;
    if (head.machine == net_tally_machine(c->tally))
        return true;
    struct machine *m = machine_of(c, head.machine);
    if (!m)
        return true;
    m->heard_ms = clock_monotonic_ms();
    c->is_asked = c->is_asked || head.kind == COUNTS_ASK;
    while ((step = counts_read_name(&text, &told, e)) == STEP_ROW)
        hear_name(c, m, &head, &told);
    if (step == STEP_END && head.kind == COUNTS_LAST)
        forget_names(c, m, head.picture);
    return step == STEP_END;
}

static void on_message(str from, str text, void *arg)
{
    struct cluster_counts *c = arg;
    struct err e = ERR_CLEAR;
    (void)from;
    if (hear(c, str_slice(text, 0, COUNTS_TEXT_MAX), &e) || c->was_bad)
        return;
    c->was_bad = true;
    obs_log(EV_COUNTS_BAD, STR_EMPTY, OBS_ERR(&e));
}

/* ---- life ---- */

/* What was told meanwhile was lost, here and there. */
static void on_subscriber(bool up, void *arg)
{
    struct cluster_counts *c = arg;
    c->is_asked = c->is_asking = up;
}

static void end_leading(struct cluster_counts *c)
{
    if (!c->leads)
        return;
    c->leads = false;
    redis_unsubscribe(c->redis, channel);
    redis_off_subscriber(c->redis, c);
    net_tally_teller_free(&c->teller);
    /* The new leader began anew with what was heard. */
    for (size_t i = 0; i < c->n_machines; i++) {
        MAP_FOR_EACH (entry, &c->machines[i]->names)
            free(entry->value);
        map_fini(&c->machines[i]->names);
        free(c->machines[i]);
    }
    c->n_machines = 0;
}

static void begin_leading(struct cluster_counts *c)
{
    end_leading(c);
    c->leads = true;
    c->teller = net_tally_teller_new(c->tally, TOLD_MAX);
    c->is_asking = c->is_asked = true;
    redis_on_subscriber(c->redis, on_subscriber, c);
    redis_subscribe(c->redis, channel, on_message, c);
}

static void end_round(void *arg)
{
    struct cluster_counts *c = arg;
    bool is_new = false;
    if (!net_tally_lead(c->tally, clock_monotonic_ms(), &is_new)) {
        end_leading(c);
    } else {
        if (is_new || !c->leads)
            begin_leading(c);
        forget_silent(c);
        tell(c);
    }
    timer_start(c->rt, &c->round, clock_deadline_in(ROUND_MS));
}

struct cluster_counts *cluster_counts_new(struct runtime *rt, struct redis *redis,
                                          struct net_tally *tally, int64_t silent_ms)
{
    struct cluster_counts *c = HEAP_NEW(struct cluster_counts);
    c->rt = rt;
    c->redis = redis;
    c->tally = tally;
    c->silent_ms = silent_ms ? silent_ms : SILENT_MS;
    timer_init(&c->round, end_round, c);
    timer_start(rt, &c->round, clock_deadline_in(ROUND_MS));
    return c;
}

void cluster_counts_free(struct cluster_counts **counts)
{
    struct cluster_counts *c = *counts;
    *counts = NULL;
    if (!c)
        return;
    timer_stop(c->rt, &c->round);
    end_leading(c);
    free(c);
}
