/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line prints: tables for people, JSON for programs, errors that say what to do.
 * Bytes of foreign origin never reach the terminal as control characters (ATTACKS C3). */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "services/cli/cli.h"

#include <jansson.h>

/* Appends s with control characters (C0, DEL, C1) and bytes that are no UTF-8 as \xNN. */
void cli_escape(str s, struct buf *out);
/* The same as a JSON string. Gives. */
json_t *cli_json_text(str s);
/* The words between the commas of an option, as a list. Gives. */
json_t *cli_json_words(const char *text);

/* Rows of columns, aligned when printed. */
struct cli_table {
    const char *const *titles;
    size_t n_columns;
    struct buf cells; /* each ends with a NUL */
    size_t n_rows;
};

void cli_table_init(struct cli_table *t, const char *const *titles, size_t n_columns);
/* One cell after the other, row by row. The number and the sizes are escaped or formatted here. */
void cli_table_text(struct cli_table *t, str text);
void cli_table_number(struct cli_table *t, int64_t value);
/* Bytes as "25.0 MB"; a time in microseconds UTC as "2026-11-21 05:12", 0 as "-". */
void cli_table_size(struct cli_table *t, int64_t bytes);
void cli_table_time(struct cli_table *t, int64_t at_us);
/* Prints to standard output and releases. */
void cli_table_print(struct cli_table *t);

/* Prints a value on lines of its own; DEL and C1 as \uNNNN, too, which jansson leaves. */
void cli_dump_json(const json_t *value, size_t flags);
/* Prints and releases the value: the one document that a command prints for programs. */
void cli_print_json(json_t **value);
/* Prints a list as the API has lists: {"items": [...]}. */
void cli_print_items(json_t *items);
/* What was done: the sentence for people, or {"ok": true} with the name and value given (may be
 * NULL). */
void cli_print_done(const struct cli *cli, const char *key, const char *value, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* The same for programs where there is more to tell: {"ok": true}, the name and value, and what
 * `answer` of the API has, which it prints and releases. */
void cli_print_answer(const char *key, const char *value, json_t **answer);

/* RFC 3339 of microseconds UTC; JSON null for 0. Gives. */
json_t *cli_json_time(int64_t at_us);

/* Prints "heronry: sentence" (or {"error": ...}) on standard error and gives the exit code that
 * belongs to the kind. */
enum cli_exit cli_fail(const struct cli *cli, const struct err *e);
/* The same for a fault of the command line itself, with a hint at its help. */
enum cli_exit cli_usage(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum cli_exit cli_exit_of(enum err_kind kind);
/* The table of exit codes, for the help. */
void cli_print_exit_codes(void);

#endif
