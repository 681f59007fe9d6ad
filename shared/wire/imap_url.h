/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP URLs of messages and their parts (RFC 5092), as CATENATE and REPLACE take them. Pure. */
#ifndef WIRE_IMAP_URL_H
#define WIRE_IMAP_URL_H

#include "wire/imap_fetch.h"

enum {
    IMAP_URL_MAX = 4096 /* octets of one that is read */
};

struct imap_url {
    bool is_absolute;            /* "imap://server/...": user and server are filled */
    str user;                    /* decoded; empty: none was named */
    str server;                  /* with its port, as written */
    bool is_rooted;              /* the mailbox counts from the top, not from the selected one */
    bool has_mailbox;            /* else the selected one */
    str mailbox;                 /* decoded: UTF-8 */
    uint32_t uidvalidity;        /* 0: none was named */
    uint32_t uid;                /* 0: it names no message */
    struct imap_section section; /* BODY[] when none was named; the partial is here too */
};

/* Reads a URL. What is decoded is in the arena, the rest borrowed. ERR_SYNTAX, also for what is no
 * URL of a mailbox or message (SEARCH, URLAUTH); ERR_LIMIT when it is too long. */
bool imap_url_parse(struct arena *a, str text, struct imap_url *out, struct err *e);

/* Writes the URL. False when `out` is full. */
bool imap_url_format(struct buf *out, const struct imap_url *url);

/* The full name of the mailbox that a URL names, seen from the selected one (empty: none): rooted
 * names are as they are, others replace the last level of the selected name (RFC 3986 section 5.2).
 * Empty when it names none. In arena. */
str imap_url_mailbox(struct arena *a, const struct imap_url *url, str selected);

#endif
