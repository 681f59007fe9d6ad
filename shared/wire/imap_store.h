/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3). Pure. */
#ifndef WIRE_IMAP_STORE_H
#define WIRE_IMAP_STORE_H

#include "wire/imap_flags.h"
#include "wire/imap_sequence.h"

enum imap_store_mode {
    IMAP_STORE_REPLACE,
    IMAP_STORE_ADD,
    IMAP_STORE_REMOVE
};

struct imap_store_args {
    struct imap_sequence set; /* not resolved */
    enum imap_store_mode mode;
    bool is_silent;
    bool has_unchangedsince;
    uint64_t unchangedsince;
    struct imap_flags flags;
};

/* Reads everything behind "STORE", in the lexer's arena. ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED. */
bool imap_store_parse(struct imap_lexer *l, struct imap_store_args *out, struct err *e);

#endif
