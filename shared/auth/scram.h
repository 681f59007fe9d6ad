/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of SCRAM-SHA-256 (RFC 5802, RFC 7677) and the verifier that is kept of a password
 * for it. Pure: it reads, writes and computes; exchange.c says in which order. */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include "crypto/hash.h"

enum {
    SCRAM_SALT_SIZE = 16,
    SCRAM_ITERATIONS = 65536, /* of new verifiers; why: docs/decisions/009-scram.md */
    SCRAM_ITERATIONS_MIN = 4096,
    SCRAM_ITERATIONS_MAX = 10000000,
    SCRAM_TEXT_MAX = 200,     /* octets of a verifier as text */
    SCRAM_NONCE_MAX = 256,    /* octets of a client's nonce */
    SCRAM_BINDING_MAX = 64,   /* octets of channel binding data */
    SCRAM_MESSAGE_MAX = 2048, /* octets of a client-first-message */
    SCRAM_FINAL_MAX = 4096    /* octets of a client-final-message */
};

/* What lets the server check a proof, and prove itself, without the password. */
struct scram_verifier {
    unsigned iterations;
    uint8_t salt[SCRAM_SALT_SIZE];
    uint8_t stored_key[CRYPTO_SHA256_SIZE];
    uint8_t server_key[CRYPTO_SHA256_SIZE];
};

/* Computes stored_key and server_key of the password (in the form that clients use: SASLprep) from
 * the salt and iterations that are filled. Takes as long as PBKDF2: call it in the offload pool. */
void scram_verifier_derive(struct scram_verifier *v, str password);
/* Appends "SCRAM-SHA-256$65536:salt$stored:server" in base64 (RFC 5803, as PostgreSQL writes it).
 * False when `out` is full. */
bool scram_verifier_format(const struct scram_verifier *v, struct buf *out);
/* Reads that text. ERR_SYNTAX, also for iterations out of bounds. */
bool scram_verifier_parse(str text, struct scram_verifier *out, struct err *e);

/* What a client says about channel binding (RFC 5802 section 6). */
enum scram_binding {
    SCRAM_BINDING_NONE,   /* n: the client cannot */
    SCRAM_BINDING_UNUSED, /* y: it can, but believes that the server cannot */
    SCRAM_BINDING_USED    /* p=name */
};

struct scram_first {
    enum scram_binding binding;
    str binding_name; /* of SCRAM_BINDING_USED; borrowed */
    str header;       /* the GS2 header with its last comma; borrowed */
    str authzid;      /* unescaped, empty when none; in arena */
    str user;         /* unescaped, not empty; in arena */
    str nonce;        /* borrowed */
    str bare;         /* what follows the header; borrowed */
};

/* Reads a client-first-message. ERR_SYNTAX: anything else, mandatory extensions ("m="), text that
 * is no UTF-8 or has control characters. */
bool scram_first_parse(str message, struct arena *a, struct scram_first *out, struct err *e);

/* The server-first-message: r= the client's nonce and then ours, s= the salt, i= the iterations. In
 * arena. */
str scram_server_first(const struct scram_verifier *v, str client_nonce, str server_nonce,
                       struct arena *a);

struct scram_final {
    str binding; /* decoded value of c=: the GS2 header and then the data; in arena */
    str nonce;   /* borrowed */
    uint8_t proof[CRYPTO_SHA256_SIZE];
    str without_proof; /* borrowed */
};

/* Reads a client-final-message. ERR_SYNTAX. */
bool scram_final_parse(str message, struct arena *a, struct scram_final *out, struct err *e);

/* Whether the proof shows that the client knows the password. `auth_message` is as in RFC 5802
 * section 3: client-first bare, server-first, client-final without proof, with commas between. */
bool scram_proof_is_right(const struct scram_verifier *v, str auth_message,
                          const uint8_t proof[CRYPTO_SHA256_SIZE]);
/* The server-final-message "v=...", by which the server shows that it knows the verifier. In arena.
 */
str scram_server_final(const struct scram_verifier *v, str auth_message, struct arena *a);

#endif
