/* SPDX-License-Identifier: Apache-2.0 */
/* argon2id by libargon2, with bounds on the parameters before it is called. */
#include "crypto/argon2id.h"

#include "crypto/random.h"

#include <argon2.h>

enum {
    SALT_SIZE = 16,
    TAG_SIZE = 32,
    MEMORY_MAX_KIB = 262144, /* 256 MiB */
    PASSES_MAX = 100,
    LANES_MAX = 16
};

static bool check_bounds(const struct crypto_argon2id *p, struct err *e)
{
    /* libargon2 itself demands 8 KiB a lane. */
    if (p->lanes < 1 || p->lanes > LANES_MAX || p->passes < 1 || p->passes > PASSES_MAX ||
        p->memory_kib < 8 * p->lanes || p->memory_kib > MEMORY_MAX_KIB) {
        return ERR(e, ERR_LIMIT, "argon2id parameters m=%u,t=%u,p=%u are out of bounds",
                   p->memory_kib, p->passes, p->lanes);
    }
    return true;
}

/* The kind of a failure of libargon2: no memory passes, anything else is a wrong argument. */
static bool fail(int code, struct err *e)
{
    bool is_memory = code == ARGON2_MEMORY_ALLOCATION_ERROR || code == ARGON2_THREAD_FAIL;
    return ERR(e, is_memory ? ERR_UNAVAILABLE : ERR_SYNTAX, "argon2id: %s",
               argon2_error_message(code));
}

bool crypto_argon2id_hash(const struct crypto_argon2id *parameters, str password,
                          char out[CRYPTO_PHC_SIZE], struct err *e)
{
    uint8_t salt[SALT_SIZE];
    if (!check_bounds(parameters, e))
        return false;
    crypto_random_fill(salt, sizeof(salt));
    int code = argon2id_hash_encoded(parameters->passes, parameters->memory_kib, parameters->lanes,
                                     password.p, password.n, salt, sizeof(salt), TAG_SIZE, out,
                                     CRYPTO_PHC_SIZE);
    return code == ARGON2_OK ? true : fail(code, e);
}

/* Takes "<name><number><end>" off the front of *s. */
static bool take_number(str *s, str name, char end, uint32_t *out)
{
    str number;
    uint64_t value = 0;
    if (!str_has_prefix(*s, name))
        return false;
    if (!str_cut(str_skip(*s, name.n), end, &number, s) || number.n > 10 ||
        !str_to_uint(number, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool parse_phc(str phc, struct crypto_argon2id *out)
{
    uint32_t version = 0;
    str salt;
    str prefix = STR("$argon2id$");
    if (phc.n >= CRYPTO_PHC_SIZE || !str_has_prefix(phc, prefix))
        return false;
    phc = str_skip(phc, prefix.n);
    return take_number(&phc, STR("v="), '$', &version) && version == ARGON2_VERSION_13 &&
           take_number(&phc, STR("m="), ',', &out->memory_kib) &&
           take_number(&phc, STR("t="), ',', &out->passes) &&
           take_number(&phc, STR("p="), '$', &out->lanes) && str_cut(phc, '$', &salt, &phc) &&
           salt.n >= 11 && phc.n >= 16;
}

bool crypto_argon2id_verify(str phc, str password, bool *matches, struct err *e)
{
    struct crypto_argon2id parameters;
    char text[CRYPTO_PHC_SIZE];
    if (!parse_phc(phc, &parameters) || str_find_byte(phc, '\0') >= 0)
        return ERR(e, ERR_SYNTAX, "the stored password hash is no argon2id PHC string");
    if (!check_bounds(&parameters, e))
        return false;
    memcpy(text, phc.p, phc.n);
    text[phc.n] = '\0';
    int code = argon2id_verify(text, password.p, password.n);
    if (code != ARGON2_OK && code != ARGON2_VERIFY_MISMATCH)
        return fail(code, e);
    *matches = code == ARGON2_OK;
    return true;
}

bool crypto_argon2id_needs_rehash(str phc, const struct crypto_argon2id *wanted)
{
    struct crypto_argon2id has;
    return !parse_phc(phc, &has) || has.memory_kib < wanted->memory_kib ||
           has.passes < wanted->passes;
}
