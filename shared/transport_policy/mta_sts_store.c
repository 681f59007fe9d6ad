/* SPDX-License-Identifier: Apache-2.0 */
/* Finds, fetches and keeps policies of MTA-STS. */
#include "transport_policy/mta_sts_store.h"

#include "db/db.h"
#include "dns/dns.h"
#include "http/http_client.h"

enum {
    RECORD_MS = 20 * 1000,  /* for the domain's word that it has a policy */
    FETCH_MS = 30 * 1000,   /* section 3.3 suggests a minute; mail waits for it */
    LOOK_MS = 8 * 1000,     /* a person waits */
    RECORDS_MAX = 20,       /* TXT records that are looked at */
    REFRESHED_AT_ONCE = 50, /* policies in one call */
    FORMAT_MAX = 32 * 1024  /* a policy of MTA_STS_MX_MAX long names */
};

struct mta_sts_store {
    struct runtime *rt;
    struct mta_sts_options options;
    struct http_client *http;
};

struct mta_sts_store *mta_sts_store_new(struct runtime *rt, const struct mta_sts_options *options,
                                        struct err *e)
{
    const struct http_client_options http = { .dns = options->dns, .ca_file = options->ca_file };
    struct http_client *client = http_client_new(rt, &http, e);
    if (!client)
        return NULL;
    struct mta_sts_store *s = HEAP_NEW(struct mta_sts_store);
    s->rt = rt;
    s->options = *options;
    s->http = client;
    return s;
}

void mta_sts_store_free(struct mta_sts_store **s)
{
    if (!*s)
        return;
    http_client_free(&(*s)->http);
    free(*s);
    *s = NULL;
}

/* ---- what the domain says ---- */

/* What goes wrong while the fiber is cancelled ends the work; anything else is said of the domain.
 */
static bool goes_on(const struct err *fault, struct err *e)
{
    if (fault->kind == ERR_CANCELLED)
        *e = *fault;
    return fault->kind != ERR_CANCELLED;
}

/* *id is empty when there is no record, or none that can be got at. Yields. */
YIELDS static bool ask_id(struct mta_sts_store *s, str domain, struct arena *a, int64_t deadline_ms,
                          str *id, struct err *e)
{
    struct dns_answer answer;
    struct err fault = ERR_CLEAR;
    str texts[RECORDS_MAX];
    size_t n = 0;
    *id = STR_EMPTY;
    str name = arena_printf(a, "_mta-sts.%.*s", STR_FMT(domain));
    int64_t most_ms = clock_deadline_in(RECORD_MS); /* servers that are needed want their time */
    if (most_ms > deadline_ms)
        most_ms = deadline_ms;
    if (!dns_query(s->options.dns, name, DNS_TXT, a, most_ms, &answer, &fault))
        return goes_on(&fault, e);
    for (; n < answer.n && n < RECORDS_MAX; n++)
        texts[n] = dns_join_txt(a, answer.rdata[n]);
    if (!mta_sts_record_find(texts, n, id, &fault))
        *id = STR_EMPTY;
    return true;
}

/* A policy as its host gave it, or why not. */
struct fetched {
    struct mta_sts_policy policy;
    const char *fault; /* NULL: it came */
    struct err err;
};

static bool is_plain_text(str type)
{
    str media;
    str parameters;
    (void)str_cut(type, ';', &media, &parameters);
    return str_ieq(str_trim(media), STR("text/plain"));
}

static void judge(const struct http_fetched *answer, struct fetched *out)
{
    str type = http_fetched_field(answer, STR("content-type"));
    if (answer->status != 200) { /* redirects too (section 3.3) */
        out->fault = "sts-policy-fetch-error";
        (void)ERR(&out->err, ERR_UNAVAILABLE, "the policy host answered %u", answer->status);
    } else if (!is_plain_text(type)) {
        out->fault = "sts-policy-invalid";
        (void)ERR(&out->err, ERR_SYNTAX, "the policy is not text/plain but \"%.*s\"",
                  STR_FMT(str_slice(type, 0, 60)));
    } else if (!mta_sts_policy_parse(answer->body, &out->policy, &out->err)) {
        out->fault = "sts-policy-invalid";
    }
}

/* Asks the policy host. False only when the fiber is cancelled. Yields. */
YIELDS static bool fetch_within(struct mta_sts_store *s, str domain, int64_t ms, struct arena *a,
                                struct fetched *out, struct err *e)
{
    struct http_fetched answer = { 0 };
    const struct http_fetch wanted = {
        .method = HTTP_GET,
        .url = arena_printf(a, "https://mta-sts.%.*s:%u/.well-known/mta-sts.txt", STR_FMT(domain),
                            s->options.port),
        .max_bytes = MTA_STS_POLICY_MAX,
        .https_only = true,
        .any_port = s->options.port != 443,
        .allow_special = s->options.allow_private,
    };
    *out = (struct fetched){ .err = ERR_CLEAR };
    if (http_client_fetch(s->http, &wanted, a, clock_deadline_in(ms), &answer, &out->err)) {
        judge(&answer, out);
        return true;
    }
    out->fault = answer.is_untrusted ? "sts-webpki-invalid" : "sts-policy-fetch-error";
    return goes_on(&out->err, e);
}

YIELDS static bool fetch(struct mta_sts_store *s, str domain, struct arena *a, struct fetched *out,
                         struct err *e)
{
    return fetch_within(s, domain, FETCH_MS, a, out, e);
}

bool mta_sts_look(struct mta_sts_store *s, str domain, struct arena *a, struct mta_sts_policy *out,
                  const char **problem, struct err *e)
{
    struct fetched *fetched = ARENA_NEW(a, struct fetched);
    if (!fetch_within(s, domain, LOOK_MS, a, fetched, e))
        return false;
    *out = fetched->policy;
    *problem = fetched->fault ? fetched->err.msg : NULL;
    return true;
}

/* ---- what is kept ---- */

static const struct db_stmt load_stmt = {
    "SELECT id, CASE WHEN expires > now() THEN policy ELSE '' END, retry_at > now(), fault,"
    " used < now() - interval '1 day' FROM mta_sts_policy WHERE domain = $1"
};
static const struct db_stmt touch_stmt = {
    "UPDATE mta_sts_policy SET used = now() WHERE domain = $1"
};
/* Far from its end it is fetched daily, so that a policy host may be away for long. */
static const struct db_stmt keep_stmt = {
    "INSERT INTO mta_sts_policy (domain, id, policy, expires, refresh_at)"
    " VALUES ($1, $2, $3, now() + $4::bigint * interval '1 second',"
    "         now() + least($4::bigint / 2, 86400) * interval '1 second')"
    " ON CONFLICT (domain) DO UPDATE SET id = EXCLUDED.id, policy = EXCLUDED.policy,"
    " expires = EXCLUDED.expires, refresh_at = EXCLUDED.refresh_at, retry_at = '-infinity',"
    " fault = ''"
};
static const struct db_stmt fail_stmt = {
    "INSERT INTO mta_sts_policy (domain, retry_at, fault)"
    " VALUES ($1, now() + interval '5 minutes', $2)"
    " ON CONFLICT (domain) DO UPDATE SET retry_at = EXCLUDED.retry_at, fault = EXCLUDED.fault,"
    " refresh_at = CASE WHEN mta_sts_policy.policy = '' THEN 'infinity'"
    "                   ELSE now() + interval '1 hour' END"
};
static const struct db_stmt put_off_stmt = {
    "UPDATE mta_sts_policy SET refresh_at = now() + interval '1 day' WHERE domain = $1"
};
static const struct db_stmt old_stmt = {
    "SELECT domain FROM mta_sts_policy WHERE refresh_at < now() AND expires > now()"
    " AND used > now() - interval '30 days' ORDER BY refresh_at LIMIT $1"
};
static const struct db_stmt forget_stmt = {
    "DELETE FROM mta_sts_policy"
    " WHERE greatest(expires, retry_at) < now() - interval '1 day'"
};

/* Names of faults are static, so that they outlive the row. */
static const char *fault_of(str text)
{
    static const char *const faults[] = { "sts-policy-invalid", "sts-webpki-invalid" };
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        if (str_eq(text, str_from_cstr(faults[i])))
            return faults[i];
    }
    return "sts-policy-fetch-error";
}

/* The row of the domain. */
struct kept {
    str id;
    bool is_waiting; /* it could not be fetched a moment ago */
    bool is_unused;  /* for a day */
};

YIELDS static bool load(struct mta_sts_store *s, str domain, struct arena *a, int64_t deadline_ms,
                        struct kept *kept, struct mta_sts_found *out, struct err *e)
{
    struct db_rows *r;
    struct err ignored = ERR_CLEAR;
    const struct db_param params[] = { DB_TEXT(domain) };
    *out = (struct mta_sts_found){ .has_policy = false };
    *kept = (struct kept){ .is_waiting = false };
    if (!db_query(s->options.db, DB_DELIVER, &load_stmt, params, COUNT_OF(params), a, deadline_ms,
                  &r, e))
        return false;
    if (db_row_count(r) == 0)
        return true;
    out->has_policy = mta_sts_policy_parse(db_str(r, 0, 1), &out->policy, &ignored);
    kept->id = db_str(r, 0, 0);
    kept->is_waiting = db_int(r, 0, 2);
    kept->is_unused = db_int(r, 0, 4);
    if (kept->is_waiting)
        out->fault = fault_of(db_str(r, 0, 3));
    return true;
}

YIELDS static bool run(struct mta_sts_store *s, const struct db_stmt *stmt, str domain,
                       struct arena *a, struct err *e)
{
    const struct db_param params[] = { DB_TEXT(domain) };
    return db_query(s->options.db, DB_DELIVER, stmt, params, COUNT_OF(params), a,
                    clock_deadline_in(FETCH_MS), NULL, e);
}

/* Keeps what was fetched, or notes that it could not be. Yields. */
YIELDS static bool keep(struct mta_sts_store *s, str domain, str id, const struct fetched *fetched,
                        struct arena *a, struct err *e)
{
    struct buf text;
    if (fetched->fault) {
        const struct db_param params[] = { DB_TEXT(domain),
                                           DB_TEXT(str_from_cstr(fetched->fault)) };
        return db_query(s->options.db, DB_DELIVER, &fail_stmt, params, COUNT_OF(params), a,
                        clock_deadline_in(FETCH_MS), NULL, e);
    }
    buf_init(&text, FORMAT_MAX);
    INVARIANT(mta_sts_policy_format(&fetched->policy, &text));
    const struct db_param params[] = { DB_TEXT(domain), DB_TEXT(id), DB_TEXT(buf_str(&text)),
                                       DB_INT8(fetched->policy.max_age_s) };
    bool ok = db_query(s->options.db, DB_DELIVER, &keep_stmt, params, COUNT_OF(params), a,
                       clock_deadline_in(FETCH_MS), NULL, e);
    buf_fini(&text);
    return ok;
}

/* ---- both ---- */

bool mta_sts_find(struct mta_sts_store *s, str domain, struct arena *a, int64_t deadline_ms,
                  struct mta_sts_found *out, struct err *e)
{
    struct kept kept;
    struct fetched fetched;
    struct err ignored = ERR_CLEAR;
    str id;
    if (!load(s, domain, a, deadline_ms, &kept, out, e) ||
        !ask_id(s, domain, a, deadline_ms, &id, e))
        return false;
    if (out->has_policy && kept.is_unused)
        (void)run(s, &touch_stmt, domain, a, &ignored);
    bool is_known = out->has_policy && str_eq(kept.id, id);
    if (id.n == 0 || is_known || kept.is_waiting) {
        if (id.n == 0 || is_known)
            out->fault = NULL;
        return true;
    }
    if (!fetch(s, domain, a, &fetched, e))
        return false;
    (void)keep(s, domain, id, &fetched, a, &ignored); /* else it is fetched again */
    if (fetched.fault) {
        out->fault = fetched.fault;
        out->why = arena_str(a, str_from_cstr(fetched.err.msg));
        return true;
    }
    *out = (struct mta_sts_found){ .has_policy = true, .policy = fetched.policy };
    return true;
}

/* A policy whose record is gone is left to its end. Yields. */
YIELDS static bool refresh_one(struct mta_sts_store *s, str domain, struct arena *a,
                               int64_t deadline_ms, struct err *e)
{
    struct fetched fetched;
    str id;
    if (!ask_id(s, domain, a, deadline_ms, &id, e))
        return false;
    if (id.n == 0)
        return run(s, &put_off_stmt, domain, a, e);
    return fetch(s, domain, a, &fetched, e) && keep(s, domain, id, &fetched, a, e);
}

bool mta_sts_refresh(struct mta_sts_store *s, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_INT8(REFRESHED_AT_ONCE) };
    arena_init(&a);
    bool ok =
        db_query(s->options.db, DB_DELIVER, &forget_stmt, NULL, 0, &a, deadline_ms, NULL, e) &&
        db_query(s->options.db, DB_DELIVER, &old_stmt, params, COUNT_OF(params), &a, deadline_ms,
                 &r, e);
    for (size_t i = 0; ok && i < db_row_count(r) && clock_monotonic_ms() < deadline_ms; i++)
        ok = refresh_one(s, db_str(r, i, 0), &a, deadline_ms, e);
    arena_fini(&a);
    return ok;
}
