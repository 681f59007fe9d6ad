/* SPDX-License-Identifier: Apache-2.0 */
/* What NOTIFY asked for, and the mailboxes as they were told. Private to watch*.c. */
#ifndef IMAP_WATCH_PICTURE_H
#define IMAP_WATCH_PICTURE_H

#include "services/imap/watch.h"
#include "store/annotation.h"

enum {
    OWN_NAMES_MAX = 2 /* that one command names */
};

/* One account whose changes concern us. */
struct watch_source {
    int64_t account_id;
    struct notify_subscriber subscriber;
};

/* A mailbox as it was told. */
struct watch_row {
    struct store_place place; /* its name in the picture's arena */
    unsigned wanted;          /* events that were asked for */
    unsigned events;          /* those of them that may be told: none, while it may not be read */
};

struct watch_picture {
    struct arena arena;
    struct watch_row *rows; /* by account and mailbox id */
    size_t n;
    struct store_annotation_marks marks; /* where they are asked for */
};

struct imap_watch {
    struct arena arena; /* of what was asked for */
    struct imap_notify_group *groups;
    size_t n_groups;
    unsigned events; /* of all groups */
    unsigned selected_events;
    bool is_delayed;
    str fetch;
    struct watch_picture now;
    int64_t everybody; /* tells of what is shared with the whole domain */
    struct watch_source *sources;
    size_t n_sources;
    bool is_stale;
    int64_t look_at;              /* monotonic ms: not before */
    str own_names[OWN_NAMES_MAX]; /* during a look: what the client did itself */
    size_t n_own;
};

/* ---- watch_groups.c ---- */

/* Whether a name is that of `top`, or below it. */
bool imap_watch_is_below(str name, str top);

/* Whether a mailbox of another account may be meant. */
bool imap_watch_may_mean_others(const struct imap_watch *w);

/* The events of this mailbox that were asked for. */
unsigned imap_watch_wanted_of(const struct imap_watch *w, const struct store_place *place);

/* Events of messages and annotations need the rights l and r (RFC 5465 section 5); without l it is
 * in no list. Names are told to whoever sees them in lists. */
bool imap_watch_is_open(const struct watch_row *row);

/* ---- watch_sources.c ---- */

/* Is told from now on by the accounts that the picture names, and by those that tell of more.
 * ERR_LIMIT: they are too many. */
bool imap_watch_listen(struct imap_session *s, struct err *e);
/* Is told by nobody any more. */
void imap_watch_forget_sources(struct imap_session *s);

/* ---- watch_tell.c ---- */

/* The order of rows in a picture, for qsort: by account and mailbox id. */
int imap_watch_by_id(const void *a, const void *b);

/* Tells what differs between two pictures. Yields. */
YIELDS void imap_watch_tell(struct imap_session *s, const struct watch_picture *old,
                            const struct watch_picture *new);
/* The same of the server's own annotations, in the picture of now. Yields. */
YIELDS void imap_watch_tell_server(struct imap_session *s, const struct watch_picture *old);

/* Tells of a mailbox that is asked for and was closed to the user, or is open now (RFC 5465
 * sections 3.1 and 5.9): whoever sees it may know that nothing will be told of it. Yields. */
YIELDS void imap_watch_tell_access(struct imap_session *s, const struct watch_row *row,
                                   bool was_open);

/* Whether it is the mailbox that is selected. */
bool imap_watch_is_selected(const struct imap_session *s, const struct store_place *place);

#endif
