/* SPDX-License-Identifier: Apache-2.0 */
/* The types of parameters: text of the file to values and back to a description. Pure. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/config.h"

enum config_type {
    TYPE_BOOL,
    TYPE_INT,
    TYPE_BYTES,      /* 25MB; 1 MB is 1024 * 1024 bytes */
    TYPE_DURATION,   /* 5m; kept in milliseconds */
    TYPE_TEXT,       /* one line */
    TYPE_CHOICE,     /* one of the words of the default, "first|second" */
    TYPE_LIST,       /* words */
    TYPE_NETWORKS,   /* addresses or address/bits */
    TYPE_DURATIONS,  /* at least one */
    TYPE_DNSBL,      /* lists of the DNS (dnsbl_zone.h) */
    TYPE_COMPONENTS, /* of the log (obs/components.h) */
    TYPE_LEVELS,     /* "component=level" of them */
};

/* A row of params.def. */
struct config_row {
    const char *key;
    enum config_type type;
    const char *preset;
    int64_t least;
    int64_t most;
    bool is_reloadable;
    const char *doc;
};

/* True for LIST, NETWORKS, DURATIONS, DNSBL, COMPONENTS and LEVELS. */
bool config_type_is_list(enum config_type type);

/* Reads a scalar, or one item of a list, of the row's type: the number of BOOL (0, 1), INT, BYTES,
 * DURATION and DURATIONS is in *number. ERR_SYNTAX, with what was expected. */
bool config_value_parse(const struct config_row *row, const char *text, int64_t *number,
                        struct err *e);

/* Splits "127.0.0.1:25", "[::1]:25", "*", ":25" and the forms without port. *host is in the arena,
 * *port 0 when there is none. ERR_SYNTAX. */
bool config_address_parse(str text, struct arena *a, const char **host, uint16_t *port,
                          struct err *e);

#endif
