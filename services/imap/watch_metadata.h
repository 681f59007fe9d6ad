/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of annotations for NOTIFY (RFC 5465 sections 5.6 and 5.7): which entries of a mailbox
 * differ between two looks. For watch.c alone. */
#ifndef IMAP_WATCH_METADATA_H
#define IMAP_WATCH_METADATA_H

#include "services/imap/session.h"
#include "store/annotation.h"

/* Copies the marks, with their names, into the arena. */
struct store_annotation_marks imap_marks_copy(struct arena *a,
                                              const struct store_annotation_marks *marks);

/* Those of one mailbox; of the server: both ids 0. Borrows. */
struct store_annotation_marks imap_marks_of(const struct store_annotation_marks *all,
                                            int64_t account_id, int mailbox_id);

/* Sends "* METADATA name entry entry" for the entries of a mailbox (empty: of the server) that
 * came, went or changed; `extra` is one more of them, or empty. Yields. */
YIELDS void imap_marks_tell(struct imap_session *s, str mailbox,
                            const struct store_annotation_marks *old,
                            const struct store_annotation_marks *new, str extra);

#endif
