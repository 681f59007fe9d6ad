/* SPDX-License-Identifier: Apache-2.0 */
/* Lua scripts by their digest, and leased locks. */
#include "redis/private.h"

enum {
    EVAL_ARGS_MAX = 64,
    DIGEST_SIZE = 41
};

struct loaded {
    const struct redis_script *script; /* also the key */
    char digest[DIGEST_SIZE];
};

/* The bytes of the pointer: a script is known by its address. */
static str script_key(const struct redis_script *const *script)
{
    return str_of((const char *)script, sizeof(uintptr_t));
}

/* Sends the source; the server answers with its digest. */
YIELDS static bool load(struct redis *r, const struct redis_script *script, struct arena *a,
                        struct loaded **out, struct err *e)
{
    struct redis_value v;
    const str args[] = { STR("SCRIPT"), STR("LOAD"), str_from_cstr(script->source) };
    if (!redis_command(r, args, COUNT_OF(args), a, &v, e))
        return false;
    if (v.type != REDIS_BULK || v.text.n != DIGEST_SIZE - 1)
        return ERR(e, ERR_INTERNAL, "Redis gave no digest for a script");
    struct loaded *l = map_find(&r->scripts, script_key(&script));
    if (!l) {
        l = HEAP_NEW(struct loaded);
        l->script = script;
        INVARIANT(map_put(&r->scripts, script_key(&l->script), l, NULL));
    }
    memcpy(l->digest, v.text.p, v.text.n);
    *out = l;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): keys and arguments are each two values. */
bool redis_eval(struct redis *r, const struct redis_script *script, const str *keys, size_t n_keys,
                const str *args, size_t n_args, struct arena *a, struct redis_value *out,
                struct err *e)
{
    INVARIANT(n_keys + n_args + 3 <= EVAL_ARGS_MAX);
    struct loaded *l = map_find(&r->scripts, script_key(&script));
    if (!l && !load(r, script, a, &l, e))
        return false;
    char number[16];
    int len = snprintf(number, sizeof(number), "%zu", n_keys);
    str all[EVAL_ARGS_MAX] = { STR("EVALSHA"), str_from_cstr(l->digest),
                               str_of(number, (size_t)len) };
    for (size_t i = 0; i < n_keys; i++)
        all[3 + i] = keys[i];
    for (size_t i = 0; i < n_args; i++)
        all[3 + n_keys + i] = args[i];
    struct err first = ERR_CLEAR;
    if (redis_command(r, all, 3 + n_keys + n_args, a, out, &first))
        return true;
    /* The server was restarted, or is another one. */
    if (str_find(str_from_cstr(first.msg), STR("NOSCRIPT")) < 0)
        return ERR(e, first.kind, "%s", first.msg);
    if (!load(r, script, a, &l, e))
        return false;
    all[1] = str_from_cstr(l->digest);
    return redis_command(r, all, 3 + n_keys + n_args, a, out, e);
}

bool redis_lock(struct redis *r, str key, int64_t ttl_ms, char token[REDIS_LOCK_TOKEN], bool *got,
                struct err *e)
{
    uint8_t random[(REDIS_LOCK_TOKEN - 1) / 2];
    arc4random_buf(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(token + 2 * i, 3, "%02x", random[i]);
    struct arena a;
    struct redis_value v;
    char ttl[24];
    int n = snprintf(ttl, sizeof(ttl), "%lld", (long long)ttl_ms);
    const str args[] = { STR("SET"), key,       str_from_cstr(token),
                         STR("NX"),  STR("PX"), str_of(ttl, (size_t)n) };
    arena_init(&a);
    bool ok = redis_command(r, args, COUNT_OF(args), &a, &v, e);
    *got = ok && v.type == REDIS_STATUS;
    arena_fini(&a);
    return ok;
}

bool redis_unlock(struct redis *r, str key, const char token[REDIS_LOCK_TOKEN], struct err *e)
{
    static const struct redis_script unlock = {
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end "
        "return 0"
    };
    struct arena a;
    struct redis_value v;
    str value = str_from_cstr(token);
    arena_init(&a);
    bool ok = redis_eval(r, &unlock, &key, 1, &value, 1, &a, &v, e);
    arena_fini(&a);
    return ok;
}
