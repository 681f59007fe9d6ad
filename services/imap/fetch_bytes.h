/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of messages on their way to a client, and what is kept beside them: several are read at
 * once while it keeps up. For one that does not, whatever was read is given back before the wait,
 * and read again afterwards (ATTACKS I13): a slow reader costs its write buffer. So it is when
 * others wait for room: nobody keeps it from them for longer than a slice takes to be written. */
#ifndef IMAP_FETCH_BYTES_H
#define IMAP_FETCH_BYTES_H

#include "services/imap/message.h"
#include "services/imap/room.h"

/* What one FETCH holds of bytes. */
struct imap_bytes {
    struct imap_session *s;
    struct arena arena;
    struct imap_room *room; /* where `guest` holds room for what is in the arena */
    struct imap_room_guest guest;
    struct imap_room_guest making; /* room for what was made of the present message */
    size_t piece;                  /* octets in the arena that are a piece of a big message */
    size_t window;                 /* octets to be read ahead */
    size_t unsent;                 /* octets given to the connection since its buffer was empty */
    size_t last_at;                /* in the message of the last piece that was read, */
    str last;                      /* which is in the arena; empty: none is */
    bool is_slow;                  /* the client did not keep up lately */
    unsigned calm;                 /* times it did since */
    str *raws;     /* messages first .. first + n of the batch; p NULL: it did not come */
    bool *damaged; /* of those that did not: whether it is there and cannot be read */
    size_t first;
    size_t n;
    struct arena texts;            /* of the details */
    struct store_details *details; /* messages first_details .. first_details + n_details */
    size_t first_details;
    size_t n_details;
    struct arena long_texts; /* of one message */
    struct store_details long_details;
};

/* Sets up what the sessions of a process share. */
void imap_bytes_share(struct imap_service *service);

/* Nothing is held yet. */
void imap_bytes_init(struct imap_bytes *b, struct imap_session *s);
/* Gives back what is held. */
void imap_bytes_fini(struct imap_bytes *b);

/* Messages of a batch, for reading ahead. */
struct imap_bytes_wanted {
    const int64_t *msg_ids;
    const uint32_t *sizes;
    size_t n;
    bool only_header;
    unsigned details; /* STORE_WANT_* */
};

/* Message `i` of the batch: whole (or its header) in *raw when it was read (ahead, or now together
 * with those that follow), and *is_read false when it is to be read piece by piece. ERR_NOT_FOUND:
 * it is gone; ERR_DAMAGED. Yields. */
YIELDS bool imap_bytes_next(struct imap_bytes *b, const struct imap_bytes_wanted *wanted, size_t i,
                            str *raw, bool *is_read, struct err *e);
/* Details of message `i` of the batch, read ahead as well. They hold until the next is asked for,
 * or something is sent. Yields. */
YIELDS bool imap_bytes_details(struct imap_bytes *b, const struct imap_bytes_wanted *wanted,
                               size_t i, const struct store_details **out, struct err *e);
/* Forgets the bytes that were read ahead. */
void imap_bytes_forget(struct imap_bytes *b);
/* Forgets all that was read ahead, also details: the batch ends. */
void imap_bytes_forget_all(struct imap_bytes *b);

/* Room for a message that must be read whole to find its parts; waits for minutes while other
 * sessions hold too much (room.h). ERR_UNAVAILABLE. Yields. */
YIELDS bool imap_bytes_make_room(struct imap_bytes *b, size_t octets, struct err *e);

/* Room for octets that are made of a message, of which nothing can be forgotten while they are
 * sent; waits as well, and forgets the bytes of m before. ERR_LIMIT: too much was made of this one
 * message. Yields. */
YIELDS bool imap_bytes_make(struct imap_bytes *b, struct imap_message *m, size_t octets,
                            struct err *e);
/* Gives that room back: the answer of the message is complete. */
void imap_bytes_made(struct imap_bytes *b);
/* Gives back some of it: so much less was made. */
void imap_bytes_made_less(struct imap_bytes *b, size_t octets);

/* Sends what stands in the session's output buffer; afterwards m may have forgotten its bytes and
 * what points into them. ERR_CLOSED. Yields. */
YIELDS bool imap_bytes_send_out(struct imap_bytes *b, struct imap_message *m, struct err *e);
/* The same, and then octets that were made from the message, in another arena: picked fields. */
YIELDS bool imap_bytes_send_made(struct imap_bytes *b, struct imap_message *m, str octets,
                                 struct err *e);
/* Sends what stands in the output buffer and octets [at, at + n) of the message, from memory as
 * long as they are there, else read piece by piece. The same is true of m. ERR_CLOSED; errors of
 * store. Yields. */
YIELDS bool imap_bytes_send(struct imap_bytes *b, struct imap_message *m, size_t at, size_t n,
                            struct err *e);
/* The same with a part that was measured: it is decoded on the way, from the mark on. The mark is
 * moved to where the next piece of the part may begin. */
YIELDS bool imap_bytes_send_binary(struct imap_bytes *b, struct imap_message *m,
                                   const struct imap_binary *part, struct imap_binary_mark *mark,
                                   struct err *e);
/* As imap_binary_measure, of a message that is not in memory: it is read in pieces from the mark
 * on, which is moved to where what is asked for begins. ERR_NOT_FOUND, ERR_DAMAGED; errors of
 * store. Yields. */
YIELDS bool imap_bytes_measure_binary(struct imap_bytes *b, const struct imap_message *m,
                                      struct imap_binary *part, struct imap_binary_mark *mark,
                                      bool *has_nul, struct err *e);

#endif
