/* SPDX-License-Identifier: Apache-2.0 */
/* Local parts that look like rewritten senders: what is restored was made with our key, and making
 * it again gives an address that is restored to the same. */
#include "wire/smtp_srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct smtp_srs srs = { STR("key"), 1700000000 };
    str text = str_of((const char *)data, size);
    struct err e = ERR_CLEAR;
    struct arena a;
    str local;
    str domain;
    str made;
    arena_init(&a);
    bool is_ours = smtp_srs_restore(&srs, text, &a, &local, &domain, &e);
    INVARIANT(is_ours || e.kind != ERR_NONE);
    INVARIANT(!is_ours || smtp_srs_is_rewritten(text));
    if (smtp_srs_rewrite(&srs, text, STR("example.net"), &a, &made)) {
        str again;
        e = ERR_CLEAR;
        if (smtp_srs_restore(&srs, made, &a, &again, &domain, &e) && !smtp_srs_is_rewritten(text))
            INVARIANT(str_eq(again, text) && str_eq(domain, STR("example.net")));
        INVARIANT(e.kind == ERR_NONE || smtp_srs_is_rewritten(text) || text.n == 0);
    }
    arena_fini(&a);
    return 0;
}
