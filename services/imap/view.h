/* SPDX-License-Identifier: Apache-2.0 */
/* The selected mailbox as this client knows it: which message has which number, its flags, and the
 * names of keywords. It shares its rows with the other sessions of the mailbox (box.h): a session
 * holds the picture that its client was told. What is told about changes stands in updates.h. */
#ifndef IMAP_VIEW_H
#define IMAP_VIEW_H

#include "services/imap/box.h"
#include "services/imap/session.h"
#include "store/seen.h"
#include "store/share.h"
#include "wire/imap_flags.h"
#include "wire/imap_sequence.h"

struct imap_contexts;

struct imap_view {
    int64_t account_id; /* whose mailbox it is: not always the session's own account */
    int mailbox_id;
    char *name;      /* UTF-8, of when it was last asked for (imap_view_name); on the heap */
    unsigned rights; /* STORE_MAY_* on it */
    bool is_read_only;
    uint32_t uidvalidity;
    uint32_t uidnext;       /* UIDs from here on are not known to the client */
    int64_t modseq;         /* HIGHESTMODSEQ up to which the view is complete */
    int64_t heard;          /* highest modseq told by notify since the last look began */
    bool is_box_up;         /* this command brought the box up: the next look asks nothing */
    struct imap_box *box;   /* held */
    struct imap_rows *rows; /* what the client was told; held */
    size_t n;               /* messages in it: the highest message number */
    uint64_t told_keywords; /* bits of keywords that a FLAGS line named */
    size_t told_more;       /* octets of box->more_keywords that one named */
    uint32_t *saved;        /* UIDs of SEARCH RETURN (SAVE), ascending; on the heap */
    size_t n_saved;
    struct imap_contexts *contexts; /* update contexts (contexts.h), or NULL */
};

/* The selected mailbox in the eyes of the user. */
struct store_viewed imap_view_viewed(const struct imap_session *s);

/* Opens the mailbox as the selected one (another one must be closed already) and listens to its
 * changes. ERR_NOT_FOUND and those of store. Yields. */
YIELDS bool imap_view_open(struct imap_session *s, const struct store_place *place,
                           bool is_read_only, struct err *e);
/* Back to the authenticated state; harmless when nothing is selected. */
void imap_view_close(struct imap_session *s);

/* Takes what a STORE of this session did into the view, and into the box for the others. When
 * something else happened in the mailbox before it, the session is stale afterwards. */
void imap_view_take_flags(struct imap_session *s, const struct store_flag_result *result);
/* The same with messages that this session appended at the end, without keywords, the last of them
 * at `modseq`: nothing is asked of the database for them. Left to the next look when something else
 * happened in the account. */
void imap_view_take_new(struct imap_session *s, const struct store_row *rows, size_t n,
                        uint32_t uidvalidity, int64_t modseq);
/* The running command put `n` messages there, from this UID on: NOTIFY does not fetch them for the
 * client. Harmless when it is not the selected mailbox. */
void imap_view_note_made(struct imap_session *s, const struct store_place *place, uint32_t first,
                         size_t n);
/* Copies the name. */
void imap_view_set_name(struct imap_view *v, str name);
/* Whether this mailbox is the selected one; its name does not tell. */
bool imap_view_is_at(const struct imap_session *s, const struct store_place *place);
/* Takes another picture (holds). */
void imap_view_show(struct imap_view *v, struct imap_rows *rows);
/* True once when the mailbox uses keywords that were not told yet: a FLAGS line is due. */
bool imap_view_has_new_keywords(struct imap_view *v);

/* Message number index + 1. Valid until the view changes: not over a yield. */
const struct store_row *imap_view_row(const struct imap_view *v, size_t index);
/* UID of the last message, 0 when there is none. */
uint32_t imap_view_last_uid(const struct imap_view *v);
/* Index of the first message whose UID is not below `uid`; and of the UID itself, or -1. */
size_t imap_view_lower_bound(const struct imap_view *v, uint32_t uid);
ptrdiff_t imap_view_find(const struct imap_view *v, uint32_t uid);

/* Appends "\Seen $Junk" of the message at the index. False when `out` is full. */
bool imap_view_flags_format(struct buf *out, const struct imap_view *v, size_t index);
/* Appends all flags and keywords in use. False when `out` is full. */
bool imap_view_all_flags_format(struct buf *out, const struct imap_view *v);
/* The same of those that the user's rights let be changed, with "\*" when keywords can be made. */
bool imap_view_permanent_flags_format(struct buf *out, const struct imap_view *v);
/* Whether the message at the index has the keyword, in any case. */
bool imap_view_has_keyword(const struct imap_view *v, size_t index, str name);

/* ---- messages by number or UID ---- */

/* Indexes into the view's rows, ascending; in the arena. */
struct imap_selection {
    uint32_t *index;
    size_t n;
};

/* The messages that a set names; UIDs that are not there are left out. ERR_SYNTAX for a message
 * number above the last one. In the command's arena. */
bool imap_select_messages(struct imap_session *s, struct imap_sequence *set, bool is_uid,
                          struct imap_selection *out, struct err *e);
/* Their UIDs as ranges, in the command's arena. */
struct store_ranges imap_selection_ranges(struct imap_session *s,
                                          const struct imap_selection *selection);

#endif
