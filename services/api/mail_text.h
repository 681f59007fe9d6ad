/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a message for people: which parts of it are its text, and their harmless HTML. The
 * work is done in the offload pool. */
#ifndef API_MAIL_TEXT_H
#define API_MAIL_TEXT_H

#include "html/html.h"

enum {
    MAIL_TEXT_MAX = 2 << 20,      /* octets of all parts together; the rest is cut */
    MAIL_TEXT_PARTS_MAX = 50,     /* text parts that are shown */
    MAIL_TEXT_PICTURES_MAX = 500, /* parts that "cid:" may name */
    MAIL_TEXT_QUOTE_MAX = 1 << 20 /* octets of `text` */
};

struct mail_text_wanted {
    str message;    /* raw */
    int64_t msg_id; /* for the addresses of its pictures */
    bool plain;     /* the plain form where there are both */
};

struct mail_text {
    bool has_html;             /* the sender wrote HTML */
    bool is_cut;               /* more was there than is shown */
    str document;              /* a whole HTML document for a frame */
    str fragment;              /* what is inside of its body */
    str text;                  /* the same as plain text */
    struct html_report report; /* of the HTML; empty for plain text */
};

/* Makes the text. ERR_TIMEOUT, ERR_CANCELLED, ERR_LIMIT (the pool is busy). In arena. Yields. */
YIELDS bool mail_text_make(const struct mail_text_wanted *wanted, struct arena *a,
                           int64_t deadline_ms, struct mail_text *out, struct err *e);

#endif
