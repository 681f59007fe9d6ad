/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery status notifications of strangers: the mail, and the fields without one around them. */
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(struct arena *a, str text)
{
    struct mime_delivery_status status;
    mime_delivery_status_parse(a, text, &status);
    INVARIANT(status.n <= MIME_MAX_STATUS_RECIPIENTS);
    for (size_t i = 0; i < status.n; i++) {
        const struct mime_delivery_recipient *r = &status.recipients[i];
        INVARIANT(r->original.n + r->final.n > 0 && r->status.n <= 9);
        INVARIANT(str_find_byte(r->original, '\n') < 0 && str_find_byte(r->final, '\n') < 0);
        INVARIANT(str_find_byte(r->diagnostic, '\n') < 0 && str_find_byte(r->remote, '\r') < 0);
        INVARIANT(r->diagnostic.n <= MIME_MAX_FIELD_BYTES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    str input = str_of((const char *)data, n);
    arena_init(&a);
    str text = mime_delivery_status_text(mime_structure_parse(&a, input), &a);
    INVARIANT(text.n <= MIME_MAX_STATUS_BYTES);
    check(&a, text);
    check(&a, input);
    arena_fini(&a);
    return 0;
}
