/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations (RFC 5464): small values with names, of a mailbox or of the server, private to one
 * account or shared by all who see the mailbox. Names are in lower case and begin with "/private/"
 * or
 * "/shared/"; what they mean is the clients' affair. */
#ifndef STORE_ANNOTATION_H
#define STORE_ANNOTATION_H

#include "store/store.h"

enum {
    STORE_MAX_ANNOTATION = 65536, /* octets of a value */
    STORE_MAX_ANNOTATIONS = 100   /* private ones of an account, and shared ones, of one mailbox */
};

/* What annotations belong to. */
struct store_annotated {
    int64_t viewer_id;  /* whose private ones */
    int64_t account_id; /* owner of the mailbox; the server: 0 */
    int mailbox_id;     /* the server: 0 */
};

struct store_annotation {
    str name;
    str value;
    bool is_removed; /* of a change: it is to go */
    size_t size;     /* octets of the value; also when it is longer than was asked for */
};

struct store_annotation_query {
    const str *names;
    size_t n;
    unsigned depth;  /* levels below each name */
    int64_t maxsize; /* octets; longer values come with their size only; -1: all */
};

struct store_annotations {
    struct store_annotation *list; /* by name */
    size_t n;
};

/* In arena. Yields. */
YIELDS bool store_annotations_get(struct store *s, const struct store_annotated *of,
                                  const struct store_annotation_query *query, struct arena *a,
                                  int64_t deadline_ms, struct store_annotations *out,
                                  struct err *e);

/* What tells whether an annotation is another one than before. */
struct store_annotation_mark {
    int64_t account_id; /* as in store_annotated; the server: 0 */
    int mailbox_id;
    str name;
    int64_t mark; /* of the value: another one, another value */
};

enum {
    STORE_MAX_MARKS = 20000 /* read at once */
};

struct store_annotation_marks {
    struct store_annotation_mark *list; /* by account, mailbox and name */
    size_t n;
};

/* Whose private annotations, and of which accounts' mailboxes. */
struct store_marked {
    int64_t viewer_id;
    const int64_t *account_ids; /* 0: the server */
    size_t n;
};

/* Marks of all annotations of these accounts that are shared or the viewer's; which mailboxes it
 * may see is the caller's to know. ERR_LIMIT: more than STORE_MAX_MARKS. In arena. Yields. */
YIELDS bool store_annotations_mark(struct store *s, const struct store_marked *of, struct arena *a,
                                   int64_t deadline_ms, struct store_annotation_marks *out,
                                   struct err *e);

struct store_annotation_change {
    const struct store_annotation *list;
    size_t n;
    const enum store_role *role; /* of the mailbox from now on, which may be none; NULL: it stays */
};

/* Sets and removes them all and gives the mailbox the role, or does nothing. ERR_LIMIT: more than
 * STORE_MAX_ANNOTATIONS; lengths are the caller's to check. ERR_NOT_FOUND (mailbox), ERR_DENIED (a
 * role for INBOX), ERR_EXISTS (another mailbox has it). Yields. */
YIELDS bool store_annotations_set(struct store *s, const struct store_annotated *of,
                                  const struct store_annotation_change *change, int64_t deadline_ms,
                                  struct err *e);

#endif
