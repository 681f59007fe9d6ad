/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of SCRAM, and verifiers as text: what was read lies in what was given, names are
 * clean, and a verifier that was read is the same when it is written and read again. */
#include "auth/scram.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_verifier(str in)
{
    struct scram_verifier v;
    struct scram_verifier again;
    struct buf text;
    struct err e = ERR_CLEAR;
    if (!scram_verifier_parse(in, &v, &e))
        return;
    buf_init(&text, SCRAM_TEXT_MAX);
    bool ok = scram_verifier_format(&v, &text) && scram_verifier_parse(buf_str(&text), &again, &e);
    INVARIANT(ok && memcmp(&v, &again, sizeof(v)) == 0);
    buf_fini(&text);
}

static void check_first(str in, struct arena *a)
{
    struct scram_first first;
    struct err e = ERR_CLEAR;
    if (!scram_first_parse(in, a, &first, &e))
        return;
    INVARIANT(first.header.n + first.bare.n == in.n);
    INVARIANT(first.user.n > 0 && utf8_is_valid(first.user));
    INVARIANT(str_find_byte(first.user, '\0') < 0 && str_find_byte(first.authzid, '\0') < 0);
    INVARIANT(first.nonce.n > 0 && first.nonce.n <= SCRAM_NONCE_MAX);
    INVARIANT(str_find_byte(first.nonce, ',') < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct scram_final final;
    struct err e = ERR_CLEAR;
    str in = str_of((const char *)data, n);
    arena_init(&a);
    check_verifier(in);
    check_first(in, &a);
    if (scram_final_parse(in, &a, &final, &e)) {
        INVARIANT(final.nonce.n > 0 && final.without_proof.n < in.n);
        INVARIANT(str_has_prefix(in, final.without_proof));
    }
    arena_fini(&a);
    return 0;
}
