/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers write into their records about reports: lists of URIs, records of TLS-RPT. */
#include "reports/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(enum reports_kind kind, str rua)
{
    struct arena a;
    struct reports_uris uris;
    arena_init(&a);
    reports_uris_parse(kind, rua, &a, &uris);
    INVARIANT(uris.n <= REPORTS_URIS_MAX);
    for (size_t i = 0; i < uris.n; i++) {
        const struct reports_uri *uri = &uris.list[i];
        INVARIANT(uri->target.n > 0 && uri->is_https == (uri->host.n == 0));
        INVARIANT(!uri->is_https || kind == REPORTS_TLS);
        for (size_t c = 0; c < uri->target.n; c++)
            INVARIANT(uri->target.p[c] > ' ' && uri->target.p[c] <= '~');
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_CLEAR;
    str text = str_of((const char *)data, n);
    str records[2];
    str rua;
    check(REPORTS_TLS, text);
    check(REPORTS_DMARC, text);
    (void)str_cut(text, '\n', &records[0], &records[1]);
    if (reports_tls_record_find(records, COUNT_OF(records), &rua, &e))
        check(REPORTS_TLS, rua);
    return 0;
}
