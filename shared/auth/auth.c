/* SPDX-License-Identifier: Apache-2.0 */
/* One login from the limits to the audit row. */
#include "auth/auth.h"

#include "audit/audit.h"
#include "auth/login.h"
#include "base/utf8.h"
#include "db/db.h"
#include "obs/obs.h"

enum {
    LOOKUP_MS = 2000, /* a database that is slower than this counts as away (PROMISES R6) */
    SECOND_MS = 1000
};

/* ---- making ---- */

static unsigned or_preset(unsigned value, unsigned preset)
{
    return value ? value : preset;
}

/* 0 is the default, below 0 is none. */
static int64_t time_or_preset(int64_t value, int64_t preset)
{
    if (value == 0)
        return preset;
    return value > 0 ? value : 0;
}

static struct auth_options with_presets(const struct auth_options *options)
{
    struct auth_options o = options ? *options : (struct auth_options){ .per_second = 0 };
    o.per_ip_per_minute = or_preset(o.per_ip_per_minute, 10);
    o.per_ip_per_day = or_preset(o.per_ip_per_day, 50);
    o.per_account_per_hour = or_preset(o.per_account_per_hour, 20);
    o.per_second = or_preset(o.per_second, 300);
    o.delay_ms = time_or_preset(o.delay_ms, 2000);
    o.delay_max_ms = time_or_preset(o.delay_max_ms, 15000);
    o.cache_ms = time_or_preset(o.cache_ms, 60000);
    if (o.hash.memory_kib == 0)
        o.hash = CRYPTO_ARGON2ID_DEFAULT;
    return o;
}

struct auth *auth_new(struct account_directory *accounts, struct db *db, struct redis *redis,
                      const struct auth_options *options)
{
    struct auth *auth = HEAP_NEW(struct auth);
    struct err e = ERR_CLEAR;
    auth->accounts = accounts;
    auth->db = db;
    auth->grants = auth_grants_new(db);
    auth->options = with_presets(options);
    const struct throttle_limits limits = { .per_minute = auth->options.per_ip_per_minute,
                                            .per_day = auth->options.per_ip_per_day,
                                            .per_account_hour =
                                                auth->options.per_account_per_hour };
    throttle_init(&auth->throttle, redis, &limits);
    cache_init(&auth->cache, auth->options.cache_ms);
    hashing_init(&auth->hashing);
    bool ok = crypto_argon2id_hash(&auth->options.hash, STR("nobody"), auth->dummy, &e);
    INVARIANT(ok);
    return auth;
}

void auth_free(struct auth **auth)
{
    if (!*auth)
        return;
    throttle_fini(&(*auth)->throttle);
    auth_grants_free(&(*auth)->grants);
    secret_wipe_memory((*auth)->salt_key, sizeof((*auth)->salt_key));
    cache_fini(&(*auth)->cache);
    free(*auth);
    *auth = NULL;
}

void auth_forget(struct auth *auth, int64_t account_id)
{
    auth->forgets++;
    cache_forget(&auth->cache, account_id);
    auth_grants_forget(auth->grants, account_id);
}

/* ---- failure ---- */

/* A name that the database could not even be asked for is nobody's. */
static bool is_name(str login)
{
    return utf8_is_valid(login) && str_find_byte(login, '\0') < 0;
}

/* An unknown name without '@' is left out: it may be a password typed into the wrong field
 * (PROMISES R31). */
static str shown_attempt(const struct auth_attempt *attempt)
{
    bool is_shown = is_name(attempt->login) && str_find_byte(attempt->login, '@') >= 0;
    return is_shown ? attempt->login : STR("(unknown)");
}

/* What the log and the audit say the attempt was for. */
static str shown_name(const struct login *l)
{
    return l->is_found ? l->account.login : shown_attempt(l->attempt);
}

/* An audit row that cannot be written fails no login: the password was checked all the same. */
static void write_audit(const struct login *l, const char *result)
{
    char text[NET_ADDRESS_TEXT];
    struct err e = ERR_CLEAR;
    const struct audit_entry entry = {
        .actor_id = l->is_found ? l->account.account_id : 0,
        .actor = shown_name(l),
        .ip = l->attempt->peer ? net_address_ip(l->attempt->peer, text) : STR_EMPTY,
        .action = STR("login"),
        .object = shown_name(l),
        .detail = l->way ? arena_printf(l->a, "%s, %s", l->attempt->protocol, l->way)
                         : str_from_cstr(l->attempt->protocol),
        .result = str_from_cstr(result),
    };
    if (!audit_write(l->auth->db, &entry, clock_deadline_in(LOOKUP_MS), &e))
        obs_log(EV_AUTH_AUDIT_LOST, l->attempt->session, OBS_ERR(&e));
}

void auth_note_exposed(struct auth *auth, const struct auth_attempt *attempt)
{
    char text[NET_ADDRESS_TEXT];
    struct err e = ERR_CLEAR;
    const struct audit_entry entry = {
        .actor = STR("system"),
        .ip = attempt->peer ? net_address_ip(attempt->peer, text) : STR_EMPTY,
        .action = STR("auth.exposed"),
        .object = shown_attempt(attempt),
        .detail = STR("password sent without TLS"),
        .result = STR("denied"),
    };
    if (!db_is_up(auth->db) || !audit_write(auth->db, &entry, clock_deadline_in(LOOKUP_MS), &e))
        obs_log(EV_AUTH_AUDIT_LOST, attempt->session, OBS_ERR(&e));
}

/* Counts the failure, writes it down, and lets the client wait. The delay is measured from the
 * beginning, so that it hides how long the work took. */
bool login_deny(struct login *l, struct err *e)
{
    struct err ended = ERR_CLEAR;
    throttle_count(&l->auth->throttle, &l->subject, l->a);
    write_audit(l, "denied");
    int64_t at = l->answer_at_ms < l->deadline_ms ? l->answer_at_ms : l->deadline_ms;
    if (at > clock_monotonic_ms() && !fiber_sleep_until(at, &ended) && ended.kind == ERR_CANCELLED)
        return ERR(e, ERR_CANCELLED, "%s", ended.msg);
    return ERR(e, ERR_DENIED, "wrong name or password");
}

/* ---- the way of one login ---- */

/* An account under attack is not locked; each further attempt waits longer, up to the maximum. What
 * exceeds the ordinary delay is waited for before any work. */
static bool wait_under_attack(struct login *l, unsigned over, struct err *e)
{
    const struct auth_options *o = &l->auth->options;
    int64_t wait = o->delay_ms * over / 4;
    int64_t most = o->delay_max_ms > o->delay_ms ? o->delay_max_ms - o->delay_ms : 0;
    wait = wait < most ? wait : most;
    l->answer_at_ms += wait;
    int64_t at = clock_deadline_in(wait);
    return wait == 0 || fiber_sleep_until(at < l->deadline_ms ? at : l->deadline_ms, e);
}

/* A bucket of a second for everybody: the last line before the processor is gone. */
static bool take_turn(struct auth *auth, struct err *e)
{
    int64_t second = clock_monotonic_ms() / SECOND_MS;
    if (auth->second != second) {
        auth->second = second;
        auth->checks_in_second = 0;
    }
    if (auth->checks_in_second >= auth->options.per_second)
        return ERR(e, ERR_LIMIT, "more than %u logins in this second", auth->options.per_second);
    auth->checks_in_second++;
    return true;
}

/* Finds the account; that there is none is no failure here. */
bool login_look_up(struct login *l, struct err *e)
{
    int64_t patience = clock_deadline_in(LOOKUP_MS);
    struct err why = ERR_CLEAR;
    l->forgets = l->auth->forgets;
    if (account_find_for_login(l->auth->accounts, l->attempt->login, l->a,
                               l->deadline_ms < patience ? l->deadline_ms : patience, &l->is_found,
                               &l->account, &why))
        return true;
    return ERR(e, why.kind == ERR_CANCELLED ? ERR_CANCELLED : ERR_UNAVAILABLE, "find account: %s",
               why.msg);
}

/* What is stored of a password: the PHC string, and behind a space the verifier of SCRAM. */
static str hash_of(str stored)
{
    str phc;
    str verifier;
    (void)str_cut(stored, ' ', &phc, &verifier);
    return phc;
}

bool login_verifier_of(str stored, struct scram_verifier *out)
{
    str phc;
    str verifier;
    return str_cut(stored, ' ', &phc, &verifier) && scram_verifier_parse(verifier, out, NULL);
}

bool login_is_usable(const struct login *l)
{
    return l->is_found && !l->account.is_disabled && l->account.password_hash.n > 0;
}

/* Verifies the password against the account's hash, or the dummy. A stored hash that cannot be read
 * is nobody's password. */
static bool verify(struct login *l, bool *matches, struct err *e)
{
    struct auth *auth = l->auth;
    bool is_usable = login_is_usable(l);
    str phc = is_usable ? hash_of(l->account.password_hash) : str_from_cstr(auth->dummy);
    struct err why = ERR_CLEAR;
    if (!hashing_enter(&auth->hashing, l->deadline_ms, e))
        return false;
    /* Others from the same place may have failed while this one waited in the line. */
    if (!throttle_check_again(&auth->throttle, &l->subject, e)) {
        hashing_leave(&auth->hashing);
        return false;
    }
    if (hashing_verify(&auth->hashing, phc, secret_str(&l->password), l->deadline_ms, matches,
                       &why)) {
        *matches = *matches && is_usable;
        return true;
    }
    *matches = false;
    if (why.kind == ERR_CANCELLED || why.kind == ERR_TIMEOUT)
        return ERR(e, why.kind, "%s", why.msg);
    if (why.kind != ERR_SYNTAX && why.kind != ERR_LIMIT)
        return ERR(e, ERR_UNAVAILABLE, "%s", why.msg);
    obs_log(EV_AUTH_HASH_UNUSABLE, l->attempt->session, OBS_STR("account", l->account.login),
            OBS_ERR(&why));
    return true;
}

/* The account was changed since it was read: the password may be another by now. */
static bool is_outdated(const struct login *l)
{
    return l->forgets != l->auth->forgets;
}

/* A hash made with less than we want today, or without a verifier for SCRAM, is made again, now
 * that the password is here. It only replaces the very hash that was verified: the password may be
 * another by now. */
static void refresh_hash(struct login *l)
{
    struct auth *auth = l->auth;
    struct err e = ERR_CLEAR;
    str phc;
    struct scram_verifier verifier;
    if (l->way)
        return; /* an app password: nothing is known of the account's own */
    if (!crypto_argon2id_needs_rehash(hash_of(l->account.password_hash), &auth->options.hash) &&
        login_verifier_of(l->account.password_hash, &verifier))
        return;
    uint8_t salt[SCRAM_SALT_SIZE];
    bool ok = auth_salt_of(auth, l->account.login, l->a, l->deadline_ms, salt, &e) &&
              hashing_enter(&auth->hashing, l->deadline_ms, &e) &&
              hashing_make(&auth->hashing, &auth->options.hash, salt, secret_str(&l->password),
                           l->deadline_ms, l->a, &phc, &e) &&
              account_rehash(auth->accounts, &l->account, phc, l->a, l->deadline_ms, &e);
    if (!ok && e.kind != ERR_CONFLICT) {
        obs_log(EV_AUTH_REHASH_FAILED, l->attempt->session, OBS_STR("account", l->account.login),
                OBS_ERR(&e));
    }
}

void login_admit(struct login *l, struct auth_identity *out)
{
    l->result = "ok";
    write_audit(l, "ok");
    *out = (struct auth_identity){ .account_id = l->account.account_id,
                                   .login = l->account.login,
                                   .is_admin = l->account.is_admin,
                                   .ticket = { .account_id = l->account.account_id,
                                               .password_serial = l->account.password_serial,
                                               .app_password_id = l->app_password_id,
                                               .token_id = l->token_id } };
}

/* The password was right: it is remembered for clients that come in bursts. */
static void admit(struct login *l, struct auth_identity *out)
{
    login_admit(l, out);
    refresh_hash(l);
    if (is_outdated(l) || l->attempt->is_own_now)
        return;
    cache_put(&l->auth->cache, l->mac, out, clock_monotonic_ms());
}

/* What is remembered of an app password holds for this protocol and address only. */
static void compute_mac(struct login *l)
{
    char ip[NET_ADDRESS_TEXT] = "";
    str from = l->attempt->peer ? net_address_ip(l->attempt->peer, ip) : STR_EMPTY;
    str login = l->attempt->login;
    if (login_is_app_shaped(l->attempt->password)) {
        login =
            arena_printf(l->a, "%.*s %s %.*s", STR_FMT(login), l->attempt->protocol, STR_FMT(from));
    }
    cache_mac(&l->auth->cache, login, secret_str(&l->password), l->mac);
}

/* True when the same name and password were right a moment ago, and that is enough. */
static bool is_remembered(struct login *l, struct auth_identity *out)
{
    struct auth_cache *cache = &l->auth->cache;
    if (l->attempt->is_own_now)
        return false;
    compute_mac(l);
    const struct cache_entry *entry = cache_find(cache, l->mac, clock_monotonic_ms());
    if (!entry)
        return false;
    *out = entry->who;
    out->login = arena_str(l->a, entry->who.login);
    return true;
}

bool login_enter(struct login *l, struct err *e)
{
    unsigned over = 0;
    return throttle_check(&l->auth->throttle, &l->subject, l->a, &over, e) &&
           take_turn(l->auth, e) && wait_under_attack(l, over, e);
}

static bool run_login(struct login *l, struct auth_identity *out, struct err *e)
{
    unsigned over = 0;
    bool matches = false;
    /* Before everything else, also before the cache: what is remembered must not be guessable. */
    if (!throttle_check(&l->auth->throttle, &l->subject, l->a, &over, e))
        return false;
    bool is_password = auth_password_prepare(l->attempt->password, &l->password, NULL);
    if (is_password && is_remembered(l, out)) {
        l->result = "cached";
        return true;
    }
    if (!take_turn(l->auth, e) || !wait_under_attack(l, over, e))
        return false;
    if (!is_password || !is_name(l->attempt->login))
        return login_deny(l, e);
    bool may_be_app = !l->attempt->is_own_now && login_is_app_shaped(l->attempt->password);
    if (!login_look_up(l, e) || (may_be_app && !login_try_app_password(l, &matches, e)) ||
        (!matches && !verify(l, &matches, e)))
        return false;
    if (!matches)
        return login_deny(l, e);
    admit(l, out);
    return true;
}

/* ---- telling about it ---- */

static const char *result_of(const struct err *e)
{
    if (e->kind == ERR_DENIED)
        return "denied";
    return e->kind == ERR_LIMIT ? "limited" : "unavailable";
}

void login_report(const struct login *l, bool ok, const struct err *e)
{
    const struct auth_attempt *attempt = l->attempt;
    const char *result = ok ? l->result : result_of(e);
    char label[48];
    char ip[NET_ADDRESS_TEXT] = "";
    if (attempt->peer)
        (void)net_address_ip(attempt->peer, ip);
    (void)snprintf(label, sizeof(label), "%s,%s", result, attempt->protocol);
    obs_count(METRIC_AUTH_ATTEMPTS, label, 1);
    enum obs_event event = ok                      ? EV_AUTH_OK
                           : e->kind == ERR_DENIED ? EV_AUTH_DENIED
                           : e->kind == ERR_LIMIT  ? EV_AUTH_LIMITED
                                                   : EV_AUTH_UNAVAILABLE;
    obs_log(event, attempt->session, OBS_STR("login", shown_name(l)), OBS_CSTR("peer", ip),
            OBS_CSTR("protocol", attempt->protocol), OBS_CSTR("result", result),
            OBS_CSTR("reason", ok ? "" : e->msg));
}

void login_init(struct login *l, struct auth *auth, const struct auth_attempt *attempt,
                struct arena *a, int64_t deadline_ms)
{
    *l = (struct login){ .auth = auth,
                         .attempt = attempt,
                         .a = a,
                         .deadline_ms = deadline_ms,
                         .answer_at_ms = clock_deadline_in(auth->options.delay_ms) };
    throttle_subject_init(&l->subject, attempt->peer, attempt->login);
}

bool auth_login(struct auth *auth, const struct auth_attempt *attempt, struct arena *a,
                int64_t deadline_ms, struct auth_identity *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct login l;
    login_init(&l, auth, attempt, a, deadline_ms);
    bool ok = run_login(&l, out, &why);
    secret_wipe(&l.password);
    login_report(&l, ok, &why);
    if (!ok && e)
        *e = why;
    return ok;
}

bool auth_hash_password(struct auth *auth, str login, str password, struct arena *a,
                        int64_t deadline_ms, str *stored, struct err *e)
{
    struct secret prepared = SECRET_EMPTY;
    uint8_t salt[SCRAM_SALT_SIZE];
    bool ok = auth_password_check(password, e) && auth_password_prepare(password, &prepared, e) &&
              auth_salt_of(auth, login, a, deadline_ms, salt, e) &&
              hashing_enter(&auth->hashing, deadline_ms, e) &&
              hashing_make(&auth->hashing, &auth->options.hash, salt, secret_str(&prepared),
                           deadline_ms, a, stored, e);
    secret_wipe(&prepared);
    return ok;
}
