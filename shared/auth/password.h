/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords as text: one form of each on every protocol, and the rules for new ones. Pure. */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "crypto/secret.h"

enum {
    AUTH_PASSWORD_MAX =
        1024, /* octets, as sent and as prepared (the cost of argon2 grows by length) */
    AUTH_PASSWORD_MIN = 12 /* characters of a new one */
};

/* Brings a password to its one form, the OpaqueString profile of RFC 8265 section 4.2: other spaces
 * become U+0020, then normalisation form C; so a composed and a decomposed letter are the same
 * password. ERR_DENIED: empty, too long, no UTF-8, or with control characters. */
bool auth_password_prepare(str password, struct secret *out, struct err *e);

/* The form of a prepared password that clients of SCRAM make before they hash it (SASLprep, RFC
 * 4013): normalisation form KC, without what is commonly mapped to nothing. ERR_DENIED: too long.
 */
bool auth_password_saslprep(str prepared, struct secret *out, struct err *e);

/* Whether it may become the password of an account: prepared without error, long enough, and none
 * of those that everybody uses. ERR_SYNTAX (form, too common), ERR_LIMIT (length), with a sentence
 * that may be shown to its owner. */
bool auth_password_check(str password, struct err *e);

#endif
