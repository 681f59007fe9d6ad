/* SPDX-License-Identifier: Apache-2.0 */
/* DKIM: verifying the signatures of a message (RFC 6376, 8301, 8463) and signing one. */
#ifndef MAILAUTH_DKIM_H
#define MAILAUTH_DKIM_H

#include "mailauth/resolver.h"
#include "mailauth/signature.h"
#include "mime/mime.h"

/* A message as the verifiers look at it; its lines end with CRLF. */
struct mailauth_message {
    str raw;
    struct mime_header header;
    struct mime_field from; /* the first From field, wherever it is in the header */
    size_t n_from;          /* From fields of the whole header; 2 for more, too */
    str body;
    void (*turn)(void); /* called now and then while a body is hashed: fiber_yield; NULL: nothing */
};

/* Lists the header's fields, and finds From also behind those that are listed. In arena, borrows
 * `raw`. */
void mailauth_message_init(struct arena *a, str raw, struct mailauth_message *out);

/* The domain of the author, lower case, A-labels; empty when From is absent or comes twice, names
 * nobody, or somebody without a domain. Several authors of one domain are of that one (RFC 9989
 * section 5.3.1); of several, none is given. A final dot of the domain is taken off. In arena. */
str mailauth_message_author(struct arena *a, const struct mailauth_message *message);

/* Whether it names no author at all: no From, or one of groups without members (RFC 6854) in which
 * nothing reads as an address. */
bool mailauth_message_is_anonymous(struct arena *a, const struct mailauth_message *message);

/* Results by RFC 8601 section 2.7; not each method has each. */
enum mailauth_result {
    MAILAUTH_NONE,
    MAILAUTH_PASS,
    MAILAUTH_FAIL,
    MAILAUTH_SOFTFAIL,
    MAILAUTH_POLICY, /* right, but not accepted by our own rules */
    MAILAUTH_NEUTRAL,
    MAILAUTH_TEMPERROR,
    MAILAUTH_PERMERROR
};

/* The word of Authentication-Results. Static. */
const char *mailauth_result_name(enum mailauth_result result);

enum {
    MAILAUTH_MAX_SIGNATURES = 10 /* of one message that are verified (ATTACKS X9) */
};

/* What was found out about one signature. */
struct mailauth_dkim {
    enum mailauth_result result;
    struct mailauth_signature signature; /* what could be read of it */
    const char *problem;                 /* a short sentence; NULL for a pass; in arena or static */
    unsigned key_bits;                   /* 0: no key was found */
    bool is_test;                        /* the domain says that it is only testing (t=y) */
};

struct mailauth_dkim_results {
    struct mailauth_dkim *list; /* those of the author's domain first, then as in the message */
    size_t n;                   /* at most MAILAUTH_MAX_SIGNATURES */
    size_t skipped;             /* signatures past the limit */
};

/* Verifies the signatures of the message, whose keys are asked for side by side. `now_s`: seconds
 * UTC, for x=. A broken signature is a result, not an error, and so is any under a header with more
 * fields than are listed: PERMERROR. Errors are those of the resolver that are not answers
 * (ERR_CANCELLED). After the deadline the rest is MAILAUTH_TEMPERROR. In arena. Yields when the
 * resolver does. */
YIELDS bool mailauth_dkim_verify(const struct mailauth_resolver *resolver,
                                 const struct mailauth_message *message, int64_t now_s,
                                 struct arena *a, int64_t deadline_ms,
                                 struct mailauth_dkim_results *out, struct err *e);

/* One key to sign with. */
struct mailauth_signer {
    str domain;
    str selector;
    const struct crypto_key *key; /* private */
};

struct mailauth_signing {
    const struct mailauth_signer *signers; /* one field each: RSA and Ed25519 side by side */
    size_t n;
    int64_t now_s;      /* seconds UTC: t= */
    int64_t lifetime_s; /* x= is now_s + lifetime_s; 0: none */
};

/* Appends a DKIM-Signature field for each signer, whole with CRLF, to be put in front of the
 * message. relaxed/relaxed, without l=; the fields that a reader sees and those that give the body
 * its meaning are signed once more than they are there, so that none can be added (RFC 6376
 * section 8.15). ERR_SYNTAX: the message has no From; ERR_LIMIT: `out` is full, or the header has
 * more fields than are listed, of which some would not be signed. */
bool mailauth_dkim_sign(const struct mailauth_message *message,
                        const struct mailauth_signing *signing, struct buf *out, struct err *e);

/* For ARC, which signs in the same way: the hash of the body, then of the fields and of the
 * signature's own field. True: the signature is right; *problem says why not. Yields when the
 * message's `turn` does. */
bool mailauth_signature_check(const struct mailauth_signature *signature,
                              const struct mailauth_message *message, const struct crypto_key *key,
                              const char **problem);
/* What came of asking for a key. */
struct mailauth_key_answer {
    enum mailauth_result result; /* PASS: it is there; else TEMPERROR or PERMERROR */
    struct mailauth_key key;     /* of a PASS: release key.key */
    const char *problem;         /* else: what is wrong; in arena or static */
};

/* Asks for the key that the signature names. Errors: as mailauth_dkim_verify. Yields when the
 * resolver does. */
YIELDS bool mailauth_key_load(const struct mailauth_resolver *resolver,
                              const struct mailauth_signature *signature, struct arena *a,
                              int64_t deadline_ms, struct mailauth_key_answer *out, struct err *e);

#endif
