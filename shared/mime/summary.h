/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a message beside its bytes: columns for lists, threads, reports and search. */
#ifndef MIME_SUMMARY_H
#define MIME_SUMMARY_H

#include "base/base.h"
#include "mime/header.h"
#include "mime/structure.h"

/* All texts are valid UTF-8 without control characters, at most MIME_MAX_SUMMARY_BYTES long (the
 * preview MIME_MAX_PREVIEW_BYTES), and in the arena. Empty = absent. */
struct mime_summary {
    str from_addr; /* local@domain of the first From mailbox, domain in lower case */
    str from_name; /* its display name */
    str to_text;   /* To and Cc as people read them: "Ada <ada@example.org>, bob@example.org" */
    str subject;
    str subject_base; /* base subject of RFC 5256 section 2.1, for threads; ASCII in lower case */
    bool subject_is_reply_or_forward;
    str message_id;        /* without brackets */
    const str *references; /* ids of References, then In-Reply-To where new: oldest first */
    size_t n_references;
    bool has_date;
    int64_t sent_at; /* Date field, seconds since 1970 UTC; only with has_date */
    str preview;     /* first readable text, white space folded, at most 200 characters */
    bool has_attachment;
};

/* Derives the summary. Never fails: what cannot be derived stays empty. In arena. */
void mime_summary_make(struct arena *a, const struct mime_header *h, const struct mime_structure *s,
                       struct mime_summary *out);

/* Base subject of a decoded subject (RFC 5256 section 2.1), ASCII in lower case; *is_reply (may be
 * NULL) says whether a "Re", "Fwd" or "(fwd)" was taken off. In arena. */
str mime_subject_base(struct arena *a, str subject, bool *is_reply);

/* Everything that the store keeps of a message, made in one call at delivery. */
struct mime_derived {
    struct mime_header header;
    const struct mime_structure *structure;
    struct mime_summary summary;
    str envelope;      /* literal IMAP text; empty when it would pass its limit */
    str bodystructure; /* literal IMAP text, extended form; empty when it would pass its limit */
};
/* Parses the whole message and derives all of the above. Linear; above 1 MB call it in the offload
 * pool. In arena; keeps `message`. */
void mime_derive(struct arena *a, str message, struct mime_derived *out);

#endif
