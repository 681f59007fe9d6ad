/* SPDX-License-Identifier: Apache-2.0 */
/* Both directions of a compressed connection (RFC 1951, raw deflate): what comes is unpacked under
 * limits against bombs (ATTACKS I11), what goes is packed in small pieces. Pure: it sees octets, no
 * socket. Private to net.
 *
 * A connection at rest keeps little of it. The packer forgets its window at any flush without the
 * peer's noticing; of the unpacker only the octets remain that the peer may still refer to. */
#ifndef NET_DEFLATE_H
#define NET_DEFLATE_H

#include "base/base.h"

struct deflate;

enum {
    DEFLATE_IN_MAX = 16384,     /* octets that the peer sent and that are not unpacked yet */
    DEFLATE_PIECE = 8192,       /* octets of one packed piece */
    DEFLATE_RATIO = 200,        /* unpacked to packed octets; beyond it somebody does harm */
    DEFLATE_FREE = 1024 * 1024, /* unpacked octets that the ratio does not count */
    DEFLATE_BARREN = 64 * 1024  /* packed octets in a row that unpack to nothing */
};

/* A pair of streams at their beginnings. Gives. */
struct deflate *deflate_new(void);
void deflate_free(struct deflate **d);

/* ---- from the peer ---- */

enum deflate_step {
    DEFLATE_SOME,  /* *got octets were unpacked */
    DEFLATE_EMPTY, /* put more in first */
    DEFLATE_BOMB,  /* too much came of too little: read no more */
    DEFLATE_BROKEN /* no deflate stream, or its end: read no more */
};

/* Room for octets from the peer, and how many have been put there. *n is 0 while all is taken. */
char *deflate_room(struct deflate *d, size_t *n);
void deflate_put(struct deflate *d, size_t n);
/* Unpacks at most `n` octets to `to`. What came before a fault is given first; after BOMB and
 * BROKEN it says the same again. */
enum deflate_step deflate_unpack(struct deflate *d, char *to, size_t n, size_t *got);
/* Whether deflate_unpack may give octets, or a fault, before more are put in. */
bool deflate_has_input(const struct deflate *d);
/* The peer ends its compression where it is now: what follows that point in what was put in is not
 * packed. Valid until d is freed. */
str deflate_leave(struct deflate *d);

/* ---- to the peer ---- */

/* The next octets to send, of which deflate_sent takes away those that were; empty when there are
 * none. When nothing is left to send it packs from `plain`, all of which the peer can read after
 * the last piece; *used octets of it are not needed any more. */
str deflate_pack(struct deflate *d, str plain, size_t *used);
void deflate_sent(struct deflate *d, size_t n);

/* ---- memory ---- */

/* The connection waits: gives back what can be made anew. With `is_idle` all has been sent, too. */
void deflate_rest(struct deflate *d, bool is_idle);
/* Octets held now. */
size_t deflate_memory(const struct deflate *d);

#endif
