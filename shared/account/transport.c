/* SPDX-License-Identifier: Apache-2.0 */
/* The table of transports; passwords lie in it sealed. */
#include "account/transport.h"

#include "account/directory.h"
#include "crypto/seal.h"

#define COLUMNS                                                                                   \
    "SELECT domain, host, port, tls, login, created_at, password, connections, per_minute, pool," \
    " ehlo_name, auth, protocol FROM transport"

static const struct db_stmt find_some = { COLUMNS " WHERE domain = ANY($1::text[])" };
static const struct db_stmt list_all = { COLUMNS " ORDER BY domain LIMIT $1" };
static const struct db_stmt set_one = {
    "SELECT transport_set($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
};
static const struct db_stmt take = { "SELECT granted, wait_ms FROM transport_take($1, $2, $3)" };
static const struct db_stmt remove_one = { "SELECT transport_remove($1)" };

enum {
    PORT_MAX = 65535,
    PORT_OF_SMTP = 25,
    TAKE_MS = 10 * 1000
};

static const char *const auth_names[] = {
    [ACCOUNT_TRANSPORT_AUTH_ANY] = "",
    [ACCOUNT_TRANSPORT_AUTH_SCRAM] = "scram-sha-256",
    [ACCOUNT_TRANSPORT_AUTH_PLAIN] = "plain",
    [ACCOUNT_TRANSPORT_AUTH_LOGIN] = "login",
};

const char *account_transport_auth_name(enum account_transport_auth auth)
{
    return auth_names[auth];
}

enum account_transport_auth account_transport_auth_parse(str name)
{
    for (size_t i = 0; i < COUNT_OF(auth_names); i++) {
        if (str_eq(name, str_from_cstr(auth_names[i])))
            return (enum account_transport_auth)i;
    }
    return ACCOUNT_TRANSPORT_AUTH_ANY;
}

static const char *const protocol_names[] = {
    [ACCOUNT_TRANSPORT_SMTP] = "smtp",
    [ACCOUNT_TRANSPORT_LMTP] = "lmtp",
};

const char *account_transport_protocol_name(enum account_transport_protocol protocol)
{
    return protocol_names[protocol];
}

enum account_transport_protocol account_transport_protocol_parse(str name)
{
    return str_eq(name, str_from_cstr(protocol_names[ACCOUNT_TRANSPORT_LMTP]))
               ? ACCOUNT_TRANSPORT_LMTP
               : ACCOUNT_TRANSPORT_SMTP;
}

/* What a password is bound to: it opens for no other server. */
static str bound_of(struct arena *a, const struct account_transport *t)
{
    return arena_printf(a, "transport %.*s %u %.*s", STR_FMT(t->host), t->port, STR_FMT(t->login));
}

static struct account_transport read_row(const struct db_rows *rows, size_t i, struct arena *a)
{
    return (struct account_transport){
        .domain = arena_str(a, db_str(rows, i, 0)),
        .host = arena_str(a, db_str(rows, i, 1)),
        .port = (unsigned)db_int(rows, i, 2),
        .tls = (enum account_transport_tls)db_int(rows, i, 3),
        .login = arena_str(a, db_str(rows, i, 4)),
        .created_at_us = db_time_us(rows, i, 5),
        .connections = (unsigned)db_int(rows, i, 7),
        .per_minute = (unsigned)db_int(rows, i, 8),
        .pool = arena_str(a, db_str(rows, i, 9)),
        .ehlo_name = arena_str(a, db_str(rows, i, 10)),
        .auth = account_transport_auth_parse(db_str(rows, i, 11)),
        .protocol = account_transport_protocol_parse(db_str(rows, i, 12)),
    };
}

/* ---- what it is for ---- */

bool account_transport_key(struct arena *a, str text, str *out, struct err *e)
{
    str local;
    str domain;
    *out = text;
    if (str_eq(text, STR("*")))
        return true;
    if (str_find_byte(text, '@') < 0)
        return account_domain_normalize(a, text, out, e);
    if (text.p[0] == '@') {
        if (!account_domain_normalize(a, str_skip(text, 1), &domain, e))
            return false;
        *out = arena_printf(a, "@%.*s", STR_FMT(domain));
        return true;
    }
    if (!account_address_normalize(a, text, &local, &domain, e))
        return false;
    *out = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
    return true;
}

enum {
    SENDER_KEYS = 3
};

/* The keys that may be for a sender, the closest first; gives how many. */
static size_t keys_of(struct arena *a, str sender, str out[SENDER_KEYS])
{
    struct err ignored = ERR_CLEAR;
    str local;
    str domain;
    size_t n = 0;
    if (!account_address_normalize(a, sender, &local, &domain, &ignored))
        return 0;
    out[n++] = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
    ptrdiff_t plus = str_find_byte(local, '+');
    if (plus > 0) {
        out[n++] = arena_printf(a, "%.*s@%.*s", STR_FMT(str_slice(local, 0, (size_t)plus)),
                                STR_FMT(domain));
    }
    out[n++] = arena_printf(a, "@%.*s", STR_FMT(domain));
    return n;
}

bool account_transport_find(struct account_directory *d,
                            const struct account_transport_query *query, struct arena *a,
                            int64_t deadline_ms, struct account_transports *out, struct err *e)
{
    const str *senders = query->senders;
    struct db_rows *rows = NULL;
    str *keys = ARENA_ARRAY(a, str, (SENDER_KEYS + 1) * query->n + 2);
    size_t n_keys = 0;
    keys[n_keys++] = query->domain;
    keys[n_keys++] = STR("*");
    for (size_t i = 0; i < query->n; i++) {
        if (i == 0 || !str_eq(senders[i], senders[i - 1]))
            n_keys += keys_of(a, senders[i], &keys[n_keys]);
        if (query->named && query->named[i].n > 0)
            keys[n_keys++] = query->named[i];
    }
    const struct db_param params[] = { DB_TEXTS(keys, n_keys) };
    if (!db_query(d->db, DB_READ, &find_some, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_transport, out->n + 1);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = read_row(rows, i, a);
        out->list[i].sealed = arena_str(a, db_str(rows, i, 6));
    }
    return true;
}

/* Takes from a transport what none before it has said. */
static void add_to_way(struct account_way *way, const struct account_transport *t)
{
    way->relay = !way->relay && t->host.n > 0 ? t : way->relay;
    way->connections = !way->connections && t->connections > 0 ? t : way->connections;
    way->rate = !way->rate && t->per_minute > 0 ? t : way->rate;
    way->pool = !way->pool && t->pool.n > 0 ? t : way->pool;
    way->name = !way->name && t->ehlo_name.n > 0 ? t : way->name;
}

struct account_way account_transport_choose(const struct account_transports *found, str domain,
                                            str sender, struct arena *a)
{
    return account_transport_choose_named(found, domain, sender, STR_EMPTY, a);
}

struct account_way account_transport_choose_named(const struct account_transports *found,
                                                  str domain, str sender, str named,
                                                  struct arena *a)
{
    struct account_way way = { .relay = NULL };
    str keys[SENDER_KEYS + 3];
    size_t n = 0;
    bool is_own = str_eq(named, STR(ACCOUNT_TRANSPORT_OWN));
    if (found->n == 0)
        return way;
    if (named.n > 0)
        keys[n++] = named;
    keys[n++] = domain;
    n += keys_of(a, sender, &keys[n]);
    keys[n++] = STR("*");
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < found->n; i++) {
            const struct account_transport *t = &found->list[i];
            if (str_eq(t->domain, keys[k]) && !(is_own && t->host.n > 0))
                add_to_way(&way, t);
        }
    }
    return way;
}

str account_transport_subject(const struct account_transport *t, str domain)
{
    return t->host.n == 0 && str_eq(t->domain, STR("*")) ? domain : t->domain;
}

bool account_transport_take(struct account_directory *d, const struct account_transport *t,
                            str domain, size_t n, size_t *granted, int64_t *wait_ms, struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(account_transport_subject(t, domain)),
                                       DB_INT4(t->per_minute), DB_INT4((int64_t)n) };
    arena_init(&a);
    bool ok = db_query(d->db, DB_DELIVER, &take, params, COUNT_OF(params), &a,
                       clock_deadline_in(TAKE_MS), &rows, e);
    if (ok) {
        *granted = (size_t)db_int(rows, 0, 0);
        *wait_ms = db_int(rows, 0, 1);
    }
    arena_fini(&a);
    return ok;
}

bool account_transport_is_of_sender(const struct account_transport *t)
{
    return str_find_byte(t->domain, '@') >= 0;
}

bool account_transport_unseal(const struct account_directory *d, const struct account_transport *t,
                              struct arena *a, struct secret *password, struct err *e)
{
    if (t->login.n == 0)
        return true;
    if (!d->options.seal_key)
        return ERR(e, ERR_UNSUPPORTED, "the server has no key: set security.key");
    return crypto_unseal(d->options.seal_key, t->sealed, bound_of(a, t), password, e);
}

/* ---- changing them ---- */

/* Where mail goes, or what else is said. */
static bool check_server(const struct account_transport *given, struct arena *a,
                         struct account_transport *out, struct err *e)
{
    if (given->host.n == 0) {
        out->port = 0;
        if (given->connections == 0 && given->per_minute == 0 && given->pool.n == 0 &&
            given->ehlo_name.n == 0)
            return ERR(e, ERR_SYNTAX, "neither a server nor anything else is said");
        if (given->protocol != ACCOUNT_TRANSPORT_SMTP)
            return ERR(e, ERR_SYNTAX, "LMTP is for a server");
        return given->login.n == 0 || ERR(e, ERR_SYNTAX, "a login is for a server");
    }
    if (str_find_byte(given->host, ':') < 0 &&
        !account_domain_normalize(a, given->host, &out->host, e))
        return false;
    if (given->port == 0 || given->port > PORT_MAX)
        return ERR(e, ERR_SYNTAX, "a port is 1 to %d", PORT_MAX);
    return given->protocol != ACCOUNT_TRANSPORT_LMTP || given->port != PORT_OF_SMTP ||
           ERR(e, ERR_SYNTAX, "port %d is for SMTP, never for LMTP (RFC 2033)", PORT_OF_SMTP);
}

/* Brings the names to their written form. */
static bool check(const struct account_transport *given, str password, struct arena *a,
                  struct account_transport *out, struct err *e)
{
    *out = *given;
    if (!account_transport_key(a, given->domain, &out->domain, e) ||
        !check_server(given, a, out, e))
        return false;
    if (given->connections > ACCOUNT_TRANSPORT_CONNECTIONS_MAX ||
        given->per_minute > ACCOUNT_TRANSPORT_RATE_MAX ||
        given->pool.n > ACCOUNT_TRANSPORT_POOL_MAX)
        return ERR(e, ERR_SYNTAX, "a limit is too high, or the pool's name too long");
    if (given->ehlo_name.n > 0 &&
        !account_domain_normalize(a, given->ehlo_name, &out->ehlo_name, e))
        return false;
    if (given->login.n > ACCOUNT_TRANSPORT_LOGIN_MAX || password.n > ACCOUNT_TRANSPORT_PASSWORD_MAX)
        return ERR(e, ERR_SYNTAX, "the login or the password is too long");
    if ((given->login.n == 0) != (password.n == 0))
        return ERR(e, ERR_SYNTAX, "a login and a password go together");
    if (given->login.n > 0 && given->tls != ACCOUNT_TRANSPORT_VERIFY)
        return ERR(e, ERR_SYNTAX, "a password goes to a server whose certificate verifies only");
    if (given->auth != ACCOUNT_TRANSPORT_AUTH_ANY && given->login.n == 0)
        return ERR(e, ERR_SYNTAX, "a way to log in needs a login");
    return true;
}

static bool seal(const struct account_directory *d, const struct account_transport *t, str password,
                 struct arena *a, str *out, struct err *e)
{
    struct buf sealed;
    if (!d->options.seal_key) {
        return ERR(e, ERR_UNSUPPORTED,
                   "the server has no key to keep passwords under: set security.key");
    }
    buf_init(&sealed, ACCOUNT_TRANSPORT_PASSWORD_MAX + CRYPTO_SEAL_EXTRA);
    bool ok = crypto_seal(d->options.seal_key, password, bound_of(a, t), &sealed, e);
    if (ok)
        *out = arena_str(a, buf_str(&sealed));
    buf_fini(&sealed);
    return ok;
}

/* For the audit: all that is said, but the password. */
static str describe(const struct account_transport *t, struct arena *a)
{
    static const char *const tls[] = { [ACCOUNT_TRANSPORT_VERIFY] = "verify",
                                       [ACCOUNT_TRANSPORT_ENCRYPT] = "encrypt",
                                       [ACCOUNT_TRANSPORT_MAY] = "may" };
    str text = STR_EMPTY;
    if (t->host.n > 0)
        text = arena_printf(a, " %.*s:%u tls=%s", STR_FMT(t->host), t->port, tls[t->tls]);
    if (t->protocol != ACCOUNT_TRANSPORT_SMTP)
        text = arena_printf(a, "%.*s protocol=%s", STR_FMT(text), protocol_names[t->protocol]);
    if (t->login.n > 0)
        text = arena_printf(a, "%.*s login=%.*s", STR_FMT(text), STR_FMT(t->login));
    if (t->auth != ACCOUNT_TRANSPORT_AUTH_ANY)
        text = arena_printf(a, "%.*s auth=%s", STR_FMT(text), auth_names[t->auth]);
    if (t->connections > 0)
        text = arena_printf(a, "%.*s connections=%u", STR_FMT(text), t->connections);
    if (t->per_minute > 0)
        text = arena_printf(a, "%.*s per-minute=%u", STR_FMT(text), t->per_minute);
    if (t->pool.n > 0)
        text = arena_printf(a, "%.*s pool=%.*s", STR_FMT(text), STR_FMT(t->pool));
    if (t->ehlo_name.n > 0)
        text = arena_printf(a, "%.*s ehlo-name=%.*s", STR_FMT(text), STR_FMT(t->ehlo_name));
    return str_skip(text, 1);
}

bool account_transport_set(struct account_directory *d, const struct account_actor *actor,
                           const struct account_transport *transport, str password, struct arena *a,
                           int64_t deadline_ms, struct err *e)
{
    struct account_transport t;
    str sealed = STR_EMPTY;
    if (!check(transport, password, a, &t, e) ||
        (t.login.n > 0 && !seal(d, &t, password, a, &sealed, e)))
        return false;
    const struct db_param params[] = { DB_TEXT(t.domain),
                                       DB_TEXT(t.host),
                                       DB_INT4(t.port),
                                       DB_INT4(t.tls),
                                       DB_TEXT(t.login),
                                       t.login.n ? DB_BYTEA(sealed) : DB_NULL,
                                       DB_INT4(t.connections),
                                       DB_INT4(t.per_minute),
                                       DB_TEXT(t.pool),
                                       DB_TEXT(t.ehlo_name),
                                       DB_TEXT(str_from_cstr(auth_names[t.auth])),
                                       DB_TEXT(str_from_cstr(protocol_names[t.protocol])) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &set_one,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("transport.set"),
                                       .object = t.domain,
                                       .detail = describe(&t, a) };
    return directory_change(d, &act, a, deadline_ms, NULL, e);
}

bool account_transport_remove(struct account_directory *d, const struct account_actor *actor,
                              str domain, struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!account_transport_key(a, domain, &domain, e))
        return false;
    const struct directory_act act = {
        .actor = actor, .stmt = &remove_one, .action = STR("transport.remove"), .object = domain
    };
    if (directory_change(d, &act, a, deadline_ms, NULL, e))
        return true;
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "there is no transport for %.*s", STR_FMT(domain));
    return false;
}

bool account_transport_list(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                            struct account_transports *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(ACCOUNT_TRANSPORTS_MAX) };
    if (!db_query(d->db, DB_READ, &list_all, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_transport, out->n + 1);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_row(rows, i, a);
    return true;
}
