/* SPDX-License-Identifier: Apache-2.0 */
/* Adds one after the other; "it exists already" is what most starts find. */
#include "services/app/bootstrap.h"

#include "account/account.h"
#include "account/lists.h"
#include "auth/password.h"
#include "base/map.h"
#include "crypto/argon2id.h"
#include "obs/obs.h"

/* ---- checks ---- */

static bool at(const struct config *c, int line, bool ok, struct err *e)
{
    if (!ok)
        (void)err_wrap(e, "%s:%d", config_file(c), line);
    return ok;
}

static bool check_hash(const char *hash, struct err *e)
{
    str phc = str_from_cstr(hash);
    const struct crypto_argon2id nothing = { 0 };
    return !crypto_argon2id_needs_rehash(phc, &nothing) ||
           ERR(e, ERR_SYNTAX, "password_hash is no argon2id string as $argon2id$v=19$m=...");
}

static bool check_account(const struct config_account *account, struct arena *a, struct err *e)
{
    str local;
    str domain;
    if (!account_address_normalize(a, str_from_cstr(account->address), &local, &domain, e))
        return false;
    if (str_eq(local, STR("*"))) {
        return ERR(e, ERR_SYNTAX, "%s is a catch-all, which is no login: write it in addresses",
                   account->address);
    }
    for (size_t i = 0; i < account->addresses.n; i++) {
        str address = str_from_cstr(account->addresses.items[i]);
        if (!account_address_normalize(a, address, &local, &domain, e))
            return err_wrap(e, "%s", account->addresses.items[i]);
    }
    return account->password ? auth_password_check(str_from_cstr(account->password), e)
                             : check_hash(account->password_hash, e);
}

bool app_bootstrap_check(const struct config *c, struct err *e)
{
    size_t n_domains;
    size_t n_accounts;
    const struct config_domain *domains = config_domains(c, &n_domains);
    const struct config_account *accounts = config_accounts(c, &n_accounts);
    struct arena a;
    bool ok = true;
    arena_init(&a);
    for (size_t i = 0; ok && i < n_domains; i++) {
        str name;
        ok = at(c, domains[i].line,
                account_domain_normalize(&a, str_from_cstr(domains[i].name), &name, e), e);
    }
    for (size_t i = 0; ok && i < n_accounts; i++)
        ok = at(c, accounts[i].line, check_account(&accounts[i], &a, e), e);
    arena_fini(&a);
    if (!ok)
        e->kind = ERR_SYNTAX; /* of the file, whatever it is of a password */
    return ok;
}

/* ---- making ---- */

struct bootstrap {
    const struct config *config;
    struct account_directory *directory;
    struct account_actor actor;
    struct arena arena; /* of one domain or account */
    int64_t deadline_ms;
};

YIELDS static bool make_domain(struct bootstrap *b, const struct config_domain *domain,
                               struct err *e)
{
    struct err why = ERR_CLEAR;
    str name = str_from_cstr(domain->name);
    if (account_domain_add(b->directory, &b->actor, name, &b->arena, b->deadline_ms, &why)) {
        obs_log(EV_BOOTSTRAP_MADE, STR_EMPTY, OBS_CSTR("domain", domain->name));
        return true;
    }
    if (why.kind == ERR_EXISTS)
        return true;
    *e = why;
    return at(b->config, domain->line, false, e);
}

static bool make_hash(const struct bootstrap *b, const struct config_account *account,
                      char out[CRYPTO_PHC_SIZE], struct err *e)
{
    const struct config *c = b->config;
    struct secret prepared = SECRET_EMPTY;
    const struct crypto_argon2id cost = {
        .memory_kib = (uint32_t)(config_int(c, CONFIG_AUTH_HASH_MEMORY) / 1024),
        .passes = (uint32_t)config_int(c, CONFIG_AUTH_HASH_PASSES),
        .lanes = 1,
    };
    if (!account->password) {
        (void)snprintf(out, CRYPTO_PHC_SIZE, "%s", account->password_hash);
        return true;
    }
    bool ok = auth_password_prepare(str_from_cstr(account->password), &prepared, e) &&
              crypto_argon2id_hash(&cost, secret_str(&prepared), out, e);
    secret_wipe(&prepared);
    return ok;
}

/* An account of the file, as it is there. */
struct holder {
    const struct config_account *account;
    bool is_there;
    int64_t account_id;
};

YIELDS static bool find_holder(struct bootstrap *b, struct holder *h, struct err *e)
{
    struct account there;
    if (!account_find_for_login(b->directory, str_from_cstr(h->account->address), &b->arena,
                                b->deadline_ms, &h->is_there, &there, e))
        return false;
    h->account_id = h->is_there ? there.account_id : 0;
    return true;
}

/* An account that was there before is the administrator's, who may have given an address of it to
 * somebody else, or removed it: what the file says besides is said once, and not done. Yields. */
YIELDS static bool compare_addresses(struct bootstrap *b, const struct holder *h, struct err *e)
{
    const struct config_account *account = h->account;
    for (size_t i = 0; i < account->addresses.n; i++) {
        struct account owner;
        bool found;
        str address = str_from_cstr(account->addresses.items[i]);
        if (!account_find_for_login(b->directory, address, &b->arena, b->deadline_ms, &found,
                                    &owner, e))
            return false;
        if (found && owner.account_id == h->account_id)
            continue;
        obs_log(EV_BOOTSTRAP_DIFFERS, STR_EMPTY, OBS_CSTR("account", account->address),
                OBS_STR("address", address));
        return true;
    }
    return true;
}

/* ---- whether addresses are free ---- */

/* Who of the file is to have an address: the first that says so, logins first. */
struct claims {
    struct map map; /* of address to struct holder */
    struct arena arena;
};

static str normal(struct arena *a, const char *address)
{
    str local = STR_EMPTY;
    str domain = STR_EMPTY;
    struct err never = ERR_CLEAR; /* all were checked when the file was read */
    (void)account_address_normalize(a, str_from_cstr(address), &local, &domain, &never);
    return arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
}

/* Gives whose the address is: of `holder`, when it was nobody's. */
static const struct holder *claim(struct claims *c, struct holder *holder, const char *address)
{
    str key = normal(&c->arena, address);
    const struct holder *owner = map_find(&c->map, key);
    if (owner)
        return owner;
    (void)map_put(&c->map, key, holder, NULL);
    return holder;
}

/* The address of a new account is neither another's nor one that leads to others. Yields. */
YIELDS static bool check_free(struct bootstrap *b, const struct config_account *account,
                              const char *address, struct err *e)
{
    struct account_address_row row;
    struct err why = ERR_CLEAR;
    if (!account_address_get(b->directory, str_from_cstr(address), &b->arena, b->deadline_ms, &row,
                             &why)) {
        if (why.kind == ERR_NOT_FOUND)
            return true;
        *e = why;
        return false;
    }
    if (row.account_id == 0) {
        return ERR(e, ERR_CONFLICT, "%s cannot be an address of %s: it leads to others", address,
                   account->address);
    }
    /* Another frontend may have made the account meanwhile. */
    return str_eq(row.login, normal(&b->arena, account->address)) ||
           ERR(e, ERR_CONFLICT, "%s cannot be an address of %s: it belongs to %.*s", address,
               account->address, STR_FMT(row.login));
}

/* Yields. */
YIELDS static bool check_addresses(struct bootstrap *b, struct claims *claims, struct holder *h,
                                   struct err *e)
{
    const struct config_account *account = h->account;
    for (size_t i = 0; i < account->addresses.n; i++) {
        const char *address = account->addresses.items[i];
        const struct holder *owner = claim(claims, h, address);
        bool ok = owner == h
                      ? check_free(b, account, address, e)
                      : ERR(e, ERR_CONFLICT, "%s cannot be an address of %s: it belongs to %s",
                            address, account->address, owner->account->address);
        if (!ok)
            return at(b->config, account->line, false, e);
    }
    return true;
}

/* Finds the accounts, and looks whether those that are not there could be made with all that they
 * are to have, before the first of them is: nothing is left then that a better file would have to
 * undo. Yields. */
YIELDS static bool look_around(struct bootstrap *b, struct holder *holders, size_t n, struct err *e)
{
    size_t most = 1;
    bool ok = true;
    struct claims claims;
    for (size_t i = 0; i < n; i++)
        most += 1 + holders[i].account->addresses.n;
    map_init(&claims.map, most);
    arena_init(&claims.arena);
    for (size_t i = 0; ok && i < n; i++) {
        (void)claim(&claims, &holders[i], holders[i].account->address);
        ok = find_holder(b, &holders[i], e);
        arena_reset(&b->arena);
    }
    for (size_t i = 0; ok && i < n; i++) {
        ok = holders[i].is_there || check_addresses(b, &claims, &holders[i], e);
        arena_reset(&b->arena);
    }
    map_fini(&claims.map);
    arena_fini(&claims.arena);
    return ok;
}

/* ---- accounts ---- */

static void say_made(const struct config_account *account)
{
    obs_log(EV_BOOTSTRAP_MADE, STR_EMPTY, OBS_CSTR("account", account->address));
    for (size_t i = 0; i < account->addresses.n; i++) {
        obs_log(EV_BOOTSTRAP_MADE, STR_EMPTY, OBS_CSTR("address", account->addresses.items[i]));
    }
}

/* Adds the account with its addresses, unless it is there, by whomever it was made. Yields. */
YIELDS static bool make_account(struct bootstrap *b, struct holder *h, struct err *e)
{
    const struct config_account *account = h->account;
    char hash[CRYPTO_PHC_SIZE];
    struct err why = ERR_CLEAR;
    size_t n = account->addresses.n;
    str *addresses = ARENA_ARRAY(&b->arena, str, n + 1);
    if (!make_hash(b, account, hash, e))
        return at(b->config, account->line, false, e);
    for (size_t i = 0; i < n; i++)
        addresses[i] = str_from_cstr(account->addresses.items[i]);
    const struct account_new made = {
        .address = str_from_cstr(account->address),
        .password_hash = str_from_cstr(hash),
        .display_name = str_from_cstr(account->name),
        .quota_bytes = account->quota_bytes,
        .is_admin = account->is_admin,
        .addresses = addresses,
        .n_addresses = n,
    };
    if (account_add(b->directory, &b->actor, &made, &b->arena, b->deadline_ms, &h->account_id,
                    &why)) {
        say_made(account);
        return true;
    }
    if (why.kind != ERR_EXISTS) {
        *e = why;
        return at(b->config, account->line, false, e);
    }
    /* Another frontend was quicker; or it is an alias, which has no account. */
    return find_holder(b, h, e) && compare_addresses(b, h, e);
}

bool app_bootstrap(const struct config *c, struct db *db, int64_t deadline_ms, struct err *e)
{
    size_t n_domains;
    size_t n_accounts;
    const struct config_domain *domains = config_domains(c, &n_domains);
    const struct config_account *accounts = config_accounts(c, &n_accounts);
    struct bootstrap b = {
        .config = c,
        .directory = account_directory_new(db, NULL),
        .actor = { .name = STR("system"), .ip = STR_EMPTY },
        .deadline_ms = deadline_ms,
    };
    struct arena holders_arena;
    bool ok = true;
    arena_init(&b.arena);
    arena_init(&holders_arena);
    struct holder *holders = ARENA_ARRAY(&holders_arena, struct holder, n_accounts + 1);
    for (size_t i = 0; ok && i < n_domains; i++) {
        ok = make_domain(&b, &domains[i], e);
        arena_reset(&b.arena);
    }
    for (size_t i = 0; i < n_accounts; i++)
        holders[i] = (struct holder){ .account = &accounts[i] };
    ok = ok && look_around(&b, holders, n_accounts, e);
    for (size_t i = 0; ok && i < n_accounts; i++) {
        ok = holders[i].is_there ? compare_addresses(&b, &holders[i], e)
                                 : make_account(&b, &holders[i], e);
        arena_reset(&b.arena);
    }
    arena_fini(&holders_arena);
    arena_fini(&b.arena);
    account_directory_free(&b.directory);
    return ok;
}
