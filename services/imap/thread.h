/* SPDX-License-Identifier: Apache-2.0 */
/* The threading algorithms of RFC 5256, on keys that were read before. Pure: no client, no
 * database; linear but for sorting, whatever the references say. */
#ifndef IMAP_THREAD_H
#define IMAP_THREAD_H

#include "services/imap/column.h"
#include "wire/imap_search.h"

/* One message; they come in the order of the mailbox. Ids and subjects are numbers. */
struct imap_thread_item {
    uint32_t id;          /* its own, or IMAP_COLUMN_NO_ID */
    uint32_t n_refs;      /* ids of References, or the first one of In-Reply-To, */
    const uint32_t *refs; /* oldest first */
    uint32_t subject;     /* equal base subjects have one number */
    bool has_subject;     /* the base subject is not empty */
    bool is_reply;        /* something was taken off the subject for its base */
    int64_t sent_s;       /* Date field, else the internal date (RFC 5256 section 2.2) */
    int64_t arrived_s;    /* internal date */
};

struct imap_thread_input {
    const struct imap_thread_item *items;
    uint32_t n;
    uint32_t n_ids;      /* ids are below */
    uint32_t n_subjects; /* subjects are below */
};

enum {
    IMAP_THREAD_NONE = UINT32_MAX /* no node */
};

/* Nodes below n are the messages; those from n on are ancestors that are not there. */
struct imap_thread_node {
    uint32_t parent;
    uint32_t first_child;
    uint32_t last_child;
    uint32_t next; /* sibling */
};

struct imap_threads {
    struct imap_thread_node *nodes;
    uint32_t n;     /* messages */
    uint32_t first; /* thread, then nodes[first].next ...; IMAP_THREAD_NONE when there are none */
};

/* Threads the messages; siblings stand in the order of the answer. At most UINT32_MAX / 256
 * messages. In arena. */
void imap_thread_make(struct arena *a, enum imap_thread_by by,
                      const struct imap_thread_input *input, struct imap_threads *out);

/* Appends one thread of the answer, "(2 (3)(4))"; names[i] is what message i is called. False when
 * `out` is full. */
bool imap_thread_format(const struct imap_threads *t, uint32_t thread, const uint32_t *names,
                        struct buf *out);

#endif
