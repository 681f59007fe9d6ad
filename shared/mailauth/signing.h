/* SPDX-License-Identifier: Apache-2.0 */
/* Private to mailauth: writing the fields that hold signatures. What is signed by which of them is
 * told where they are made. Pure. */
#ifndef MAILAUTH_SIGNING_H
#define MAILAUTH_SIGNING_H

#include "mailauth/dkim.h"

enum {
    MAILAUTH_SIGNING_NAMES_MAX = 32 * 1024, /* octets of h= */
    MAILAUTH_SIGNING_FIELD_MAX = 64 * 1024  /* octets of a whole field */
};

/* A field before it is signed. */
struct mailauth_unsigned {
    str start; /* name and first tag: "DKIM-Signature: v=1;" */
    const struct mailauth_signer *signer;
    int64_t now_s;            /* seconds UTC: t= */
    str more;                 /* one more tag as it stands, "x=17;"; empty: none */
    str names;                /* h=; empty: a seal, without c=, h= and bh= */
    const uint8_t *body_hash; /* CRYPTO_SHA256_SIZE octets of bh=; with names only */
};

/* Appends the names of the fields that are signed, for h=: those that a reader sees and those that
 * give the body its meaning once more than they are there; with the signatures of others on
 * request. False when `out` is full. */
bool mailauth_signing_names(const struct mime_header *header, bool with_signatures,
                            struct buf *out);

/* The hash of the body in relaxed form. Yields when the message's `turn` does. */
void mailauth_signing_body(const struct mailauth_message *message, uint8_t hash[CRYPTO_HASH_MAX]);

/* Appends the field up to and with "b=", folded. `*line` is where its last line begins, in octets
 * of `out`. False when `out` is full. */
bool mailauth_signing_begin(const struct mailauth_unsigned *u, struct buf *out, size_t *line);

/* A field that was appended to a buffer, as the canonical forms take it: its CRLF may be missing.
 * Borrows. */
struct mime_field mailauth_signing_field(str text);

/* Signs the hash, and appends that and CRLF to what mailauth_signing_begin made. ERR_LIMIT: `out`
 * is full; errors of crypto_signature_make. */
bool mailauth_signing_end(const struct mailauth_signer *signer, const uint8_t *hash,
                          struct buf *out, size_t *line, struct err *e);

/* Appends a whole field that signs the fields of u->names and the body. Errors: as above. */
bool mailauth_signing_message(const struct mime_header *header, const struct mailauth_unsigned *u,
                              struct buf *out, struct err *e);

#endif
