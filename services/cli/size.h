/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and times as people write them. Pure. */
#ifndef CLI_SIZE_H
#define CLI_SIZE_H

#include "base/base.h"

/* "500MB", "2GB", "1048576", "unlimited" (0) to bytes; 1 KB is 1024 bytes, letters in any case, a
 * space before the unit is fine. ERR_SYNTAX, also when it would not fit. */
bool cli_parse_size(str text, int64_t *bytes, struct err *e);
/* "90s", "15m", "12h", "180d" to seconds, more than none. ERR_SYNTAX. */
bool cli_parse_age(const char *text, int64_t *seconds, struct err *e);

#endif
