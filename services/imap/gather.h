/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one command with its literals. */
#ifndef IMAP_GATHER_H
#define IMAP_GATHER_H

#include "services/imap/session.h"

enum imap_gathered {
    IMAP_GATHERED_COMMAND, /* it is in the session's framer */
    IMAP_GATHERED_NOTHING, /* what came was answered already, as a bad command */
    IMAP_GATHERED_END      /* the connection ends */
};

/* Octets that one appended message may have (RFC 7889). */
size_t imap_append_limit(const struct imap_session *s);
/* Counts what the session's framer holds now. */
void imap_gather_charge(struct imap_session *s);
/* Counts octets that the running command holds beside what was read; false past the limit of all
 * sessions together (nothing is counted then). What was counted must be given back. */
bool imap_gather_take(struct imap_session *s, size_t octets);
void imap_gather_give_back(struct imap_session *s, size_t octets);
/* Reads the next command, asking for literals. Yields. */
YIELDS enum imap_gathered imap_gather(struct imap_session *s);

#endif
