/* SPDX-License-Identifier: Apache-2.0 */
/* Adds one after the other; "it exists already" is what most starts find. */
#include "services/app/bootstrap.h"

#include "account/account.h"
#include "auth/password.h"
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

YIELDS static bool make_account(struct bootstrap *b, const struct config_account *account,
                                struct err *e)
{
    char hash[CRYPTO_PHC_SIZE];
    str address = str_from_cstr(account->address);
    struct account there;
    struct err why = ERR_CLEAR;
    bool found;
    int64_t account_id;
    if (!account_find_for_login(b->directory, address, &b->arena, b->deadline_ms, &found, &there,
                                e))
        return false;
    if (found)
        return true;
    if (!make_hash(b, account, hash, e))
        return at(b->config, account->line, false, e);
    const struct account_new made = {
        .address = address,
        .password_hash = str_from_cstr(hash),
        .display_name = str_from_cstr(account->name),
        .quota_bytes = account->quota_bytes,
        .is_admin = account->is_admin,
    };
    if (account_add(b->directory, &b->actor, &made, &b->arena, b->deadline_ms, &account_id, &why)) {
        obs_log(EV_BOOTSTRAP_MADE, STR_EMPTY, OBS_CSTR("account", account->address));
        return true;
    }
    if (why.kind == ERR_EXISTS)
        return true; /* another frontend was quicker */
    *e = why;
    return at(b->config, account->line, false, e);
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
    bool ok = true;
    arena_init(&b.arena);
    for (size_t i = 0; ok && i < n_domains; i++) {
        ok = make_domain(&b, &domains[i], e);
        arena_reset(&b.arena);
    }
    for (size_t i = 0; ok && i < n_accounts; i++) {
        ok = make_account(&b, &accounts[i], e);
        arena_reset(&b.arena);
    }
    arena_fini(&b.arena);
    account_directory_free(&b.directory);
    return ok;
}
