/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures by RSA (PKCS #1 v1.5, RFC 8017 section 8.2) and Ed25519 (RFC 8032) over a hash, and
 * their keys, as DKIM and ARC use them (RFC 6376, RFC 8463). Not for TLS. */
#ifndef CRYPTO_SIGNATURE_H
#define CRYPTO_SIGNATURE_H

#include "crypto/hash.h"
#include "crypto/secret.h"

enum crypto_key_kind {
    CRYPTO_RSA,
    CRYPTO_ED25519
};

enum {
    CRYPTO_KEY_MAX = 16 * 1024,  /* octets of an encoded key that are looked at */
    CRYPTO_SIGNATURE_MAX = 2048, /* octets of a signature */
    CRYPTO_RSA_BITS_MAX =
        8 * 1024 /* of a key that is read at all: the cost grows with its square */
};

/* A public key, or a private one with its public half. */
struct crypto_key;

/* Reads a public key as DNS has it: for RSA the DER of a SubjectPublicKeyInfo or of a bare
 * RSAPublicKey (RFC 6376 section 3.6.1 and its errata 3017), for Ed25519 the 32 octets (RFC 8463
 * section 4.2). ERR_SYNTAX; ERR_LIMIT past the sizes above. Gives. */
bool crypto_key_parse_public(enum crypto_key_kind kind, str bytes, struct crypto_key **out,
                             struct err *e);
/* Reads an unencrypted private key in PEM (PKCS #8 or PKCS #1). ERR_SYNTAX, ERR_LIMIT;
 * ERR_UNSUPPORTED for other kinds of key. The messages never hold key bytes. Gives. */
bool crypto_key_parse_private(str pem, struct crypto_key **out, struct err *e);
/* The same of its DER. */
bool crypto_key_parse_private_der(str der, struct crypto_key **out, struct err *e);
/* An Ed25519 key of its 32 octets (RFC 8032 section 5.1.5). ERR_SYNTAX: of another length. Gives.
 */
bool crypto_key_parse_seed(str octets, struct crypto_key **out, struct err *e);
/* Whether a private key's numbers have the sizes that belong to it, and whether what it signs can
 * be verified by its public half. Of keys from elsewhere; as slow as a signature. */
bool crypto_key_is_sound(const struct crypto_key *key);
/* Makes a new private key; `bits` (2048 - 4096) is for RSA, about 0.1 s of a core for 2048: call it
 * in the offload pool. ERR_LIMIT. Gives. */
bool crypto_key_generate(enum crypto_key_kind kind, unsigned bits, struct crypto_key **out,
                         struct err *e);
/* Another holder of the same key; either may be released first. Gives. */
struct crypto_key *crypto_key_share(const struct crypto_key *key);
/* Wipes and releases; harmless for NULL. */
void crypto_key_free(struct crypto_key **key);

enum crypto_key_kind crypto_key_kind(const struct crypto_key *key);
/* Bits of the RSA modulus; 256 for Ed25519. */
unsigned crypto_key_bits(const struct crypto_key *key);

/* The private key as PKCS #8 PEM. ERR_UNSUPPORTED when there is only the public half. */
bool crypto_key_format_private(const struct crypto_key *key, struct secret *out, struct err *e);
/* Appends the public half as crypto_key_parse_public reads it (RSA as SubjectPublicKeyInfo). False
 * when `out` is full. */
bool crypto_key_format_public(const struct crypto_key *key, struct buf *out);

/* Whether `signature` is the key's over a hash of crypto_hash_size octets. Ed25519 signs the hash
 * as its message (RFC 8463 section 3). A signature of the wrong length is just wrong. */
bool crypto_signature_verify(const struct crypto_key *key, enum crypto_hash_kind kind,
                             const uint8_t *hash, str signature);
/* Appends the signature over the hash. ERR_UNSUPPORTED without the private half, ERR_LIMIT when
 * `out` is full. */
bool crypto_signature_make(const struct crypto_key *key, enum crypto_hash_kind kind,
                           const uint8_t *hash, struct buf *out, struct err *e);

#endif
