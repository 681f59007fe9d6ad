/* SPDX-License-Identifier: Apache-2.0 */
/* Making and reading senders that name a message. As with rewritten senders (smtp_srs.h) the hash
 * is of the text in lower case, and all digits are of one case. */
#include "wire/smtp_from_id.h"

#include "base/hex.h"
#include "crypto/crypto.h"
#include "wire/smtp_path.h"

#define MARK "+id-"

enum {
    MARK_SIZE = sizeof(MARK) - 1,
    ID_DIGITS = 13,  /* of 64 bits */
    HASH_DIGITS = 8, /* 40 bits: what is guessed adds a line to a history, no more */
    TAG_SIZE = MARK_SIZE + ID_DIGITS + HASH_DIGITS
};

/* Another beginning than of any other hash with this key. */
static void make_hash(str key, str base, str id, struct arena *a, char out[HASH_DIGITS])
{
    uint8_t hmac[CRYPTO_HMAC_SIZE];
    uint64_t value = 0;
    const str parts[] = { STR("from-id"), arena_lower(a, base), id };
    crypto_hmac_sha256_parts(key, parts, COUNT_OF(parts), hmac);
    for (size_t i = 0; i < sizeof(value); i++)
        value = value << 8 | hmac[i];
    base32_encode(value, out, HASH_DIGITS);
}

str smtp_from_id_sender(str key, str sender, int64_t queue_id, struct arena *a)
{
    struct smtp_path path;
    char id[ID_DIGITS];
    char hash[HASH_DIGITS];
    if (smtp_mailbox_parse(sender, a, &path) != SMTP_GOOD || path.is_literal || path.local.n == 0 ||
        path.local.n + TAG_SIZE > SMTP_LOCAL_MAX)
        return sender;
    base32_encode((uint64_t)queue_id, id, ID_DIGITS);
    make_hash(key, path.local, str_of(id, ID_DIGITS), a, hash);
    path.local = arena_printf(a, "%.*s" MARK "%.*s%.*s", STR_FMT(path.local), ID_DIGITS, id,
                              HASH_DIGITS, hash);
    return smtp_path_text(&path, a);
}

bool smtp_from_id_is_tagged(str local)
{
    return local.n > TAG_SIZE &&
           str_ieq(str_slice(local, local.n - TAG_SIZE, MARK_SIZE), STR(MARK));
}

bool smtp_from_id_restore(str key, str local, struct arena *a, str *base, int64_t *queue_id)
{
    uint64_t value = 0;
    char hash[HASH_DIGITS];
    char digits[ID_DIGITS];
    if (!smtp_from_id_is_tagged(local) || str_find_byte(local, '\0') >= 0)
        return false;
    str before = str_slice(local, 0, local.n - TAG_SIZE);
    str tag = str_skip(local, before.n + MARK_SIZE);
    if (!base32_decode(str_slice(tag, 0, ID_DIGITS), &value, NULL) || value > INT64_MAX)
        return false;
    base32_encode(value, digits, ID_DIGITS); /* as it was made, whatever may be read for it */
    make_hash(key, before, str_of(digits, ID_DIGITS), a, hash);
    if (!crypto_equal(arena_lower(a, str_skip(tag, ID_DIGITS)), str_of(hash, HASH_DIGITS)))
        return false;
    *base = before;
    *queue_id = (int64_t)value;
    return true;
}
