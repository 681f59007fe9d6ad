/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for zone files. */
#include "services/cli/records.h"

#include <stdio.h>

static void print_strings(str text)
{
    enum {
        STRING_MAX = 255
    };
    (void)printf("(");
    while (text.n > 0) {
        str piece = str_slice(text, 0, STRING_MAX);
        (void)printf(" \"%.*s\"", STR_FMT(piece));
        text = str_skip(text, piece.n);
    }
    (void)printf(" )\n");
}

void cli_print_record(str name, str type, str value)
{
    (void)printf("%.*s. IN %.*s ", STR_FMT(name), STR_FMT(type));
    if (str_eq(type, STR("TXT"))) {
        print_strings(value);
    } else {
        (void)printf("%.*s\n", STR_FMT(value));
    }
}

void cli_advise_key(const char *domain)
{
    (void)fprintf(stderr, "%s has no DKIM key; make one: heronry dkim generate %s\n", domain,
                  domain);
}
