/* SPDX-License-Identifier: Apache-2.0 */
/* The public keys that were needed lately, as they are used: reading one costs several times what
 * checking a signature with it does. Kept by their text, which the DNS is asked for each time: a
 * key that was changed or revoked there is another text. Of one event loop; bounded. */
#ifndef MAILAUTH_KEYS_H
#define MAILAUTH_KEYS_H

#include "crypto/crypto.h"

enum {
    MAILAUTH_KEYS = 128,         /* are kept; the one that was not needed for longest goes first */
    MAILAUTH_KEY_TEXT_MAX = 1024 /* octets of a text that is kept: RSA of 4096 bits has 736 */
};

struct mailauth_keys;

/* Gives. */
struct mailauth_keys *mailauth_keys_new(void);
void mailauth_keys_free(struct mailauth_keys **keys);

/* A share of the key with that text (of p=), or NULL. Gives. */
struct crypto_key *mailauth_keys_find(struct mailauth_keys *keys, enum crypto_key_kind kind,
                                      str text);
/* Keeps a share of the key that was not found. */
void mailauth_keys_keep(struct mailauth_keys *keys, enum crypto_key_kind kind, str text,
                        const struct crypto_key *key);

#endif
