/* SPDX-License-Identifier: Apache-2.0 */
/* Counts in memory: a map of tallies, and one fiber that writes them as long as there are any. */
#include "reports/reports.h"

#include "base/clock.h"
#include "base/map.h"
#include "db/db.h"
#include "obs/obs.h"
#include "reports/tally.h"

enum {
    WRITE_MS = 15 * 1000,
    WRITTEN_AT_ONCE = 500,                          /* tallies a statement */
    SIGNATURE_MAX = 2 * (REPORTS_TEXT_MAX + 1) + 16 /* octets of the line of a signature */
};

struct reports {
    struct runtime *rt;
    struct db *db;
    struct reports_options options;
    struct map held[REPORTS_KINDS]; /* key -> struct reports_tally */
    struct signal_point drain;
    bool is_writing; /* the fiber lives */
    int64_t n_lost;  /* for want of room, since the last writing */
};

static void on_drain(void *arg)
{
    struct reports *r = arg;
    signal_point_all(&r->drain);
}

struct reports *reports_new(struct runtime *rt, struct db *db,
                            const struct reports_options *options)
{
    struct reports *r = HEAP_NEW(struct reports);
    r->rt = rt;
    r->db = db;
    r->options = *options;
    for (size_t i = 0; i < REPORTS_KINDS; i++)
        map_init(&r->held[i], REPORTS_HELD_MAX);
    signal_point_init(&r->drain);
    runtime_on_drain(rt, on_drain, r);
    return r;
}

static void forget(struct map *held)
{
    MAP_FOR_EACH (entry, held)
        free(entry->value);
    map_fini(held);
}

void reports_free(struct reports **r_ptr)
{
    struct reports *r = *r_ptr;
    *r_ptr = NULL;
    if (!r)
        return;
    runtime_off_drain(r->rt, on_drain, r);
    for (size_t i = 0; i < REPORTS_KINDS; i++)
        forget(&r->held[i]);
    free(r);
}

/* ---- writing ---- */

/* Takes up to `max` tallies out of the map. */
static size_t take(struct map *held, struct reports_tally **out, size_t max)
{
    size_t n = 0;
    MAP_FOR_EACH (entry, held) {
        if (n == max)
            break;
        out[n++] = entry->value;
        (void)map_remove(held, entry->key);
    }
    return n;
}

/* Adds a tally (takes it) to those in memory. False: there is no room, it was released. */
static bool put(struct map *held, struct reports_tally *t)
{
    str key = str_of((const char *)t->key, sizeof(t->key));
    struct reports_tally *former = map_find(held, key);
    if (former) {
        former->count += t->count;
        former->last_us = t->last_us > former->last_us ? t->last_us : former->last_us;
        free(t);
        return true;
    }
    if (map_put(held, key, t, NULL))
        return true;
    free(t);
    return false;
}

YIELDS static bool write_some(struct reports *r, enum reports_kind kind, int64_t deadline_ms,
                              struct err *e)
{
    struct reports_tally **list = heap_zalloc(WRITTEN_AT_ONCE * sizeof(struct reports_tally *));
    size_t n = take(&r->held[kind], list, WRITTEN_AT_ONCE);
    bool ok = reports_tally_write(r->db, list, n, r->options.spread_ms, deadline_ms, e);
    for (size_t i = 0; i < n; i++) {
        /* After an unknown outcome it is better to count once too little than twice. */
        if (ok || e->kind == ERR_UNKNOWN_OUTCOME) {
            free(list[i]);
        } else if (!put(&r->held[kind], list[i])) {
            r->n_lost++;
        }
    }
    free(list);
    return ok;
}

bool reports_flush(struct reports *r, int64_t deadline_ms, struct err *e)
{
    for (size_t i = 0; i < REPORTS_KINDS; i++) {
        while (r->held[i].n > 0) {
            if (!write_some(r, (enum reports_kind)i, deadline_ms, e))
                return err_wrap(e, "write results for reports");
        }
    }
    return true;
}

static bool has_any(const struct reports *r)
{
    size_t n = 0;
    for (size_t i = 0; i < REPORTS_KINDS; i++)
        n += r->held[i].n;
    return n > 0;
}

static void tell_lost(struct reports *r)
{
    if (r->n_lost == 0)
        return;
    obs_log(EV_REPORTS_LOST, STR_EMPTY, OBS_INT("results", r->n_lost));
    r->n_lost = 0;
}

/* The drain waits for it: what was counted is not lost by a restart. Yields. */
YIELDS static void write_all(void *arg)
{
    struct reports *r = arg;
    bool may_go_on = true;
    while (has_any(r) && may_go_on && !fiber_is_cancelled()) {
        struct err e = ERR_CLEAR;
        if (!runtime_is_draining(r->rt))
            (void)signal_point_wait(&r->drain, clock_deadline_in(REPORTS_FLUSH_MS), &e);
        e = ERR_CLEAR;
        if (!reports_flush(r, clock_deadline_in(WRITE_MS), &e)) {
            may_go_on = !runtime_is_draining(r->rt);
            if (e.kind != ERR_CANCELLED)
                obs_log(EV_REPORTS_NOT_WRITTEN, STR_EMPTY, OBS_ERR(&e));
        }
        tell_lost(r);
    }
    r->is_writing = false;
    runtime_release(r->rt);
}

/* Counts (takes) one, and sees to it that it is written. */
static void count(struct reports *r, struct reports_tally *t)
{
    t->count = 1;
    if (!put(&r->held[t->kind], t))
        r->n_lost++;
    if (r->is_writing)
        return;
    r->is_writing = fiber_spawn(r->rt, "reports", write_all, r, NULL, NULL);
    if (r->is_writing)
        runtime_hold(r->rt);
}

/* ---- TLS ---- */

void reports_count_tls(struct reports *r, const struct reports_tls_result *t)
{
    bool failed = !str_eq(t->result, STR("successful"));
    if (!r || !r->options.counts[REPORTS_TLS])
        return;
    const str fields[] = { t->domain,
                           t->policy_type,
                           t->policy_domain,
                           t->policy,
                           t->result,
                           failed ? t->mx : STR_EMPTY,
                           failed ? t->mx_ip : STR_EMPTY,
                           failed ? t->our_ip : STR_EMPTY,
                           failed ? t->reason : STR_EMPTY };
    count(r, reports_tally_new(REPORTS_TLS, clock_utc_us(), fields, COUNT_OF(fields)));
}

/* ---- DMARC ---- */

/* The record in a form of our own, which mailauth_dmarc_record_parse reads again. */
static bool format_record(const struct mailauth_dmarc_record *record, struct buf *out)
{
    bool ok = buf_addf(out, "v=DMARC1; p=%s", mailauth_dmarc_policy_name(record->policy));
    if (ok && record->subdomain)
        ok = buf_addf(out, "; sp=%s", mailauth_dmarc_policy_name(record->subdomain));
    if (ok && record->nonexistent)
        ok = buf_addf(out, "; np=%s", mailauth_dmarc_policy_name(record->nonexistent));
    return ok && buf_addf(out, "; adkim=%c; aspf=%c; t=%c; rua=%.*s",
                          record->is_dkim_strict ? 's' : 'r', record->is_spf_strict ? 's' : 'r',
                          record->is_test ? 'y' : 'n', STR_FMT(record->aggregate));
}

/* No space and no end of line inside: it becomes a word of a line. */
static void add_word(struct buf *out, str text)
{
    (void)buf_add_byte(out, ' ');
    for (size_t i = 0; i < text.n && i < REPORTS_TEXT_MAX; i++) {
        bool is_good = text.p[i] > ' ' && text.p[i] <= '~';
        (void)buf_add_byte(out, (char)(is_good ? text.p[i] : '?'));
    }
}

/* A line each: result, domain, selector. Those of the author's domain come first (mailauth). What
 * passes the limit is left out by the line. */
static void format_signatures(const struct mailauth_dkim_results *dkim, struct buf *out)
{
    for (size_t i = 0; i < dkim->n; i++) {
        const struct mailauth_dkim *one = &dkim->list[i];
        if (!one->signature.domain.n || !one->signature.selector.n)
            continue;
        if (out->n + SIGNATURE_MAX > REPORTS_LONG_MAX)
            break;
        (void)buf_addf(out, "%s", mailauth_result_name(one->result));
        add_word(out, one->signature.domain);
        add_word(out, one->signature.selector);
        (void)buf_add_byte(out, '\n');
    }
}

static str pass_or_fail(bool is_aligned)
{
    return is_aligned ? STR("pass") : STR("fail");
}

void reports_count_dmarc(struct reports *r, const struct reports_dmarc_result *t)
{
    const struct mailauth_dmarc *dmarc = t->verdict->dmarc;
    const struct mailauth_spf *spf = t->verdict->spf;
    struct buf record, signatures;
    if (!r || !r->options.counts[REPORTS_DMARC] || !dmarc || !spf || !t->verdict->dkim ||
        !dmarc->record.aggregate.n)
        return;
    buf_init(&record, REPORTS_LONG_MAX);
    buf_init(&signatures, REPORTS_LONG_MAX);
    format_signatures(t->verdict->dkim, &signatures);
    if (format_record(&dmarc->record, &record)) {
        const str fields[] = { dmarc->policy_domain,
                               buf_str(&record),
                               t->source_ip,
                               t->disposition,
                               pass_or_fail(dmarc->is_dkim_aligned),
                               pass_or_fail(dmarc->is_spf_aligned),
                               t->override,
                               t->comment,
                               dmarc->author,
                               spf->is_helo ? STR_EMPTY : spf->domain,
                               buf_str(&signatures),
                               spf->domain,
                               spf->is_helo ? STR("helo") : STR("mfrom"),
                               str_from_cstr(mailauth_result_name(spf->result)) };
        count(r, reports_tally_new(REPORTS_DMARC, clock_utc_us(), fields, COUNT_OF(fields)));
    }
    buf_fini(&record);
    buf_fini(&signatures);
}

bool reports_take(struct reports *r, const struct reports_received *report, int64_t deadline_ms,
                  bool *is_new, struct err *e)
{
    return reports_received_add(r->db, report, deadline_ms, is_new, e);
}

void reports_tell_failure(struct reports *r, const struct reports_failed *failed,
                          int64_t deadline_ms)
{
    struct err e = ERR_CLEAR;
    if (!r || r->options.failures_per_hour == 0 || !reports_failure_is_wanted(failed))
        return;
    bool ok = reports_failure_keep(r->db, failed, r->options.failures_per_hour, deadline_ms, &e);
    if (!ok && e.kind != ERR_CANCELLED) {
        obs_log(EV_REPORT_FAILURE_LOST, STR_EMPTY,
                OBS_STR("domain", failed->verdict->dmarc->policy_domain), OBS_ERR(&e));
    }
}

void reports_log_taken(const struct reports_received *report, bool is_new, str session)
{
    const char *kind = reports_kind_name(report->kind);
    char label[32];
    const size_t most = reports_received_rows_max(report);
    const int64_t left_out = report->n > most ? (int64_t)(report->n - most) : 0;
    (void)snprintf(label, sizeof(label), "%s,%s", kind, is_new ? "new" : "known");
    obs_count(METRIC_REPORTS_RECEIVED, label, 1);
    obs_log(EV_REPORT_RECEIVED, session, OBS_CSTR("kind", kind), OBS_STR("domain", report->domain),
            OBS_STR("organization", report->organization), OBS_STR("id", report->id),
            OBS_INT("good", report->good), OBS_INT("bad", report->bad),
            OBS_INT("left_out", left_out), OBS_BOOL("posted", report->is_posted),
            OBS_BOOL("new", is_new));
}
