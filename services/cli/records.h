/* SPDX-License-Identifier: Apache-2.0 */
/* DNS records as lines of a zone file (RFC 1035 section 5). */
#ifndef CLI_RECORDS_H
#define CLI_RECORDS_H

#include "base/str.h"

/* Prints "name. IN TYPE value"; the text of TXT as strings of at most 255 octets. */
void cli_print_record(str name, str type, str value);
/* Says on standard error that the domain has no DKIM key, and how it gets one. */
void cli_advise_key(const char *domain);

#endif
