/* SPDX-License-Identifier: Apache-2.0 */
/* Dates: what is read is written and read back as the same moment. */
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mime_date date, again;
    struct buf text;
    if (!mime_date_parse(str_of((const char *)data, n), &date))
        return 0;
    buf_init(&text, 100);
    INVARIANT(mime_date_format(date.at_utc, date.zone_offset, &text));
    INVARIANT(mime_date_parse(buf_str(&text), &again));
    INVARIANT(again.at_utc == date.at_utc && again.zone_offset == date.zone_offset);
    buf_fini(&text);
    return 0;
}
