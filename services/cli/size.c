/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units. */
#include "services/cli/size.h"

#include <errno.h>

static const struct {
    str name;
    unsigned shift;
} units[] = {
    { STR_INIT(""), 0 },   { STR_INIT("B"), 0 },   { STR_INIT("K"), 10 }, { STR_INIT("KB"), 10 },
    { STR_INIT("M"), 20 }, { STR_INIT("MB"), 20 }, { STR_INIT("G"), 30 }, { STR_INIT("GB"), 30 },
    { STR_INIT("T"), 40 }, { STR_INIT("TB"), 40 },
};

bool cli_parse_size(str text, int64_t *bytes, struct err *e)
{
    size_t digits = 0;
    uint64_t number;
    text = str_trim(text);
    if (str_ieq(text, STR("unlimited"))) {
        *bytes = 0;
        return true;
    }
    while (digits < text.n && ascii_is_digit(text.p[digits]))
        digits++;
    str unit = str_trim(str_skip(text, digits));
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!str_ieq(unit, units[i].name))
            continue;
        if (!str_to_uint(str_slice(text, 0, digits), (uint64_t)INT64_MAX >> units[i].shift,
                         &number))
            break;
        *bytes = (int64_t)(number << units[i].shift);
        return true;
    }
    return ERR(e, ERR_SYNTAX, "\"%.*s\" is no size; write 500MB, 2GB or unlimited", STR_FMT(text));
}

bool cli_parse_age(const char *text, int64_t *seconds, struct err *e)
{
    enum {
        NUMBER_MAX = 31536000
    };
    static const struct {
        char unit;
        int64_t seconds;
    } ages[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        if (errno == 0 && end != text && number > 0 && number <= NUMBER_MAX &&
            end[0] == ages[i].unit && end[1] == '\0') {
            *seconds = number * ages[i].seconds;
            return true;
        }
    }
    return ERR(e, ERR_SYNTAX, "a time is a number with s, m, h or d, as 12h, not \"%s\"", text);
}
