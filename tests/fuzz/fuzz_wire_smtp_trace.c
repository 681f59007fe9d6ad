/* SPDX-License-Identifier: Apache-2.0 */
/* The trace fields of a hostile header: what is found lies in the message, what is taken out leaves
 * the rest as it was, and taking out twice changes nothing. */
#include "wire/smtp_trace.h"

enum {
    FOUND_MAX = 8
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_delivered(str message)
{
    str found[FOUND_MAX];
    size_t n = smtp_trace_delivered(message, found, FOUND_MAX);
    INVARIANT(n == smtp_trace_delivered(message, NULL, 0));
    for (size_t i = 0; i < n && i < FOUND_MAX; i++)
        INVARIANT(found[i].n == 0 ||
                  (found[i].p >= message.p && found[i].p + found[i].n <= message.p + message.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    str message = str_of((const char *)data, size);
    arena_init(&a);
    check_delivered(message);
    size_t hops = smtp_trace_hops(message);
    str clean = smtp_trace_strip(message, STR("mx.example"), NULL, 0, &a);
    INVARIANT(clean.n <= message.n && smtp_trace_hops(clean) <= hops);
    INVARIANT(str_eq(smtp_trace_strip(clean, STR("mx.example"), NULL, 0, &a), clean));
    check_delivered(clean);
    arena_fini(&a);
    return 0;
}
