/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants reports: the URIs of a rua= tag, and the record that says so for TLS. Pure: these are
 * texts of strangers. */
#ifndef REPORTS_ADDRESS_H
#define REPORTS_ADDRESS_H

#include "reports/document.h"

enum {
    REPORTS_URIS_MAX = 5, /* of one record that are heeded; further ones are ignored */
    REPORTS_URL_MAX = 2048
};

struct reports_uri {
    bool is_https;
    str target;         /* local@domain, or the URL */
    str host;           /* the domain of the address, lower-case A-labels; empty for a URL */
    uint64_t max_bytes; /* "!10m" of DMARC: a bigger mail is not wanted; 0: any */
};

struct reports_uris {
    struct reports_uri list[REPORTS_URIS_MAX];
    size_t n;
};

/* Reads a list of URIs with commas between them: mailto: (its header fields are ignored), and for
 * TLS https: (RFC 8460 section 3). What is not understood is left out, and what comes twice. In
 * arena. */
void reports_uris_parse(enum reports_kind kind, str rua, struct arena *a, struct reports_uris *out);

/* The rua= of the only record of version TLSRPTv1 (section 3). ERR_NOT_FOUND: there is none;
 * ERR_SYNTAX: several, or one without rua=. Borrows the record. */
bool reports_tls_record_find(const str *records, size_t n, str *rua, struct err *e);

#endif
