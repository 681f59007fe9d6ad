/* SPDX-License-Identifier: Apache-2.0 */
/* The threading algorithms of RFC 5256, on keys that were read before. Pure: no client, no
 * database; linear but for sorting, whatever the references say. */
#ifndef IMAP_THREAD_H
#define IMAP_THREAD_H

#include "search/keys.h"
#include "wire/imap_search.h"

/* One message; they come in the order of the mailbox. */
struct imap_thread_item {
    const struct search_keys *keys;
    int64_t sent_s;    /* Date field, else the internal date (RFC 5256 section 2.2) */
    int64_t arrived_s; /* internal date */
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
void imap_thread_make(struct arena *a, enum imap_thread_by by, const struct imap_thread_item *items,
                      uint32_t n, struct imap_threads *out);

/* Appends one thread of the answer, "(2 (3)(4))"; names[i] is what message i is called. False when
 * `out` is full. */
bool imap_thread_format(const struct imap_threads *t, uint32_t thread, const uint32_t *names,
                        struct buf *out);

#endif
