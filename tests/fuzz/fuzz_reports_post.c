/* SPDX-License-Identifier: Apache-2.0 */
/* TLS reports that anybody may post by HTTPS (RFC 8460 section 5.2): JSON, plain, gzip or zip. What
 * is unpacked must stay under its limit, and what comes packed must be read as when it is plain. */
#include "tests/unit/reports/received_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The same document without its wrapping is the same report. */
static void check_unpacked(str body)
{
    struct arena a;
    struct buf plain;
    struct reports_received packed;
    struct reports_received again;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    buf_init(&plain, REPORTS_DOCUMENT_MAX);
    if (reports_unpack(body, &plain, &e)) {
        bool first = reports_post_parse(body, &a, &packed, &e);
        bool second = reports_tls_parse(str_trim(buf_str(&plain)), &a, &again, &e);
        INVARIANT(first == second);
        INVARIANT(!first || (packed.kind == REPORTS_TLS && packed.n == again.n &&
                             packed.good == again.good && packed.bad == again.bad &&
                             str_eq(packed.id, again.id) && str_eq(packed.domain, again.domain)));
    }
    INVARIANT(plain.n <= REPORTS_DOCUMENT_MAX);
    buf_fini(&plain);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_unpacked(str_of((const char *)data, n));
    return fuzz_received(reports_post_parse, data, n);
}
