/* SPDX-License-Identifier: Apache-2.0 */
/* How machines tell each other of their counts: one message is a line of its own and a line for
 * each name, all in decimal, separated by LF. Pure.
 *
 *     1 <machine> <picture> <kind>
 *     <open> <fresh> <cost in us> <name>
 */
#ifndef CLUSTER_COUNTS_TEXT_H
#define CLUSTER_COUNTS_TEXT_H

#include "net/tally_share.h"

enum {
    COUNTS_NAMES_MAX = 500,     /* of one message */
    COUNTS_TEXT_MAX = 64 * 1024 /* octets of one message */
};

enum counts_kind {
    COUNTS_NEWS,    /* what changed; maybe nothing: the machine lives */
    COUNTS_PICTURE, /* of all that is open, a part */
    COUNTS_LAST,    /* the last part: what was in none of them is not open any more */
    COUNTS_ASK,     /* news, and all are to send a picture */
    COUNTS_KINDS
};

struct counts_head {
    uint64_t machine;
    uint64_t picture; /* its number, of a part of one */
    enum counts_kind kind;
};

/* Appends the first line, or one of a name. False: there is no more room. */
bool counts_add_head(struct buf *out, const struct counts_head *head);
bool counts_add_name(struct buf *out, const struct net_tally_told *told);

/* Reads the first line; *rest is what follows. ERR_SYNTAX, also for another version. */
bool counts_read_head(str text, struct counts_head *head, str *rest, struct err *e);
/* Takes the next name off *rest; it borrows from the text. ERR_SYNTAX. */
enum step counts_read_name(str *rest, struct net_tally_told *told, struct err *e);

#endif
