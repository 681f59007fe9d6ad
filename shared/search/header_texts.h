/* SPDX-License-Identifier: Apache-2.0 */
/* The header fields that people search most, kept for each message in normal form in one narrow
 * table (header_text): all of a mailbox is looked through in one pass, whatever the text is. The
 * indexer fills it together with the documents of the index. */
#ifndef SEARCH_HEADER_TEXTS_H
#define SEARCH_HEADER_TEXTS_H

#include "search/search.h"

struct db_tx;

enum search_header {
    SEARCH_HEADER_SUBJECT,
    SEARCH_HEADER_FROM,
    SEARCH_HEADER_TO,
    SEARCH_HEADER_CC,
    SEARCH_HEADER_BCC
};

enum {
    SEARCH_HEADERS = SEARCH_HEADER_BCC + 1,
    SEARCH_MAX_HEADER_TEXT = 16 * 1024 /* bytes; a message with more in a field is read instead */
};

struct search_header_texts {
    bool is_whole;             /* false: not all could be kept; the rest is empty */
    bool has[SEARCH_HEADERS];  /* whether the message has such a field */
    str texts[SEARCH_HEADERS]; /* values in normal form; several fields with a line end between */
    bool has_sent;
    int64_t sent_day; /* of the Date field as written, whatever its zone; days since 1970 */
    bool is_read;     /* false: the message could not be read, nothing is known of it */
    uint32_t pop3_header_gain; /* octets (pop3_gains.h) */
    uint32_t pop3_end_gain;    /* */
};

/* Makes the texts of a message. Never fails. Pure; in arena. */
void search_header_texts_make(struct arena *a, str message, struct search_header_texts *out);

/* The day of the Date field as it is written, without regard to its zone (RFC 9051 section 6.4.4,
 * SENTON), in days since 1970. False when there is none that can be read. Pure. */
bool search_header_sent_day(str header, int64_t *day);

/* The field's name in any case; false when it is none of them. */
bool search_header_find(str name, enum search_header *out);

/* Writes the texts of n messages in the transaction. Errors: those of db_tx_query. Yields. */
YIELDS bool search_header_texts_write(struct db_tx *tx, const int64_t *account_ids,
                                      const int64_t *msg_ids,
                                      const struct search_header_texts *texts, size_t n_texts,
                                      struct arena *a, struct err *e);

enum search_header_asked {
    SEARCH_HEADER_HOLDS, /* `field` holds `text` as a substring; an empty text: there is such a
                            field */
    SEARCH_SENT_BEFORE,  /* the day of the Date field against `day` */
    SEARCH_SENT_ON,
    SEARCH_SENT_SINCE
};

struct search_header_query {
    int64_t account_id;
    int64_t holder; /* the account that asks, as in search_needle */
    enum search_header_asked asked;
    enum search_header field;
    str text; /* UTF-8, at most SEARCH_MAX_NEEDLE bytes */
    int64_t day;
    const int64_t *among; /* only these messages are of interest; NULL: all of the account */
    size_t n_among;
};

/* Which messages match. Sure is exact; maybe are those that are not indexed yet, or not whole.
 * Deliveries committed before the call are in the answer. ERR_LIMIT (text too long, statement
 * timeout), and those of search_find_substring. Lists in arena. Yields. */
YIELDS bool search_find_in_headers(struct db *db, const struct search_header_query *query,
                                   struct arena *a, int64_t deadline_ms,
                                   struct search_candidates *out, struct err *e);

#endif
