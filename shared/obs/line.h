/* SPDX-License-Identifier: Apache-2.0 */
/* How one log event looks as a line of text or JSON. Pure; writing it is in log.c. */
#ifndef OBS_LINE_H
#define OBS_LINE_H

#include "obs/obs.h"

enum {
    OBS_LINE_MAX = 8192, /* bytes of a line, with its line feed */
    OBS_VALUE_MAX = 1024 /* bytes of a value before escaping; the rest is cut */
};

struct obs_line {
    int64_t at_us; /* UTC */
    uint64_t seq;  /* number of the line in its process */
    enum obs_level level;
    const char *event;
    const char *component;
    const char *process; /* may be empty */
    str session;         /* may be empty */
    const struct obs_field *fields;
    size_t n;
};

/* Appends the line with its line feed to an empty `out` that was made for OBS_LINE_MAX bytes. Every
 * byte that could begin a new line, end a value, move the cursor or reorder text is escaped. Fields
 * that do not fit are left out, and the line then ends in cut=true. */
void obs_line_format(const struct obs_line *line, enum obs_format format, struct buf *out);

/* "debug", "info", "warn", "error". Static. */
const char *obs_level_name(enum obs_level level);

#endif
