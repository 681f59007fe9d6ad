/* SPDX-License-Identifier: Apache-2.0 */
/* Preparation of passwords by libunistring. */
#include "auth/password.h"

#include "auth/common.h"
#include "base/utf8.h"

#include <unictype.h>
#include <uninorm.h>

enum {
    REFUSED_UNKNOWN = 0x110000 /* no code point */
};

static const char only_text[] = "a password must be text without control characters";

/* Every space becomes U+0020; false at a control character or what is no UTF-8. */
static bool map_spaces(str password, struct buf *out)
{
    while (password.n) {
        uint32_t cp = REFUSED_UNKNOWN;
        size_t n = utf8_decode(password, &cp);
        if (n == 0 || uc_is_general_category(cp, UC_CONTROL))
            return false;
        bool is_space = uc_is_general_category(cp, UC_SPACE_SEPARATOR);
        if (!buf_add(out, is_space ? STR(" ") : str_of(password.p, n)))
            return false;
        password = str_skip(password, n);
    }
    return true;
}

static bool normalize(str text, uninorm_t form, struct secret *out, struct err *e)
{
    size_t n = 0;
    uint8_t *composed = u8_normalize(form, (const uint8_t *)text.p, text.n, NULL, &n);
    if (!composed)
        return ERR(e, ERR_DENIED, only_text);
    if (n <= AUTH_PASSWORD_MAX)
        secret_set(out, str_of((const char *)composed, n));
    secret_wipe_memory(composed, n);
    free(composed);
    if (n > AUTH_PASSWORD_MAX)
        return ERR(e, ERR_DENIED, "a password has at most %d octets", AUTH_PASSWORD_MAX);
    return true;
}

bool auth_password_prepare(str password, struct secret *out, struct err *e)
{
    if (password.n == 0)
        return ERR(e, ERR_DENIED, "a password must not be empty");
    if (password.n > AUTH_PASSWORD_MAX)
        return ERR(e, ERR_DENIED, "a password has at most %d octets", AUTH_PASSWORD_MAX);
    struct buf mapped;
    buf_init(&mapped, AUTH_PASSWORD_MAX);
    bool ok = map_spaces(password, &mapped) ? normalize(buf_str(&mapped), UNINORM_NFC, out, e)
                                            : ERR(e, ERR_DENIED, only_text);
    if (mapped.p)
        secret_wipe_memory(mapped.p, mapped.cap);
    buf_fini(&mapped);
    return ok;
}

/* Table B.1 of RFC 3454. */
static bool is_mapped_to_nothing(uint32_t cp)
{
    static const uint32_t alone[] = { 0xad, 0x34f, 0x1806, 0x2060, 0xfeff };
    for (size_t i = 0; i < COUNT_OF(alone); i++) {
        if (cp == alone[i])
            return true;
    }
    return (cp >= 0x180b && cp <= 0x180d) || (cp >= 0x200b && cp <= 0x200d) ||
           (cp >= 0xfe00 && cp <= 0xfe0f);
}

bool auth_password_saslprep(str prepared, struct secret *out, struct err *e)
{
    struct buf kept;
    buf_init(&kept, AUTH_PASSWORD_MAX);
    while (prepared.n) {
        uint32_t cp = REFUSED_UNKNOWN;
        size_t n = utf8_decode(prepared, &cp);
        n = n ? n : 1;
        if (!is_mapped_to_nothing(cp))
            (void)buf_add(&kept, str_of(prepared.p, n));
        prepared = str_skip(prepared, n);
    }
    bool ok = normalize(buf_str(&kept), UNINORM_NFKC, out, e);
    if (kept.p)
        secret_wipe_memory(kept.p, kept.cap);
    buf_fini(&kept);
    return ok;
}

bool auth_password_check(str password, struct err *e)
{
    struct secret prepared = SECRET_EMPTY;
    if (password.n > AUTH_PASSWORD_MAX)
        return ERR(e, ERR_LIMIT, "a password has at most %d octets", AUTH_PASSWORD_MAX);
    if (password.n == 0 || utf8_count(password) < AUTH_PASSWORD_MIN)
        return ERR(e, ERR_LIMIT, "a password has at least %d characters", AUTH_PASSWORD_MIN);
    if (!auth_password_prepare(password, &prepared, NULL))
        return ERR(e, ERR_SYNTAX, only_text);
    bool is_common = auth_password_is_common(secret_str(&prepared));
    secret_wipe(&prepared);
    return !is_common ||
           ERR(e, ERR_SYNTAX, "this password is one of those that are tried first; choose another");
}
