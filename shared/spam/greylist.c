/* SPDX-License-Identifier: Apache-2.0 */
/* Greylisting on the database: one question a recipient, and a write where something changed. */
#include "spam/greylist.h"

#include "base/address.h"
#include "crypto/hash.h"
#include "obs/obs.h"
#include "spam/private.h"

enum {
    KEY_SIZE = 16,
    DAY_MS = 24 * 3600 * 1000 /* times are kept to the day, so that most visits only read */
};

/* $1 key of the visit, $2 host, $3 key of the sender. */
static const struct db_stmt look = {
    "SELECT now(), g.first_seen, g.last_seen, h.passed, h.last_seen, c.last_written"
    "  FROM (SELECT) AS one LEFT JOIN greylist g ON g.key = $1"
    "  LEFT JOIN greylist_host h ON h.host = $2 LEFT JOIN correspondent c ON c.key = $3"
};
static const struct db_stmt start = {
    "INSERT INTO greylist (key, first_seen, last_seen) VALUES ($1, now(), now())"
    " ON CONFLICT (key) DO UPDATE SET first_seen = now(), last_seen = now()"
};
/* It came in time: for the first time, which counts for the host, too. */
static const struct db_stmt pass = {
    "WITH seen AS (UPDATE greylist SET last_seen = now() WHERE key = $1 AND last_seen = first_seen"
    "              RETURNING 1)"
    "INSERT INTO greylist_host (host, passed, last_seen) SELECT $2, 1, now() FROM seen"
    " ON CONFLICT (host) DO UPDATE"
    "   SET passed = least(greylist_host.passed, 1000000) + 1, last_seen = now()"
};
static const struct db_stmt touch = { "UPDATE greylist SET last_seen = now() WHERE key = $1" };
static const struct db_stmt touch_host = {
    "UPDATE greylist_host SET last_seen = now() WHERE host = $1"
};
static const struct db_stmt note_written = {
    "INSERT INTO correspondent (key, last_written) SELECT DISTINCT k, now() FROM unnest($1::bytea[]) k"
    " ORDER BY k ON CONFLICT (key) DO UPDATE SET last_written = now()"
    " WHERE correspondent.last_written < now() - interval '1 day'"
};
/* $1 what is older goes; of those that never came again, what is older than $2; $3 the most rows.
 */
static const struct db_stmt sweep = {
    "DELETE FROM greylist WHERE key IN (SELECT key FROM greylist"
    " WHERE last_seen < now() - $1 * interval '1 millisecond' OR (last_seen = first_seen"
    "   AND last_seen < now() - $2 * interval '1 millisecond') LIMIT $3)"
};
static const struct db_stmt sweep_hosts = {
    "DELETE FROM greylist_host WHERE last_seen < now() - $1 * interval '1 millisecond'"
};
static const struct db_stmt sweep_correspondents = {
    "DELETE FROM correspondent WHERE last_written < now() - interval '400 days'"
};

/* ---- the decision ---- */

static bool is_within(int64_t then_us, int64_t now_us, int64_t ms)
{
    return now_us - then_us <= ms * 1000;
}

enum spam_greylist_step spam_greylist_decide(const struct spam_greylist_rules *rules,
                                             const struct spam_greylist_facts *facts,
                                             int64_t *wait_ms)
{
    int64_t now = facts->now_us;
    bool came_again = facts->last_us > facts->first_us;
    int64_t memory_ms = came_again ? rules->max_age_ms : SPAM_GREYLIST_WINDOW_MS;
    *wait_ms = 0;
    if (rules->history > 0 && facts->host_passed >= rules->history &&
        is_within(facts->host_last_us, now, rules->max_age_ms))
        return SPAM_GREYLIST_HOST;
    if (facts->written_us != 0 && !facts->is_forged)
        return SPAM_GREYLIST_CORRESPONDENT;
    if (facts->first_us == 0 || !is_within(facts->last_us, now, memory_ms)) {
        *wait_ms = rules->min_delay_ms;
        return SPAM_GREYLIST_STARTED;
    }
    if (came_again)
        return SPAM_GREYLIST_AGAIN;
    int64_t waited_ms = (now - facts->first_us) / 1000;
    if (waited_ms >= rules->min_delay_ms)
        return SPAM_GREYLIST_WAITED;
    *wait_ms = rules->min_delay_ms - waited_ms;
    return SPAM_GREYLIST_EARLY;
}

const char *spam_greylist_word(enum spam_greylist_step step)
{
    static const char *const words[SPAM_GREYLIST_STEPS] = {
        [SPAM_GREYLIST_STARTED] = "started", [SPAM_GREYLIST_EARLY] = "early",
        [SPAM_GREYLIST_WAITED] = "waited",   [SPAM_GREYLIST_AGAIN] = "again",
        [SPAM_GREYLIST_HOST] = "host",       [SPAM_GREYLIST_CORRESPONDENT] = "correspondent",
    };
    return words[step];
}

/* ---- keys ---- */

static str hash_of(struct arena *a, str text)
{
    uint8_t *hash = arena_alloc(a, CRYPTO_SHA256_SIZE);
    crypto_sha256(text, hash);
    return str_of((const char *)hash, KEY_SIZE);
}

/* An address in lower case; many lists put a number of the mail into the sender's local part, which
 * would be another sender each time, so digits do not count in there. */
static str normal_address(struct arena *a, str address, bool without_digits)
{
    char *copy = arena_cstr(a, address);
    size_t n = 0;
    ptrdiff_t at = without_digits ? str_rfind_byte(address, '@') : -1;
    for (size_t i = 0; i < address.n; i++) {
        if ((ptrdiff_t)i >= at || !ascii_is_digit(copy[i]))
            copy[n++] = ascii_lower(copy[i]);
    }
    return str_of(copy, n);
}

struct keys {
    str visit;
    str host;
    str sender;
};

static struct keys keys_of(const struct spam_greylist_visit *visit, struct arena *a)
{
    char text[NET_ADDRESS_TEXT];
    struct keys keys;
    if (visit->spf_domain.n > 0) {
        keys.host = arena_printf(a, "spf %.*s", STR_FMT(visit->spf_domain));
    } else if (!visit->client) {
        /* All of them have no more in common than this: whoever came often is no host of others. */
        keys.host = arena_printf(a, "unknown %.*s", STR_FMT(address_domain(visit->sender)));
    } else {
        unsigned level = net_address_is_ipv4(visit->client) ? 1 : 0; /* /24, or /64 */
        keys.host = arena_str(a, net_address_group(visit->client, level, text));
    }
    str sender = normal_address(a, visit->sender, true);
    str recipient = normal_address(a, visit->recipient, false);
    keys.sender = hash_of(a, normal_address(a, visit->sender, false));
    keys.visit = hash_of(a, arena_printf(a, "%.*s\n%.*s\n%.*s", STR_FMT(keys.host), STR_FMT(sender),
                                         STR_FMT(recipient)));
    return keys;
}

/* ---- asking ---- */

static YIELDS bool find_facts(struct spam *s, const struct keys *keys, struct arena *a,
                              int64_t deadline_ms, struct spam_greylist_facts *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_BYTEA(keys->visit), DB_TEXT(keys->host),
                                       DB_BYTEA(keys->sender) };
    if (!db_query(s->db, DB_DELIVER, &look, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->now_us = db_time_us(rows, 0, 0);
    out->first_us = db_time_us_or(rows, 0, 1, 0);
    out->last_us = db_time_us_or(rows, 0, 2, 0);
    out->host_passed = db_int_or(rows, 0, 3, 0);
    out->host_last_us = db_time_us_or(rows, 0, 4, 0);
    out->written_us = db_time_us_or(rows, 0, 5, 0);
    return true;
}

/* The statement that notes a step; NULL where there is nothing to note. */
static const struct db_stmt *note_of(enum spam_greylist_step step,
                                     const struct spam_greylist_facts *facts)
{
    switch (step) {
    case SPAM_GREYLIST_STARTED:
        return &start;
    case SPAM_GREYLIST_WAITED:
        return &pass;
    case SPAM_GREYLIST_AGAIN:
        return is_within(facts->last_us, facts->now_us, DAY_MS) ? NULL : &touch;
    case SPAM_GREYLIST_HOST:
        return is_within(facts->host_last_us, facts->now_us, DAY_MS) ? NULL : &touch_host;
    case SPAM_GREYLIST_EARLY:
    case SPAM_GREYLIST_CORRESPONDENT:
    case SPAM_GREYLIST_STEPS:
        break;
    }
    return NULL;
}

bool spam_greylist_ask(struct spam *s, const struct spam_greylist_rules *rules,
                       const struct spam_greylist_visit *visit, struct arena *a,
                       int64_t deadline_ms, struct spam_greylist_answer *out, struct err *e)
{
    struct spam_greylist_facts facts = { .is_forged = visit->is_forged };
    const struct keys keys = keys_of(visit, a);
    if (!find_facts(s, &keys, a, deadline_ms, &facts, e))
        return false;
    if (visit->sender.n == 0)
        facts.written_us = 0;
    out->step = spam_greylist_decide(rules, &facts, &out->wait_ms);
    const struct db_stmt *note = note_of(out->step, &facts);
    const struct db_param both[] = { DB_BYTEA(keys.visit), DB_TEXT(keys.host) };
    const struct db_param host[] = { DB_TEXT(keys.host) };
    if (note && !db_query(s->db, DB_DELIVER, note, note == &touch_host ? host : both,
                          note == &pass ? 2 : 1, a, deadline_ms, NULL, e))
        return false;
    obs_count(METRIC_GREYLIST, spam_greylist_word(out->step), 1);
    return true;
}

/* ---- keeping ---- */

bool spam_note_written(struct spam *s, const str *addresses, size_t n, struct arena *a,
                       int64_t deadline_ms, struct err *e)
{
    str *keys = ARENA_ARRAY(a, str, n);
    for (size_t i = 0; i < n; i++)
        keys[i] = hash_of(a, normal_address(a, addresses[i], false));
    const struct db_param params[] = { DB_BYTEAS(keys, n) };
    return n == 0 || db_query(s->db, DB_DELIVER, &note_written, params, 1, a, deadline_ms, NULL, e);
}

bool spam_greylist_sweep(struct spam *s, int64_t max_age_ms, int64_t deadline_ms, struct err *e)
{
    enum {
        ROWS_MAX = 200000 /* a run */
    };
    struct arena a;
    arena_init(&a);
    const struct db_param params[] = { DB_INT8(max_age_ms), DB_INT8(SPAM_GREYLIST_WINDOW_MS),
                                       DB_INT8(ROWS_MAX) };
    bool ok =
        db_query(s->db, DB_DELIVER, &sweep, params, COUNT_OF(params), &a, deadline_ms, NULL, e) &&
        db_query(s->db, DB_DELIVER, &sweep_hosts, params, 1, &a, deadline_ms, NULL, e) &&
        db_query(s->db, DB_DELIVER, &sweep_correspondents, NULL, 0, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
