/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes base/date.h: a date that parses is the same after formatting. */
#include "base/base.h"
#include "base/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int64_t us = 0;
    if (!date_parse_rfc3339(str_of((const char *)data, n), &us, NULL))
        return 0;
    struct buf text;
    int64_t again = 0;
    buf_init(&text, 64);
    INVARIANT(date_format_rfc3339(us, 6, &text));
    INVARIANT(date_parse_rfc3339(buf_str(&text), &again, NULL));
    /* An offset can reach a day before the year 0 or after 9999, where formatting stops. */
    bool is_in_range = us >= DATE_UNIX_MIN * 1000000 && us / 1000000 <= DATE_UNIX_MAX;
    INVARIANT(!is_in_range || again == us);
    struct date d;
    date_from_unix_us(us, &d);
    INVARIANT(date_is_valid(&d));
    buf_fini(&text);
    return 0;
}
