/* SPDX-License-Identifier: Apache-2.0 */
/* Signing by DKIM: one field for each key. */
#include "mailauth/signing.h"

static bool sign_one(const struct mailauth_message *message, const struct mailauth_signing *signing,
                     struct mailauth_unsigned u, struct buf *out, struct err *e)
{
    char expiry[32] = "";
    const int64_t expires_at = signing->now_s + signing->lifetime_s;
    if (signing->lifetime_s)
        (void)snprintf(expiry, sizeof(expiry), "x=%lld;", (long long)expires_at);
    u.start = STR("DKIM-Signature: v=1;");
    u.now_s = signing->now_s;
    u.more = str_from_cstr(expiry);
    return mailauth_signing_message(&message->header, &u, out, e);
}

bool mailauth_dkim_sign(const struct mailauth_message *message,
                        const struct mailauth_signing *signing, struct buf *out, struct err *e)
{
    uint8_t body_hash[CRYPTO_HASH_MAX];
    struct buf names;
    if (message->header.cut)
        return ERR(e, ERR_LIMIT, "more header fields than can be signed");
    if (message->n_from == 0)
        return ERR(e, ERR_SYNTAX, "a message without From is not signed");
    mailauth_signing_body(message, body_hash);
    buf_init(&names, MAILAUTH_SIGNING_NAMES_MAX);
    bool ok = mailauth_signing_names(&message->header, false, &names) ||
              ERR(e, ERR_LIMIT, "too many fields to sign");
    for (size_t i = 0; ok && i < signing->n; i++) {
        const struct mailauth_unsigned u = { .signer = &signing->signers[i],
                                             .names = buf_str(&names),
                                             .body_hash = body_hash };
        ok = sign_one(message, signing, u, out, e);
    }
    buf_fini(&names);
    return ok;
}
