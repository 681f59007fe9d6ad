/* SPDX-License-Identifier: Apache-2.0 */
/* Making and reading rewritten senders. Mail servers on the way may change the case of letters, so
 * the hash is of the text in lower case and is written in digits that have none. */
#include "wire/smtp_srs.h"

#include "base/hex.h"
#include "crypto/crypto.h"
#include "wire/smtp_path.h"

enum {
    HASH_DIGITS = 6, /* 30 bits: guessing one by RCPT takes longer than the day lasts */
    DAY_DIGITS = 2,
    DAYS = 1 << (5 * DAY_DIGITS), /* then they begin anew */
    DAY_SECONDS = 24 * 3600
};

/* The parts of the text behind "SRS0=" or "SRS1=". */
struct parts {
    bool is_second; /* SRS1 */
    str hash;
    str day; /* SRS0 only */
    str domain;
    str local;
};

static void make_hash(const struct smtp_srs *srs, const struct parts *p, struct arena *a,
                      char out[HASH_DIGITS])
{
    uint8_t hmac[CRYPTO_HMAC_SIZE];
    uint64_t value = 0;
    const str signed_parts[] = { p->is_second ? STR("1") : STR("0"), arena_lower(a, p->day),
                                 arena_lower(a, p->domain), arena_lower(a, p->local) };
    crypto_hmac_sha256_parts(srs->key, signed_parts, COUNT_OF(signed_parts), hmac);
    for (size_t i = 0; i < sizeof(value); i++)
        value = value << 8 | hmac[i];
    base32_encode(value, out, HASH_DIGITS);
}

static uint64_t day_of(const struct smtp_srs *srs)
{
    return (uint64_t)(srs->now_s / DAY_SECONDS) % DAYS;
}

/* The mark of either form, or -1. */
static int form_of(str local)
{
    if (local.n < 5 || !str_has_iprefix(local, STR("SRS")) || local.p[4] != '=' ||
        (local.p[3] != '0' && local.p[3] != '1'))
        return -1;
    return local.p[3] - '0';
}

bool smtp_srs_is_rewritten(str local)
{
    return form_of(local) >= 0;
}

static bool read_parts(str rewritten, struct parts *out)
{
    int form = form_of(rewritten);
    str rest;
    if (form < 0 || !str_cut(str_skip(rewritten, 5), '=', &out->hash, &rest))
        return false;
    out->is_second = form == 1;
    out->day = STR_EMPTY;
    if (!out->is_second && !str_cut(rest, '=', &out->day, &rest))
        return false;
    return str_cut(rest, '=', &out->domain, &out->local) && out->domain.n > 0 &&
           out->local.n > (out->is_second ? 1 : 0) && (!out->is_second || out->local.p[0] == '=');
}

bool smtp_srs_rewrite(const struct smtp_srs *srs, str local, str domain, struct arena *a, str *out)
{
    struct parts p = { .domain = domain, .local = local };
    struct parts former;
    char day[DAY_DIGITS];
    char hash[HASH_DIGITS];
    int form = form_of(local);
    if (str_find_byte(local, '\0') >= 0)
        return false;
    base32_encode(day_of(srs), day, DAY_DIGITS);
    if (form == 1 && read_parts(local, &former)) {
        /* The first host stays; only the one that this came from is left out of the way back. */
        p = former;
    } else if (form == 0) {
        p.is_second = true;
        p.local = str_skip(local, 4); /* "=" and the rest */
    } else {
        p.day = str_of(day, DAY_DIGITS);
    }
    make_hash(srs, &p, a, hash);
    *out = p.is_second ? arena_printf(a, "SRS1=%.*s=%.*s=%.*s", HASH_DIGITS, hash,
                                      STR_FMT(p.domain), STR_FMT(p.local))
                       : arena_printf(a, "SRS0=%.*s=%.*s=%.*s=%.*s", HASH_DIGITS, hash,
                                      STR_FMT(p.day), STR_FMT(p.domain), STR_FMT(p.local));
    return out->n <= SMTP_LOCAL_MAX;
}

/* The clock of the process that made it may be ahead by some hours. */
static bool is_young(const struct smtp_srs *srs, str day)
{
    struct err ignored = ERR_CLEAR;
    uint64_t value;
    return day.n == DAY_DIGITS && base32_decode(day, &value, &ignored) &&
           (day_of(srs) + 1 + DAYS - value) % DAYS <= SMTP_SRS_DAYS + 1;
}

bool smtp_srs_restore(const struct smtp_srs *srs, str rewritten, struct arena *a, str *local,
                      str *domain, struct err *e)
{
    struct parts p;
    char hash[HASH_DIGITS];
    if (!read_parts(rewritten, &p))
        return ERR(e, ERR_SYNTAX, "not a rewritten sender");
    make_hash(srs, &p, a, hash);
    if (!crypto_equal(arena_lower(a, p.hash), str_of(hash, HASH_DIGITS)))
        return ERR(e, ERR_DENIED, "this sender was not rewritten here");
    if (!p.is_second && !is_young(srs, p.day))
        return ERR(e, ERR_DENIED, "this sender was rewritten too long ago");
    if (!smtp_is_domain(p.domain))
        return ERR(e, ERR_SYNTAX, "the rewritten sender has no domain");
    *domain = arena_lower(a, p.domain);
    *local = p.is_second ? arena_printf(a, "SRS0%.*s", STR_FMT(p.local)) : arena_str(a, p.local);
    return true;
}
