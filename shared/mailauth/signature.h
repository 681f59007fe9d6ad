/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that hold signatures: DKIM-Signature (RFC 6376 section 3.5), ARC-Message-Signature and
 * ARC-Seal (RFC 8617 section 4.1), and the key records they name (RFC 6376 section 3.6.1). Pure. */
#ifndef MAILAUTH_SIGNATURE_H
#define MAILAUTH_SIGNATURE_H

#include "mailauth/canon.h"
#include "mailauth/keys.h"
#include "mailauth/tags.h"

enum {
    MAILAUTH_MAX_SIGNED = 256 /* names in one h= */
};

enum mailauth_signature_form {
    MAILAUTH_FORM_DKIM,
    MAILAUTH_FORM_ARC_MESSAGE,
    MAILAUTH_FORM_ARC_SEAL /* no h=, bh=, c= */
};

/* A signature field, read. Slices borrow the field; others are in the arena. */
struct mailauth_signature {
    const struct mime_field *field;
    str hole; /* the raw value of b= in field->body */
    enum crypto_key_kind key_kind;
    enum crypto_hash_kind hash_kind;
    enum mailauth_canon header_canon;
    enum mailauth_canon body_canon;
    str domain;     /* d=, lower case */
    str selector;   /* s= */
    str identity;   /* i= of DKIM, "@d" when it is absent; in arena */
    str bytes;      /* b=, decoded */
    str body_hash;  /* bh=, decoded */
    str names;      /* h= as written */
    size_t n_names; /* in it, at most MAILAUTH_MAX_SIGNED */
    bool has_length;
    uint64_t length; /* l=, octets of the canonical body */
    bool has_time;
    int64_t at; /* t=, seconds UTC */
    bool has_expiry;
    int64_t expires_at; /* x=, seconds UTC */
    unsigned instance;  /* i= of ARC, 1 - 50 */
    str chain;          /* cv= of a seal, as written */
};

/* Reads the field. ERR_SYNTAX: it breaks the grammar or a MUST of its RFC (a permanent error);
 * ERR_UNSUPPORTED: an algorithm, version or query method that we do not know; ERR_LIMIT. In arena.
 */
bool mailauth_signature_parse(struct arena *a, enum mailauth_signature_form form,
                              const struct mime_field *field, struct mailauth_signature *out,
                              struct err *e);

/* The instance of ARC that a text begins with, "1" in "1 (first) ; ..." (RFC 8617 section 4.2.1);
 * *text goes behind it and comments. 0: there is none from 1 to 99. */
unsigned mailauth_instance_parse(str *text);

/* Whether the signature covers a field of this name. */
bool mailauth_signature_covers(const struct mailauth_signature *signature, str name);

/* Hashes the fields that h= names, bottom up for each name (RFC 6376 section 5.4.2), in the
 * header's canonical form. */
void mailauth_signature_add_fields(struct crypto_hash *h,
                                   const struct mailauth_signature *signature,
                                   const struct mime_header *header);

struct mailauth_key {
    struct crypto_key *key; /* NULL: revoked (an empty p=) */
    bool is_test;           /* t=y */
    bool is_strict;         /* t=s: i= must have exactly the domain of d= */
};

/* Reads one TXT record, for a signature of this algorithm. ERR_SYNTAX (no key record, or a broken
 * one), ERR_UNSUPPORTED (a key for something else: k=, h=, s=), ERR_LIMIT (RSA below 1024 or above
 * 4096 bits, RFC 8301 section 3.2). A key that is kept in `keys` (or NULL) is not read again.
 * Gives: release out->key. */
bool mailauth_key_parse(str record, const struct mailauth_signature *signature,
                        struct mailauth_keys *keys, struct mailauth_key *out, struct err *e);

#endif
