/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of a mailbox at one moment, as several sessions share them: a picture that never
 * changes once it is made, counted by those who hold it. A change makes a new picture, which shares
 * with the old one all the pieces that stayed the same. It knows neither database nor client.
 *
 * Pieces hold up to IMAP_PIECE_ROWS messages in the order of UIDs, so a change of one message in a
 * mailbox of 100,000 copies one piece (12 KB) and the list of the pieces (6 KB), and what differs
 * between two pictures is found by looking only at the pieces that they do not share. */
#ifndef IMAP_ROWS_H
#define IMAP_ROWS_H

#include "store/store.h"

enum {
    IMAP_PIECE_ROWS = 256
};

/* Messages that stand together; counted by the pictures that have it. */
struct imap_piece {
    unsigned holders;
    uint32_t n; /* 1 .. IMAP_PIECE_ROWS */
    struct store_row rows[];
};

/* Keywords without a bit of one message. */
struct imap_overflow {
    uint32_t uid;
    const char *names; /* with spaces between; inside the same block */
};

/* All of them of a picture; counted by the pictures that have it. */
struct imap_overflows {
    unsigned holders;
    size_t bytes; /* of this block */
    size_t n;
    struct imap_overflow list[]; /* by uid */
};

struct imap_rows {
    unsigned holders;
    uint32_t n; /* messages */
    uint32_t n_pieces;
    uint32_t *starts; /* starts[i] is the index of the first message of piece i */
    struct imap_piece **pieces;
    struct imap_overflows *overflows; /* NULL when there are none */
    size_t *counted;                  /* bytes of all pictures that came from the same first one */
};

/* A picture without messages. Adds to *counted what it and its descendants occupy, each piece once
 * (keeps). Gives: imap_rows_drop. */
struct imap_rows *imap_rows_new(size_t *counted);
/* One more holder of the picture, which is given back. */
struct imap_rows *imap_rows_hold(struct imap_rows *r);
/* One holder less; the last one frees it. Nulls. Harmless for NULL. */
void imap_rows_drop(struct imap_rows **r);

/* What is to become of a picture. */
struct imap_rows_change {
    const struct store_row *rows; /* by uid: new messages, and the new flags of known ones */
    size_t n;
    const struct store_overflow *overflows; /* of `rows`, by uid */
    size_t n_overflows;
    struct store_ranges vanished; /* none of them may be in `rows` */
    bool takes_new;               /* UIDs above the last one are added; else they are left out */
};

/* The picture after the change; the same one (held once more) when nothing is different. Of a
 * message that is known, flags, keywords and modseq are taken where the modseq is another; one that
 * is not known and not above the last UID is left out. Gives. */
struct imap_rows *imap_rows_apply(struct imap_rows *old, const struct imap_rows_change *change);

/* The message at the index, which must be below n. Valid as long as the picture. */
const struct store_row *imap_rows_at(const struct imap_rows *r, size_t index);
/* Index of the first message whose UID is not below `uid`; n when there is none. */
size_t imap_rows_lower_bound(const struct imap_rows *r, uint32_t uid);
/* UID of the last message, 0 when there is none. */
uint32_t imap_rows_last_uid(const struct imap_rows *r);
/* Keywords without a bit of the message, with spaces between, or NULL. */
const char *imap_rows_overflow(const struct imap_rows *r, uint32_t uid);

/* ---- differences ---- */

enum imap_difference {
    IMAP_SAME,    /* the end: there is no further difference */
    IMAP_GONE,    /* old_index is not in the new picture */
    IMAP_ARRIVED, /* new_index is not in the old picture */
    IMAP_CHANGED  /* old_index and new_index are the same message with another modseq */
};

/* A walk over what differs between two pictures of one mailbox, by ascending UID. */
struct imap_rows_diff {
    const struct imap_rows *old;
    const struct imap_rows *new;
    size_t old_index; /* of the difference found last */
    size_t new_index;
    size_t old_at; /* private: where the walk goes on */
    size_t new_at;
};

/* Begins a walk; both pictures must stay held meanwhile. */
void imap_rows_diff_init(struct imap_rows_diff *d, const struct imap_rows *old,
                         const struct imap_rows *new);
enum imap_difference imap_rows_diff_next(struct imap_rows_diff *d);

#endif
