/* SPDX-License-Identifier: Apache-2.0 */
/* Keys to sign with: making, listing, changing. */
#include "account/dkim.h"

#include "account/directory.h"
#include "account/lists.h"
#include "base/base64.h"
#include "crypto/seal.h"
#include "runtime/runtime.h"

#include <stdlib.h>

enum {
    PUBLIC_MAX = 1024,  /* octets of a public key */
    PRIVATE_MAX = 8192, /* of a sealed private one */
    SELECTORS_MAX = 1000,
    RSA_BITS_MIN = 1024, /* what receivers have to take (RFC 8301 section 3.2) */
    RSA_BITS_MAX = 4096
};

static const struct db_stmt list_all = {
    "SELECT k.selector, k.state, k.rsa_public, k.ed_public, k.created_at, k.signing_at, k.retired_at"
    "  FROM domain d JOIN dkim_key k USING (domain_id) WHERE d.name = $1"
    " ORDER BY k.created_at DESC, k.dkim_key_id DESC"
};
static const struct db_stmt list_due = {
    "SELECT d.name, d.rotate_ms FROM (SELECT domain_id, name,"
    " coalesce(dkim_rotate_ms, $1::bigint) AS rotate_ms FROM domain) d"
    " JOIN dkim_key k USING (domain_id) WHERE d.rotate_ms > 0 AND (k.state = 'waiting'"
    "    OR (k.state = 'signing' AND k.signing_at < now() - d.rotate_ms * interval '1 millisecond')"
    "    OR (k.state = 'retired' AND k.retired_at < now() - $2 * interval '1 millisecond'))"
    " GROUP BY d.name, d.rotate_ms ORDER BY min(k.looked_at), d.name LIMIT 1000"
};
static const struct db_stmt set_rotation = { "SELECT domain_set_dkim_rotation($1, $2)" };
static const struct db_stmt note_look = { "UPDATE dkim_key k SET looked_at = now() FROM domain d"
                                          " WHERE d.domain_id = k.domain_id AND d.name = $1" };
static const struct db_stmt create = { "SELECT dkim_key_create($1, $2, $3, $4, $5, $6)" };
static const struct db_stmt activate = { "SELECT dkim_key_activate($1, $2)" };
static const struct db_stmt remove_one = { "SELECT dkim_key_remove($1, $2, $3)" };

/* ---- listing ---- */

static str make_record(struct arena *a, const char *algorithm, str public_key)
{
    struct buf text;
    if (public_key.n == 0)
        return STR_EMPTY;
    buf_init(&text, base64_encoded_size(BASE64_STANDARD, public_key.n));
    INVARIANT(base64_encode(BASE64_STANDARD, public_key, &text));
    str record = arena_printf(a, "v=DKIM1; k=%s; p=%.*s", algorithm, STR_FMT(buf_str(&text)));
    buf_fini(&text);
    return record;
}

static const char *const states[] = {
    [ACCOUNT_DKIM_WAITING] = "waiting",
    [ACCOUNT_DKIM_SIGNING] = "signing",
    [ACCOUNT_DKIM_RETIRED] = "retired",
};

static enum account_dkim_state state_of(str word)
{
    size_t i = 0;
    while (i + 1 < COUNT_OF(states) && !str_eq(word, str_from_cstr(states[i])))
        i++;
    return (enum account_dkim_state)i;
}

static struct account_dkim_key read_key(const struct db_rows *rows, size_t i, struct arena *a)
{
    return (struct account_dkim_key){
        .selector = arena_str(a, db_str(rows, i, 0)),
        .state = state_of(db_str(rows, i, 1)),
        .rsa_record = make_record(a, "rsa", db_str(rows, i, 2)),
        .ed_record = make_record(a, "ed25519", db_str(rows, i, 3)),
        .created_at_us = db_time_us(rows, i, 4),
        .signing_at_us = db_time_us_or(rows, i, 5, 0),
        .retired_at_us = db_time_us_or(rows, i, 6, 0),
    };
}

bool account_dkim_list(struct account_directory *d, str domain, struct arena *a,
                       int64_t deadline_ms, struct account_dkim_list *out, struct err *e)
{
    struct db_rows *rows = NULL;
    struct account_domain_row ours;
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain) };
    if (!db_query(d->db, DB_READ, &list_all, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_dkim_key, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_key(rows, i, a);
    return out->n > 0 || account_domain_get(d, domain, a, deadline_ms, &ours, e);
}

bool account_dkim_due_list(struct account_directory *d, int64_t rotate_ms, int64_t overlap_ms,
                           struct arena *a, int64_t deadline_ms, struct account_dkim_dues *out,
                           struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(rotate_ms), DB_INT8(overlap_ms) };
    if (!db_query(d->db, DB_READ, &list_due, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_dkim_due, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct account_dkim_due){ .domain = arena_str(a, db_str(rows, i, 0)),
                                                  .rotate_ms = db_int(rows, i, 1) };
    }
    return true;
}

bool account_dkim_set_rotation(struct account_directory *d, const struct account_actor *actor,
                               str domain, int64_t rotate_ms, struct arena *a, int64_t deadline_ms,
                               struct err *e)
{
    bool is_default = rotate_ms == ACCOUNT_DKIM_ROTATE_DEFAULT;
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain), is_default ? DB_NULL : DB_INT8(rotate_ms) };
    const struct directory_act act = {
        .actor = actor,
        .stmt = &set_rotation,
        .params = params,
        .n = COUNT_OF(params),
        .action = STR("dkim.rotation"),
        .object = domain,
        .detail = is_default       ? STR("default")
                  : rotate_ms == 0 ? STR("never")
                                   : arena_printf(a, "%lld s", (long long)(rotate_ms / 1000)),
    };
    if (directory_change(d, &act, a, deadline_ms, NULL, e))
        return true;
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours", STR_FMT(domain));
    return false;
}

bool account_dkim_look(struct account_directory *d, str domain, struct arena *a,
                       int64_t deadline_ms, struct err *e)
{
    const struct db_param params[] = { DB_TEXT(domain) };
    return db_query(d->db, DB_READ, &note_look, params, COUNT_OF(params), a, deadline_ms, NULL, e);
}

/* ---- making ---- */

/* A pair that a thread of the pool makes; freed there when nobody waits for it any more. */
struct making {
    struct work work;
    struct crypto_key *rsa;
    struct crypto_key *ed;
    bool ok;
    struct err err;
};

static void run(struct work *work)
{
    struct making *m = CONTAINER_OF(work, struct making, work);
    m->ok = crypto_key_generate(CRYPTO_RSA, ACCOUNT_DKIM_RSA_BITS, &m->rsa, &m->err) &&
            crypto_key_generate(CRYPTO_ED25519, 0, &m->ed, &m->err);
}

static void done(struct work *work)
{
    struct making *m = CONTAINER_OF(work, struct making, work);
    crypto_key_free(&m->rsa);
    crypto_key_free(&m->ed);
    free(m);
}

static bool public_of(const struct crypto_key *key, struct arena *a, str *out, struct err *e)
{
    struct buf text;
    buf_init(&text, PUBLIC_MAX);
    bool ok = crypto_key_format_public(key, &text) || ERR(e, ERR_LIMIT, "a public key is too long");
    if (ok)
        *out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return ok;
}

str directory_dkim_bound(struct arena *a, str domain, str selector)
{
    return arena_printf(a, "dkim %.*s %.*s", STR_FMT(selector), STR_FMT(domain));
}

static bool sealed_of(const struct account_directory *d, const struct crypto_key *key, str bound,
                      struct arena *a, str *out, struct err *e)
{
    struct secret pem = SECRET_EMPTY;
    struct buf text;
    buf_init(&text, PRIVATE_MAX);
    bool ok = crypto_key_format_private(key, &pem, e) &&
              crypto_seal(d->options.seal_key, secret_str(&pem), bound, &text, e);
    if (ok)
        *out = arena_str(a, buf_str(&text));
    secret_wipe(&pem);
    buf_fini(&text);
    return ok;
}

/* A row of the table, its private halves sealed. */
struct sealed_pair {
    str rsa_public, rsa_private, ed_public, ed_private;
};

static YIELDS bool make_pair(const struct account_directory *d, str bound, struct arena *a,
                             int64_t deadline_ms, struct sealed_pair *out, struct err *e)
{
    struct making *m = HEAP_NEW(struct making);
    m->work = (struct work){ .run = run, .done = done };
    if (!work_run(&m->work, deadline_ms, e))
        return false;
    bool ok = m->ok;
    if (!ok)
        (void)ERR(e, m->err.kind, "%s", m->err.msg);
    ok = ok && public_of(m->rsa, a, &out->rsa_public, e) &&
         public_of(m->ed, a, &out->ed_public, e) &&
         sealed_of(d, m->rsa, bound, a, &out->rsa_private, e) &&
         sealed_of(d, m->ed, bound, a, &out->ed_private, e);
    work_finish(&m->work);
    return ok;
}

static bool is_selector(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool is_edge = i == 0 || i + 1 == text.n;
        char c = text.p[i];
        if (!(ascii_is_digit(c) || (c >= 'a' && c <= 'z') || (c == '-' && !is_edge)))
            return false;
    }
    return text.n > 0 && text.n <= ACCOUNT_DKIM_SELECTOR_MAX;
}

/* Whether a record of one of the keys stands there. */
static bool has_record(const struct account_dkim_list *keys, str selector)
{
    for (size_t i = 0; i < keys->n; i++) {
        const struct account_dkim_key *key = &keys->list[i];
        bool is_pair = key->rsa_record.n > 0 && key->ed_record.n > 0;
        if (str_eq(selector, key->selector) ||
            (is_pair && selector.n == key->selector.n + 3 &&
             str_has_prefix(selector, key->selector) && str_has_suffix(selector, STR("-ed"))))
            return true;
    }
    return false;
}

static bool is_taken(const struct account_dkim_list *keys, str selector, bool is_pair,
                     struct arena *a)
{
    return has_record(keys, selector) ||
           (is_pair && has_record(keys, arena_printf(a, "%.*s-ed", STR_FMT(selector))));
}

static bool fail_taken(str domain, str selector, struct err *e)
{
    return ERR(e, ERR_EXISTS, "%.*s has a key with the selector %.*s already", STR_FMT(domain),
               STR_FMT(selector));
}

static bool check_selector(str selector, struct err *e)
{
    if (is_selector(selector))
        return true;
    return ERR(e, ERR_SYNTAX,
               "a selector has 1-%d small letters, digits and hyphens, no hyphen at its ends",
               ACCOUNT_DKIM_SELECTOR_MAX);
}

static YIELDS bool choose_selector(struct account_directory *d, str domain, str wanted,
                                   struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct account_dkim_list keys;
    if (!account_dkim_list(d, domain, a, deadline_ms, &keys, e))
        return false;
    *out = wanted.n ? wanted : STR("mail");
    if (!check_selector(*out, e))
        return false;
    for (int i = 2; !wanted.n && is_taken(&keys, *out, true, a) && i < SELECTORS_MAX; i++)
        *out = arena_printf(a, "mail%d", i);
    return !is_taken(&keys, *out, true, a) || fail_taken(domain, *out, e);
}

/* A change by a function of the database; the name is normal. Yields. */
static YIELDS bool change(struct account_directory *d, const struct directory_act *act,
                          struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!directory_change(d, act, a, deadline_ms, NULL, e)) {
        if (e->kind == ERR_EXISTS)
            return fail_taken(act->object, act->detail, e);
        if (e->kind == ERR_NOT_FOUND) {
            return ERR(e, ERR_NOT_FOUND, "%.*s has no key with the selector %.*s",
                       STR_FMT(act->object), STR_FMT(act->detail));
        }
        return false;
    }
    directory_changed(d, 0);
    return true;
}

static bool can_seal(const struct account_directory *d, struct err *e)
{
    return d->options.seal_key ||
           ERR(e, ERR_UNSUPPORTED,
               "the server has no key to keep private keys under: set security.key");
}

bool account_dkim_make(struct account_directory *d, const struct account_actor *actor,
                       const struct account_dkim_name *name, struct arena *a, int64_t deadline_ms,
                       str *made, struct err *e)
{
    struct sealed_pair pair;
    str domain;
    if (!can_seal(d, e) || !account_domain_normalize(a, name->domain, &domain, e) ||
        !choose_selector(d, domain, name->selector, a, deadline_ms, made, e) ||
        !make_pair(d, directory_dkim_bound(a, domain, *made), a, deadline_ms, &pair, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain),           DB_TEXT(*made),
                                       DB_BYTEA(pair.rsa_public), DB_BYTEA(pair.rsa_private),
                                       DB_BYTEA(pair.ed_public),  DB_BYTEA(pair.ed_private) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &create,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("dkim.make"),
                                       .object = domain,
                                       .detail = *made };
    return change(d, &act, a, deadline_ms, e);
}

/* ---- bringing one along ---- */

static bool check_size(const struct crypto_key *key, struct err *e)
{
    unsigned bits = crypto_key_bits(key);
    if (crypto_key_kind(key) != CRYPTO_RSA || (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX))
        return true;
    return ERR(e, ERR_LIMIT, "an RSA key of %u bits; receivers take %d to %d (RFC 8301)", bits,
               RSA_BITS_MIN, RSA_BITS_MAX);
}

/* As the key would be. Yields. */
static YIELDS bool rehearse(struct account_directory *d, const struct account_dkim_import *what,
                            struct arena *a, int64_t deadline_ms, struct account_dkim_key *out,
                            struct err *e)
{
    struct account_dkim_list keys;
    str public_key;
    if (!account_dkim_list(d, what->name.domain, a, deadline_ms, &keys, e) ||
        !check_selector(what->name.selector, e) || !public_of(what->key, a, &public_key, e))
        return false;
    if (is_taken(&keys, what->name.selector, false, a))
        return fail_taken(what->name.domain, what->name.selector, e);
    bool is_rsa = crypto_key_kind(what->key) == CRYPTO_RSA;
    *out =
        (struct account_dkim_key){ .selector = what->name.selector, .state = ACCOUNT_DKIM_SIGNING };
    *(is_rsa ? &out->rsa_record : &out->ed_record) =
        make_record(a, is_rsa ? "rsa" : "ed25519", public_key);
    for (size_t i = 0; i < keys.n; i++) {
        if (keys.list[i].state == ACCOUNT_DKIM_SIGNING)
            out->state = ACCOUNT_DKIM_WAITING;
    }
    return true;
}

/* Yields. */
static YIELDS bool keep(struct account_directory *d, const struct account_actor *actor,
                        const struct account_dkim_import *what, struct arena *a,
                        int64_t deadline_ms, struct err *e)
{
    const struct account_dkim_name *name = &what->name;
    bool is_rsa = crypto_key_kind(what->key) == CRYPTO_RSA;
    str public_key, sealed;
    if (!public_of(what->key, a, &public_key, e) ||
        !sealed_of(d, what->key, directory_dkim_bound(a, name->domain, name->selector), a, &sealed,
                   e))
        return false;
    const struct db_param halves[] = { DB_BYTEA(public_key), DB_BYTEA(sealed), DB_NULL, DB_NULL };
    const struct db_param *rsa = is_rsa ? halves : halves + 2;
    const struct db_param *ed = is_rsa ? halves + 2 : halves;
    const struct db_param params[] = {
        DB_TEXT(name->domain), DB_TEXT(name->selector), rsa[0], rsa[1], ed[0], ed[1]
    };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &create,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("dkim.import"),
                                       .object = name->domain,
                                       .detail = name->selector };
    return change(d, &act, a, deadline_ms, e);
}

/* Whether it signs is decided where it is kept. Yields. */
static YIELDS bool find_kept(struct account_directory *d, const struct account_dkim_name *name,
                             struct arena *a, int64_t deadline_ms, struct account_dkim_key *out,
                             struct err *e)
{
    struct account_dkim_list keys;
    if (!account_dkim_list(d, name->domain, a, deadline_ms, &keys, e))
        return false;
    for (size_t i = 0; i < keys.n; i++) {
        if (str_eq(keys.list[i].selector, name->selector)) {
            *out = keys.list[i];
            return true;
        }
    }
    return ERR(e, ERR_NOT_FOUND, "the key was removed at once");
}

bool account_dkim_import(struct account_directory *d, const struct account_actor *actor,
                         const struct account_dkim_import *what, struct arena *a,
                         int64_t deadline_ms, struct account_dkim_key *out, struct err *e)
{
    struct account_dkim_import own = *what;
    own.name.selector = arena_lower(a, what->name.selector);
    if (!can_seal(d, e) || !check_size(what->key, e) ||
        !account_domain_normalize(a, what->name.domain, &own.name.domain, e) ||
        !rehearse(d, &own, a, deadline_ms, out, e))
        return false;
    return what->is_rehearsal || (keep(d, actor, &own, a, deadline_ms, e) &&
                                  find_kept(d, &own.name, a, deadline_ms, out, e));
}

/* ---- changing over ---- */

bool account_dkim_activate(struct account_directory *d, const struct account_actor *actor,
                           const struct account_dkim_name *name, struct arena *a,
                           int64_t deadline_ms, struct err *e)
{
    str domain;
    if (!account_domain_normalize(a, name->domain, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain), DB_TEXT(name->selector) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &activate,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("dkim.activate"),
                                       .object = domain,
                                       .detail = name->selector };
    return change(d, &act, a, deadline_ms, e);
}

bool account_dkim_remove(struct account_directory *d, const struct account_actor *actor,
                         const struct account_dkim_name *name, enum account_dkim_state seen,
                         struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct err why = ERR_CLEAR;
    str domain;
    if (!account_domain_normalize(a, name->domain, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain), DB_TEXT(name->selector),
                                       DB_TEXT(str_from_cstr(states[seen])) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &remove_one,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("dkim.remove"),
                                       .object = domain,
                                       .detail = name->selector };
    if (change(d, &act, a, deadline_ms, &why))
        return true;
    *e = why;
    if (why.kind == ERR_EXISTS) /* HR409 */
        e->kind = ERR_CONFLICT;
    return false;
}
