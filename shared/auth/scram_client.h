/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), for logins at other servers. Pure: it
 * reads, writes and computes; who speaks the protocol around it says in which order. */
#ifndef AUTH_SCRAM_CLIENT_H
#define AUTH_SCRAM_CLIENT_H

#include "crypto/hash.h"

enum {
    SCRAM_CLIENT_MESSAGE_MAX = 2048,       /* octets of a server's message */
    SCRAM_CLIENT_SALT_MAX = 256,           /* octets */
    SCRAM_CLIENT_ITERATIONS_MIN = 4096,    /* RFC 7677 section 4 */
    SCRAM_CLIENT_ITERATIONS_MAX = 1000000, /* some 0.3 s of a core: a server may not ask for more */
    SCRAM_CLIENT_NONCE_SIZE = 24           /* characters of our nonce */
};

/* A nonce of our own, in the arena. */
str scram_client_nonce(struct arena *a);
/* The client-first-message without its GS2 header, in the arena. */
str scram_client_first(str user, str nonce, struct arena *a);

/* What a server answers to it. */
struct scram_challenge {
    str nonce; /* ours and then the server's; borrowed */
    str salt;  /* in the arena */
    unsigned iterations;
};

/* Reads a server-first-message to our nonce. ERR_SYNTAX: it is none, it is not for our nonce, or
 * what it asks for is too little or too much. */
bool scram_challenge_parse(str message, str nonce, struct arena *a, struct scram_challenge *out,
                           struct err *e);

/* The client-final-message without its proof: the GS2 header and the octets of the channel binding
 * (empty: none) come in base64. In the arena. */
str scram_client_final(str header, str binding, str nonce, struct arena *a);

struct scram_client_proof {
    uint8_t proof[CRYPTO_SHA256_SIZE];
    uint8_t server[CRYPTO_SHA256_SIZE]; /* what the server has to show then */
};

/* Computes both. `password` is in the form of auth_password_saslprep; `auth_message` is as in RFC
 * 5802 section 3. Takes as long as PBKDF2: call it in the offload pool. */
void scram_client_prove(str password, str salt, unsigned iterations, str auth_message,
                        struct scram_client_proof *out);

/* Whether a server-final-message is "v=" with what it has to show. */
bool scram_client_trusts(const struct scram_client_proof *proof, str message);

#endif
