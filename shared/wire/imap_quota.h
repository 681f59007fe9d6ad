/* SPDX-License-Identifier: Apache-2.0 */
/* Resources of QUOTA (RFC 9208): the arguments of SETQUOTA, and the list of a QUOTA response. Pure.
 */
#ifndef WIRE_IMAP_QUOTA_H
#define WIRE_IMAP_QUOTA_H

#include "wire/imap_lexer.h"

enum imap_resource {
    IMAP_RESOURCE_STORAGE, /* in units of 1024 octets */
    IMAP_RESOURCE_MESSAGE,
    IMAP_RESOURCE_MAILBOX,
    IMAP_RESOURCE_COUNT
};

struct imap_setquota_args {
    str root; /* as sent */
    bool has[IMAP_RESOURCE_COUNT];
    uint64_t limits[IMAP_RESOURCE_COUNT];
};

/* Reads everything behind "SETQUOTA". ERR_SYNTAX, also for a resource named twice; ERR_UNSUPPORTED
 * for a resource that is not counted here. */
bool imap_setquota_parse(struct imap_lexer *l, struct imap_setquota_args *out, struct err *e);

struct imap_usage {
    bool has_limit; /* a resource without one is not told */
    uint64_t used;
    uint64_t limit;
};

/* Writes "(STORAGE 10 512 ...)" of all resources. False when `out` is full. */
bool imap_quota_format(struct buf *out, const struct imap_usage usages[IMAP_RESOURCE_COUNT]);

#endif
