/* SPDX-License-Identifier: Apache-2.0 */
/* argon2id in the offload pool: at most 8 at a time (their memory adds up), 64 waiting, 2 s of
 * waiting. */
#ifndef AUTH_HASHING_H
#define AUTH_HASHING_H

#include "auth/scram.h"
#include "crypto/argon2id.h"
#include "runtime/runtime.h"

struct hashing {
    struct semaphore gate;
};

/* A line that nobody stands in; needs no release. */
void hashing_init(struct hashing *h);

/* Waits for a place; follow with exactly one hashing_verify or hashing_make, or hashing_leave.
 * ERR_UNAVAILABLE (the line is full or does not move), ERR_CANCELLED. Yields. */
YIELDS bool hashing_enter(struct hashing *h, int64_t deadline_ms, struct err *e);
void hashing_leave(struct hashing *h);

/* Whether the password is the PHC string's. The place is given back when the work has really ended,
 * also when the wait for it was given up. Errors of crypto_argon2id_verify and ERR_UNAVAILABLE,
 * ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool hashing_verify(struct hashing *h, str phc, str password, int64_t deadline_ms,
                           bool *matches, struct err *e);
/* What is to be stored of a new password: its PHC string, a space, and its verifier for SCRAM
 * (scram.h) with the salt given. In the arena. Yields. */
YIELDS bool hashing_make(struct hashing *h, const struct crypto_argon2id *parameters,
                         const uint8_t salt[SCRAM_SALT_SIZE], str password, int64_t deadline_ms,
                         struct arena *a, str *stored, struct err *e);

#endif
