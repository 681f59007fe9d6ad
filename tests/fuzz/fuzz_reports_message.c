/* SPDX-License-Identifier: Apache-2.0 */
/* Mails of strangers with reports in them, packed in all ways. */
#include "mime/mime.h"
#include "tests/unit/reports/received_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct mime_header header;
    arena_init(&a);
    mime_header_parse(&a, str_of((const char *)data, n), &header);
    str about = reports_message_domain(&header, &a);
    INVARIANT(!about.n || about.p[about.n - 1] != '.');
    arena_fini(&a);
    return fuzz_received(reports_message_parse, data, n);
}
