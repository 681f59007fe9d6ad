/* SPDX-License-Identifier: Apache-2.0 */
/* What servers answer to a login of ours by SCRAM: what was read is within its limits. */
#include "auth/scram_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct scram_challenge out;
    const struct scram_client_proof proof = { .server = { 1 } };
    struct err e = ERR_CLEAR;
    str in = str_of((const char *)data, n);
    str nonce = STR("abc");
    arena_init(&a);
    if (scram_challenge_parse(in, nonce, &a, &out, &e)) {
        INVARIANT(str_has_prefix(out.nonce, nonce) && out.nonce.n > nonce.n);
        INVARIANT(out.salt.n > 0 && out.salt.n <= SCRAM_CLIENT_SALT_MAX);
        INVARIANT(out.iterations >= SCRAM_CLIENT_ITERATIONS_MIN);
        INVARIANT(out.iterations <= SCRAM_CLIENT_ITERATIONS_MAX);
    }
    if (scram_client_trusts(&proof, in))
        INVARIANT(str_has_prefix(in, STR("v=AQAAAAAA")));
    arena_fini(&a);
    return 0;
}
