/* SPDX-License-Identifier: Apache-2.0 */
/* The opened keys that mail is signed with, remembered for a short time: opening one costs a
 * question to the database and reading an RSA key. */
#include "account/dkim.h"

#include "account/directory.h"
#include "base/clock.h"
#include "crypto/seal.h"

#include <stdlib.h>

static const struct db_stmt find = {
    "SELECT k.selector, k.rsa_private, k.ed_private FROM domain d JOIN dkim_key k USING (domain_id)"
    " WHERE d.name = $1 AND k.state = 'signing'"
};

void account_dkim_release(struct account_dkim_signer **signer)
{
    struct account_dkim_signer *s = *signer;
    *signer = NULL;
    if (!s || --s->references > 0)
        return;
    crypto_key_free(&s->rsa);
    crypto_key_free(&s->ed);
    free(s);
}

void directory_forget_signers(struct account_directory *d)
{
    MAP_FOR_EACH (entry, &d->signers) {
        struct account_dkim_signer *s = map_remove(&d->signers, entry->key);
        account_dkim_release(&s);
    }
    map_fini(&d->signers);
}

/* With its texts behind it; one reference. An Ed25519 key that is alone has the selector. */
static struct account_dkim_signer *new_signer(str domain, str selector, bool is_alone)
{
    size_t size = domain.n + selector.n + sizeof("-ed");
    struct account_dkim_signer *s = heap_zalloc(sizeof(*s) + size);
    char *texts = (char *)(s + 1);
    (void)snprintf(texts, size, "%.*s%.*s-ed", STR_FMT(domain), STR_FMT(selector));
    s->domain = str_of(texts, domain.n);
    s->rsa_selector = str_of(texts + domain.n, selector.n);
    s->ed_selector = str_of(texts + domain.n, selector.n + (is_alone ? 0 : 3));
    s->references = 1;
    return s;
}

/* Nothing to do where the domain has no key of the kind. */
static bool open_key(const struct account_directory *d, str sealed, str bound,
                     struct crypto_key **out, struct err *e)
{
    struct secret pem = SECRET_EMPTY;
    if (sealed.n == 0)
        return true;
    bool ok = crypto_unseal(d->options.seal_key, sealed, bound, &pem, e) &&
              crypto_key_parse_private(secret_str(&pem), out, e);
    secret_wipe(&pem);
    return ok;
}

static bool open_signer(const struct account_directory *d, str domain, const struct db_rows *rows,
                        struct arena *a, struct account_dkim_signer **out, struct err *e)
{
    bool has_key = db_row_count(rows) > 0;
    str selector = has_key ? db_str(rows, 0, 0) : STR_EMPTY;
    *out = new_signer(domain, selector, has_key && db_str(rows, 0, 1).n == 0);
    if (!has_key)
        return true;
    str bound = directory_dkim_bound(a, domain, selector);
    if (open_key(d, db_str(rows, 0, 1), bound, &(*out)->rsa, e) &&
        open_key(d, db_str(rows, 0, 2), bound, &(*out)->ed, e))
        return true;
    account_dkim_release(out);
    return err_wrap(e, "the key of %.*s (is security.key the one it was made with?)",
                    STR_FMT(domain));
}

/* Keeps one reference in the cache. */
static void remember(struct account_directory *d, struct account_dkim_signer *s)
{
    void *old = NULL;
    s->until_ms = clock_deadline_in(d->options.cache_ms);
    s->references++;
    if (!map_put(&d->signers, s->domain, s, &old)) {
        directory_forget_signers(d);
        (void)map_put(&d->signers, s->domain, s, &old);
    }
    struct account_dkim_signer *former = old;
    account_dkim_release(&former);
}

static YIELDS bool load(struct account_directory *d, str domain, int64_t deadline_ms,
                        struct account_dkim_signer **out, struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    uint64_t forgets = d->forgets;
    const struct db_param params[] = { DB_TEXT(domain) };
    arena_init(&a);
    bool ok =
        db_query(d->db, DB_READ, &find, params, COUNT_OF(params), &a, deadline_ms, &rows, e) &&
        open_signer(d, domain, rows, &a, out, e);
    arena_fini(&a);
    if (ok && *out && d->forgets == forgets) /* else it may be from before a change */
        remember(d, *out);
    return ok;
}

bool account_dkim_signer(struct account_directory *d, str domain, int64_t deadline_ms,
                         struct account_dkim_signer **out, struct err *e)
{
    *out = NULL;
    if (!d->options.seal_key)
        return true;
    struct account_dkim_signer *hit = map_find(&d->signers, domain);
    if (hit && hit->until_ms >= clock_monotonic_ms()) {
        hit->references++;
        *out = hit;
    } else if (!load(d, domain, deadline_ms, out, e)) {
        return false;
    }
    if (*out && !(*out)->rsa && !(*out)->ed)
        account_dkim_release(out);
    return true;
}
