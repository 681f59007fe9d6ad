/* SPDX-License-Identifier: Apache-2.0 */
/* Stored BODYSTRUCTURE of any content: never read past its end, and BODY of a BODY is itself. */
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf body, again;
    buf_init(&body, n + 16);
    buf_init(&again, n + 16);
    if (mime_bodystructure_to_body(str_of((const char *)data, n), &body)) {
        INVARIANT(body.n <= n);
        INVARIANT(mime_bodystructure_to_body(buf_str(&body), &again));
        INVARIANT(str_eq(buf_str(&body), buf_str(&again)));
    } else {
        INVARIANT(body.n == 0);
    }
    buf_fini(&body);
    buf_fini(&again);
    return 0;
}
