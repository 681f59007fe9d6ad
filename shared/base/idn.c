/* SPDX-License-Identifier: Apache-2.0 */
/* Names beyond ASCII in the one form that is compared and kept. */
#include "base/idn.h"

#include "base/utf8.h"

#include <idn2.h>
#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>

/* A label that everybody writes as it is, but for the case of its letters: nothing that might be an
 * A-label, which has two hyphens behind two letters (RFC 5891 section 4.2.3.1). */
static bool is_plain_label(str label)
{
    if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-' ||
        (label.n > 3 && label.p[2] == '-' && label.p[3] == '-'))
        return false;
    for (size_t i = 0; i < label.n; i++) {
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
    }
    return true;
}

/* Nearly every domain: it need not go through all of Unicode. */
static bool is_plain(str domain)
{
    str label;
    str rest = domain;
    bool more = domain.n > 0 && domain.n <= 253;
    if (!more)
        return false;
    while (more) {
        more = str_cut(rest, '.', &label, &rest);
        if (!is_plain_label(label))
            return false;
    }
    return true;
}

bool idn_domain_to_ascii(struct arena *a, str domain, str *out, struct err *e)
{
    const char *text;
    char *converted = NULL;
    if (domain.n == 0 || domain.n > IDN_DOMAIN_INPUT_MAX || !str_to_cstr(a, domain, &text, NULL))
        return ERR(e, ERR_SYNTAX, "no domain name");
    if (is_plain(domain)) {
        *out = arena_lower(a, domain);
        return true;
    }
    int code = idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&converted,
                              IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code != IDN2_OK)
        return ERR(e, ERR_SYNTAX, "no domain name: %s", idn2_strerror(code));
    *out = arena_lower(a, str_from_cstr(converted));
    idn2_free(converted);
    return true;
}

/* C1 controls, and the separators of lines and paragraphs: they could end a line of a log or a
 * screen. */
static bool is_control(uint32_t cp)
{
    return (cp >= 0x80 && cp < 0xa0) || cp == 0x2028 || cp == 0x2029;
}

static bool is_clean(str local)
{
    while (local.n > 0) {
        uint32_t cp;
        size_t n = utf8_decode(local, &cp);
        if (n == 0 || is_control(cp))
            return false;
        local = str_skip(local, n);
    }
    return true;
}

/* Takes the bytes of libunistring into the arena; NULL: it refused or had no memory. */
static bool take(struct arena *a, uint8_t *bytes, size_t n, str *out)
{
    if (!bytes)
        return false;
    *out = arena_str(a, str_of((const char *)bytes, n));
    free(bytes);
    return true;
}

bool idn_local_compose(struct arena *a, str local, str *out)
{
    size_t n = 0;
    if (local.n == 0 || !is_clean(local))
        return false;
    uint8_t *bytes = u8_normalize(UNINORM_NFC, (const uint8_t *)local.p, local.n, NULL, &n);
    return take(a, bytes, n, out);
}

bool idn_local_fold(struct arena *a, str local, str *out)
{
    size_t n = 0;
    if (local.n == 0 || !is_clean(local))
        return false;
    uint8_t *bytes = u8_tolower((const uint8_t *)local.p, local.n, NULL, UNINORM_NFC, NULL, &n);
    return take(a, bytes, n, out);
}
