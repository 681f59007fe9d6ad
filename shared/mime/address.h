/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses in headers (RFC 5322 section 3.4, tolerant) and single addr-specs (strict).
 * Not for paths of SMTP commands: wire has those. */
#ifndef MIME_ADDRESS_H
#define MIME_ADDRESS_H

#include "base/base.h"
#include "mime/limits.h"

enum mime_address_kind {
    MIME_ADDRESS_MAILBOX,
    MIME_ADDRESS_GROUP_START, /* only the names are filled */
    MIME_ADDRESS_GROUP_END    /* nothing is filled */
};

struct mime_address {
    enum mime_address_kind kind;
    str name;     /* display name, else the comment behind the address; decoded; may be empty */
    str raw_name; /* the same with its encoded words as written, unquoted; for ENVELOPE */
    str route;    /* obsolete source route, "@a,@b"; mostly empty */
    str local;    /* local part, unquoted, bytes as written; never CR, LF or NUL */
    str domain;   /* as written, without comments and folds; empty when there was no '@' */
};

struct mime_address_list {
    const struct mime_address *items; /* groups are flattened between a START and an END */
    size_t n;                         /* at most MIME_MAX_ADDRESSES */
    bool cut;                         /* addresses past a limit are left out */
    bool has_junk; /* something nobody may write (RFC 5322 section 3.4): text behind '>', a
                      source route, an unquoted name that is another address, no end */
    bool
        is_ambiguous; /* ... in which other readers may find other addresses; has_junk is set too */
};

/* Reads a list of mailboxes and groups from a raw field body. Never fails: what is not an address
 * is skipped to the next comma, empty entries are dropped. A phrase followed by <...> is a mailbox
 * even when the phrase is not one by the grammar. In arena. */
void mime_address_list_parse(struct arena *a, str body, struct mime_address_list *out);

/* The first mailbox (groups are looked into); NULL when the list has none. */
const struct mime_address *mime_address_first(const struct mime_address_list *list);

/* "local@domain", the local part quoted where RFC 5322 demands it; only the local part when there
 * is no domain. In arena. */
str mime_address_spec(struct arena *a, const struct mime_address *address);

/* What an address may hold. */
enum mime_addr_spec_rules {
    MIME_SPEC_SMTP = 1,   /* RFC 5321 Mailbox: no comments, folds or obsolete forms; its lengths */
    MIME_SPEC_HEADER = 2, /* RFC 5322 addr-spec, obsolete forms included */
    MIME_SPEC_UTF8 = 4    /* bytes above 127 that are valid UTF-8 (RFC 6531), with one of the two */
};

struct mime_addr_spec {
    str local;       /* unquoted; in arena */
    str domain;      /* name without comments and folds, or literal with its brackets; in arena */
    bool is_literal; /* the domain is [in brackets] */
};

/* Reads exactly one address from all of `s`. ERR_SYNTAX says what is wrong; ERR_LIMIT when a
 * length of RFC 5321 section 4.5.3.1 (64, 255, label 63, 254 in all) is passed, under
 * MIME_SPEC_SMTP only. In arena. */
bool mime_address_parse_addr_spec(struct arena *a, str s, unsigned rules,
                                  struct mime_addr_spec *out, struct err *e);

#endif
