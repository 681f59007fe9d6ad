/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the API, shown: a table of columns says what people read, programs get the items as the
 * API has them; and the secrets that are listed: made and ended alike. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "services/cli/api.h"
#include "services/cli/output.h"

/* Appends the cell of a value to the table; NULL for a field that is missing. */
typedef void (*cli_cell_fn)(struct cli_table *t, const json_t *value);

/* The cells that most columns have. */
void cli_cell_text(struct cli_table *t, const json_t *value);
void cli_cell_number(struct cli_table *t, const json_t *value);
void cli_cell_size(struct cli_table *t, const json_t *value);
void cli_cell_time(struct cli_table *t, const json_t *value);
/* A list of words as "imap, smtp", or `none` for no words. */
void cli_cell_words(struct cli_table *t, const json_t *words, str none);
/* Messages and recipients of the last hour, then of the last 24 hours: "1/2, 3/4". */
void cli_cell_sent(struct cli_table *t, const json_t *used);

struct cli_column {
    const char *field; /* of the API's item; NULL: the item itself is the value */
    const char *title;
    cli_cell_fn cell;
};

struct cli_listing {
    const struct cli_column *columns;
    size_t n;
    bool has_pages; /* the operation of the API has */
};

/* Asks for the list and prints it. What the command is about (its first argument) stands before an
 * error. Yields. */
YIELDS bool cli_show_list(struct cli_session *s, str path, const struct cli_listing *listing,
                          struct err *e);
/* Prints items that were got already. */
void cli_show_items(struct cli_session *s, const struct cli_listing *listing, const json_t *items);
/* Prints one item: a table of one row, or the object. */
void cli_show_item(struct cli_session *s, const struct cli_listing *listing, json_t *item);

/* A secret that was just made and is shown once. */
struct cli_secret {
    const char *object; /* of the answer: what the secret belongs to, with its "id" */
    const char *field;  /* of the answer, and of what programs get */
    const char *what;   /* for people: "Token" */
};

/* Prints the secret, and its id beside it, of what the command's first argument names. */
void cli_show_secret(const struct cli_session *s, const struct cli_secret *secret,
                     const json_t *made);
/* Ends what the command's second argument names below the path of a list, and says it with the
 * words that follow its id. Yields. */
YIELDS bool cli_end_item(struct cli_session *s, str list_path, const char *what,
                         const char *is_done, struct err *e);

#endif
