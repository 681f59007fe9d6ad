/* SPDX-License-Identifier: Apache-2.0 */
/* One report after the other: who wants it, to servers by HTTPS, to people's mailboxes by mail. The
 * mail and the note that it was sent are one transaction, so that no crash sends it twice; a server
 * that had it by HTTPS knows it by its id when it comes again. */
#include "services/scheduler/reporter.h"

#include "base/clock.h"
#include "http/http_client.h"
#include "obs/obs.h"
#include "reports/destination.h"
#include "reports/ledger.h"
#include "reports/received.h"
#include "services/app/report_sender.h"
#include "services/scheduler/report_mail.h"

enum {
    AT_ONCE = 20,            /* reports that are looked at together */
    REPORT_MS = 90 * 1000,   /* for one of them */
    POST_MS = 30 * 1000,     /* for one server */
    DATABASE_MS = 10 * 1000, /* to note what became of one */
    AGAIN_MS = 3600 * 1000,
    ATTEMPTS = 24,
    ANSWER_MAX = 64 * 1024 /* octets of a server's answer */
};

/* One report on its way. */
struct sending {
    struct app *app;
    struct http_client *http;
    const struct reports_sender *sender;
    const struct reports_entry *entry;
    struct arena *a;
    int64_t deadline_ms;
    struct reports_document doc;
    struct reports_destinations to;
    str posted[2 * REPORTS_URIS_MAX];
    struct reports_outcome outcome;
    bool is_open; /* something failed that may work later */
};

static void add_note(struct sending *s, str note)
{
    str former = s->outcome.note;
    s->outcome.note = former.n ? arena_printf(s->a, "%.*s; %.*s", STR_FMT(former), STR_FMT(note))
                               : arena_str(s->a, note);
}

static void put_off(struct sending *s, str note)
{
    s->is_open = true;
    add_note(s, note);
}

/* ---- by HTTPS ---- */

static bool is_posted(const struct sending *s, str url)
{
    for (size_t i = 0; i < s->outcome.n_posted; i++) {
        if (str_eq(s->posted[i], url))
            return true;
    }
    return false;
}

/* False: cancelled. Yields. */
YIELDS static bool post(struct sending *s, str url, struct err *e)
{
    const struct http_field type = { STR("content-type"), STR("application/tlsrpt+gzip") };
    struct http_fetched answer;
    struct err why = ERR_CLEAR;
    bool is_private = config_bool(s->app->config, CONFIG_DELIVERY_ALLOW_PRIVATE);
    const struct http_fetch fetch = {
        .method = HTTP_POST,
        .url = url,
        .fields = &type,
        .n_fields = 1,
        .body = s->doc.packed,
        .max_bytes = ANSWER_MAX,
        .https_only = true,
        .any_port = is_private,
        .allow_special = is_private,
    };
    if (!http_client_fetch(s->http, &fetch, s->a, clock_deadline_in(POST_MS), &answer, &why)) {
        if (why.kind == ERR_CANCELLED) {
            *e = why;
            return false;
        }
        put_off(s, arena_printf(s->a, "%.*s: %s", STR_FMT(url), why.msg));
    } else if (answer.status / 100 == 2) {
        s->posted[s->outcome.n_posted++] = url;
    } else {
        put_off(s, arena_printf(s->a, "%.*s answered %u", STR_FMT(url), answer.status));
    }
    return true;
}

YIELDS static bool post_all(struct sending *s, struct err *e)
{
    for (size_t i = 0; i < s->to.uris.n; i++) {
        const struct reports_uri *uri = &s->to.uris.list[i];
        if (uri->is_https && !is_posted(s, uri->target) && !post(s, uri->target, e))
            return false;
    }
    return true;
}

/* ---- by mail ---- */

/* Whether the mail may go there; fills in where that is. False: an error. Yields. */
YIELDS static bool find_recipient(struct sending *s, const struct reports_uri *uri, size_t size,
                                  struct smtp_recipient *out, bool *is_good, struct err *e)
{
    struct report_mail_target target;
    if (!report_mail_find(s->app, uri, size, s->a, s->deadline_ms, &target, e))
        return false;
    *out = target.recipient;
    *is_good = target.why.n == 0;
    if (!*is_good)
        add_note(s, target.why);
    return true;
}

static void finish(struct sending *s)
{
    bool was_sent = s->outcome.is_mailed || s->outcome.n_posted > 0;
    bool is_again = s->is_open && s->entry->attempts + 1 < ATTEMPTS;
    s->outcome.state = is_again ? REPORTS_DUE : was_sent ? REPORTS_SENT : REPORTS_DROPPED;
    s->outcome.again_ms = AGAIN_MS;
}

static void note_outcome(struct db_tx *tx, void *arg, int64_t queue_id)
{
    const struct sending *s = arg;
    (void)queue_id;
    reports_note_send(tx, s->entry, &s->outcome);
}

/* Hands the mail over; the outcome is noted in the same transaction. Yields. */
YIELDS static bool mail_to(struct sending *s, str content, const struct smtp_recipient *recipients,
                           size_t n, struct err *e)
{
    const struct queue_also also = { note_outcome, s };
    str why;
    const struct report_mail mail = {
        .content = content,
        .session = s->doc.about.id,
        .transaction = arena_printf(s->a, "report %.*s/%lld", STR_FMT(s->doc.about.id),
                                    (long long)s->entry->attempts),
        .recipients = recipients,
        .n = n,
        .also = &also,
    };
    s->outcome.is_mailed = true;
    finish(s);
    if (!report_mail_send(s->app, &mail, s->a, s->deadline_ms, &why, e))
        return false;
    if (!why.n)
        return true;
    s->outcome.is_mailed = false;
    put_off(s, why);
    finish(s);
    return reports_note(s->app->db, s->entry, &s->outcome, clock_deadline_in(DATABASE_MS), e);
}

/* Whether it can be signed. Yields. */
YIELDS static bool has_key(struct sending *s, bool *out, struct err *e)
{
    str why;
    if (!report_mail_check_key(s->app, s->sender->domain, s->a, s->deadline_ms, &why, e))
        return false;
    *out = why.n == 0;
    if (!*out)
        put_off(s, why);
    return true;
}

YIELDS static bool format(struct sending *s, const str *to, size_t n, str *out, struct err *e)
{
    struct buf text;
    buf_init(&text, 2 * (size_t)REPORTS_DOCUMENT_MAX);
    bool ok = reports_mail_format(&s->doc, to, n, clock_utc_us(), &text, e);
    *out = arena_str(s->a, buf_str(&text));
    buf_fini(&text);
    return ok;
}

/* All who want it by mail get one message. *is_noted: the outcome was. Yields. */
YIELDS static bool mail_all(struct sending *s, bool *is_noted, struct err *e)
{
    struct smtp_recipient recipients[REPORTS_URIS_MAX];
    str to[REPORTS_URIS_MAX];
    size_t n = 0;
    bool is_good = true;
    size_t size = s->doc.packed.n / 3 * 4 + 4096; /* as it goes out, nearly */
    str content;
    *is_noted = false;
    for (size_t i = 0; i < s->to.uris.n && !s->outcome.is_mailed; i++) {
        const struct reports_uri *uri = &s->to.uris.list[i];
        if (uri->is_https)
            continue;
        if (!find_recipient(s, uri, size, &recipients[n], &is_good, e))
            return false;
        to[n] = uri->target;
        n += is_good;
    }
    if (n == 0)
        return true;
    if (!has_key(s, &is_good, e))
        return false;
    if (!is_good)
        return true;
    *is_noted = true;
    return format(s, to, n, &content, e) && mail_to(s, content, recipients, n, e);
}

/* ---- one report ---- */

YIELDS static bool ask_destinations(struct sending *s, struct err *e)
{
    const struct mailauth_resolver resolver = mailauth_resolver_of(s->app->dns);
    const struct reports_question question = { .kind = s->entry->kind,
                                               .domain = s->entry->domain,
                                               .dmarc = s->doc.record };
    return reports_find_destinations(&resolver, &question, s->a, s->deadline_ms, &s->to, e);
}

/* What goes out, and to whom; *is_wanted false: the outcome says why not. Yields. */
YIELDS static bool prepare(struct sending *s, bool *is_wanted, struct err *e)
{
    struct err why = ERR_CLEAR;
    const struct reports_entry *entry = s->entry;
    *is_wanted = reports_load(s->app->db, entry, s->sender, s->a, s->deadline_ms, &s->doc, &why) &&
                 ask_destinations(s, &why);
    if (*is_wanted) {
        if (s->to.why.n)
            add_note(s, s->to.why);
        return true;
    }
    if (why.kind == ERR_CANCELLED) {
        *e = why;
        return false;
    }
    if (why.kind == ERR_NOT_FOUND || why.kind == ERR_SYNTAX) {
        add_note(s, str_from_cstr(why.msg));
    } else {
        put_off(s, str_from_cstr(why.msg));
    }
    return true;
}

static void log_outcome(const struct sending *s)
{
    static const enum obs_event events[] = { [REPORTS_DUE] = EV_REPORT_DEFERRED,
                                             [REPORTS_SENT] = EV_REPORT_SENT,
                                             [REPORTS_DROPPED] = EV_REPORT_DROPPED };
    const char *kind = reports_kind_name(s->entry->kind);
    char label[32];
    (void)snprintf(label, sizeof(label), "%s,%s", kind, reports_state_name(s->outcome.state));
    obs_count(METRIC_REPORTS, label, 1);
    obs_log(events[s->outcome.state], s->doc.about.id, OBS_CSTR("kind", kind),
            OBS_STR("domain", s->entry->domain), OBS_BOOL("mailed", s->outcome.is_mailed),
            OBS_INT("posted", s->outcome.n_posted), OBS_STR("note", s->outcome.note));
}

YIELDS static bool send_it(struct sending *s, struct err *e)
{
    bool is_wanted;
    bool is_noted = false;
    if (!prepare(s, &is_wanted, e))
        return false;
    if (is_wanted && (!post_all(s, e) || !mail_all(s, &is_noted, e)))
        return false;
    if (is_noted)
        return true;
    finish(s);
    return reports_note(s->app->db, s->entry, &s->outcome, clock_deadline_in(DATABASE_MS), e);
}

static void begin(struct sending *s)
{
    const struct reports_entry *entry = s->entry;
    s->deadline_ms = clock_deadline_in(REPORT_MS);
    s->outcome.posted = s->posted;
    s->outcome.is_mailed = entry->is_mailed;
    for (size_t i = 0; i < entry->n_posted && i < REPORTS_URIS_MAX; i++)
        s->posted[s->outcome.n_posted++] = entry->posted[i];
}

/* What went wrong with this report must not be in the way of the others. Yields. */
YIELDS static bool note_failure(struct sending *s, const struct err *why, struct err *e)
{
    s->outcome.is_mailed = s->entry->is_mailed;
    s->outcome.note = STR_EMPTY;
    put_off(s, str_from_cstr(why->msg));
    finish(s);
    return reports_note(s->app->db, s->entry, &s->outcome, clock_deadline_in(DATABASE_MS), e);
}

/* `fault`: why nothing can be sent at all, or NULL. Yields. */
YIELDS static bool send_one(const struct sending *what, const struct reports_entry *entry,
                            const struct err *fault, struct err *e)
{
    struct arena a;
    struct err why = fault ? *fault : ERR_CLEAR;
    struct err failure = ERR_CLEAR;
    arena_init(&a);
    struct sending *s = ARENA_NEW(&a, struct sending);
    *s = *what;
    s->entry = entry;
    s->a = &a;
    begin(s);
    bool ok = !fault && send_it(s, &why);
    if (!ok && why.kind == ERR_CANCELLED) {
        failure = why;
    } else if (!ok && why.kind != ERR_CONFLICT) {
        ok = note_failure(s, &why, &failure);
    }
    if (ok)
        log_outcome(s);
    arena_fini(&a);
    /* ERR_CONFLICT: another process was faster. */
    if (failure.kind == ERR_NONE || failure.kind == ERR_CONFLICT)
        return true;
    *e = failure;
    return false;
}

/* ---- the job ---- */

/* Up to AT_ONCE of them; *n says how many there were. Yields. */
YIELDS static bool send_some(struct app *app, struct http_client *http, int64_t deadline_ms,
                             size_t *n, struct err *e)
{
    struct arena a;
    struct reports_sender sender;
    struct reports_entries due;
    struct err why = ERR_CLEAR;
    const struct sending what = { .app = app, .http = http, .sender = &sender };
    bool ok = true;
    arena_init(&a);
    *n = 0;
    if (reports_list_due(app->db, AT_ONCE, &a, deadline_ms, &due, e)) {
        bool has_sender = due.n == 0 || app_report_sender(app, &a, deadline_ms, &sender, &why);
        *n = due.n;
        for (size_t i = 0; ok && i < due.n && clock_monotonic_ms() < deadline_ms; i++)
            ok = send_one(&what, &due.list[i], has_sender ? NULL : &why, e);
    } else {
        ok = false;
    }
    arena_fini(&a);
    return ok;
}

bool reporter_run(struct app *app, int64_t deadline_ms, struct err *e)
{
    const char *anchors = config_text(app->config, CONFIG_DELIVERY_CA_FILE);
    const struct http_client_options options = { .dns = app->dns,
                                                 .ca_file = *anchors ? anchors : NULL };
    struct http_client *http = http_client_new(app->runtime, &options, e);
    if (!http)
        return false;
    bool ok = true;
    size_t n = AT_ONCE;
    while (ok && n == AT_ONCE && clock_monotonic_ms() < deadline_ms)
        ok = send_some(app, http, deadline_ms, &n, e);
    ok = ok &&
         reports_sweep(app->db, config_int(app->config, CONFIG_REPORTS_KEEP), deadline_ms, e) &&
         reports_received_sweep(app->db, config_int(app->config, CONFIG_REPORTS_KEEP_RECEIVED),
                                deadline_ms, e);
    http_client_free(&http);
    return ok;
}
