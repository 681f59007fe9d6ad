/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as other programs leave them in files: what an operator brings along when mail moves
 * here. Reading is all that is done with them. */
#ifndef CRYPTO_KEY_FILE_H
#define CRYPTO_KEY_FILE_H

#include "crypto/signature.h"

/* Reads the one private key, RSA or Ed25519, of a file: PEM (PKCS #8 or PKCS #1) with whatever
 * stands around it, or base64 of the same as DER (both as a KeyTable of opendkim has them), or of
 * the 32 octets of an Ed25519 key (RFC 8463 appendix A.2). It is tried out: a key whose halves do
 * not belong together is none. ERR_SYNTAX: no key, only a public one, several, an encrypted or a
 * damaged one; ERR_UNSUPPORTED: another kind of key, or another form of file; ERR_LIMIT. The
 * messages say what to do and never hold key bytes. Pure. Gives. */
bool crypto_key_file_parse(str text, struct crypto_key **out, struct err *e);

#endif
