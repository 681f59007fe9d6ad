/* SPDX-License-Identifier: Apache-2.0 */
/* A header whose first field may be our Authentication-Results, or what a sealer wrote: whatever
 * stands there, what is told stays inside of the input's size and of the limits. */
#include "mailauth/mailauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct mailauth_told told;
    arena_init(&a);
    bool found = mailauth_authres_find(str_of((const char *)data, n), STR("mx.test"), &a, &told);
    INVARIANT(found || (told.n_signers == 0 && told.dmarc == MAILAUTH_NONE));
    INVARIANT(told.n_signers <= MAILAUTH_MAX_SIGNERS);
    INVARIANT(told.n_signers == 0 || told.dkim == MAILAUTH_PASS);
    INVARIANT(told.author.n <= n && told.sender.n <= n);
    for (size_t i = 0; i < told.n_signers; i++)
        INVARIANT(told.signers[i].n <= n);
    if (!mailauth_authres_read_arc(str_of((const char *)data, n), &a, &told))
        INVARIANT(told.n_signers == 0 && told.dmarc == MAILAUTH_NONE);
    INVARIANT(told.author.n <= n && told.n_signers <= MAILAUTH_MAX_SIGNERS);
    arena_fini(&a);
    return 0;
}
