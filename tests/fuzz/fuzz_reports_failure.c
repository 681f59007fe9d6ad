/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a stranger's header in a failure report. */
#include "mime/mime.h"
#include "reports/failure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct mime_header header;
    struct buf out;
    arena_init(&a);
    buf_init(&out, REPORTS_FAILURE_HEADER_MAX);
    mime_header_parse(&a, str_of((const char *)data, n), &header);
    reports_failure_add_header(&header, &out);
    INVARIANT(!out.n || out.p[out.n - 1] == '\n');
    for (size_t i = 0; i < out.n; i++)
        INVARIANT(out.p[i] == '\r' || out.p[i] == '\n' || (out.p[i] >= ' ' && out.p[i] <= '~'));
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
