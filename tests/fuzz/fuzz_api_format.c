/* SPDX-License-Identifier: Apache-2.0 */
/* Formats: the first octet chooses one, the rest is the text. What goes into header fields and
 * names may not end a line, whatever else it holds. */
#include "base/utf8.h"
#include "services/api/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool may_hold_lines(enum api_format format)
{
    return format == API_FORMAT_NONE || format == API_FORMAT_PASSWORD;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint64_t number;
    if (n == 0)
        return 0;
    enum api_format format = (enum api_format)(data[0] % API_FORMAT_COUNT);
    str text = str_of((const char *)data + 1, n - 1);
    if (!utf8_is_valid(text) || !api_format_check(format, text))
        return 0;
    if (!may_hold_lines(format))
        INVARIANT(str_find_byte(text, '\n') < 0 && str_find_byte(text, '\r') < 0);
    if (format == API_FORMAT_ID || format == API_FORMAT_STATE)
        INVARIANT(str_to_uint(text, INT64_MAX, &number));
    if (format == API_FORMAT_EMAIL)
        INVARIANT(str_find_byte(text, ' ') < 0 && str_find_byte(text, ',') < 0);
    return 0;
}
