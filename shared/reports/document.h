/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as text: TLS-RPT in JSON (RFC 8460 section 4), aggregate DMARC reports in XML (RFC 9990
 * section 3), and their names. Pure: rows in, text out. */
#ifndef REPORTS_DOCUMENT_H
#define REPORTS_DOCUMENT_H

#include "base/base.h"

enum reports_kind {
    REPORTS_TLS,
    REPORTS_DMARC,
    REPORTS_KINDS
};

enum {
    REPORTS_ROWS_MAX = 10000,                /* of one report */
    REPORTS_DOCUMENT_MAX = 16 * 1024 * 1024, /* octets, before it is compressed */
    REPORTS_ID_SIZE = 32                     /* characters of a report's id */
};

/* Who reports. */
struct reports_sender {
    str organization; /* its name, UTF-8 */
    str contact;      /* address for questions */
    str from;         /* address that reports come from; its domain signs them */
    str domain;       /* of it: the submitter */
};

/* What a report is about. */
struct reports_about {
    str domain;
    int64_t begin_s; /* seconds UTC: the first and ... */
    int64_t end_s;   /* ... the last one of the day */
    str id;
    const struct reports_sender *sender;
};

/* What is the same in every copy of the report for this day: so a receiver knows one that comes
 * twice (RFC 9990 section 3.5.1, RFC 8460 section 5.3). In arena. */
struct reports_about reports_about_of(struct arena *a, enum reports_kind kind, int64_t day,
                                      str domain, const struct reports_sender *sender);

struct reports_tls_row {
    str policy_type; /* rows of one policy follow each other */
    str policy_domain;
    str policy; /* its lines, joined by LF */
    str result; /* "successful", or a failure */
    str mx;
    str mx_ip;
    str our_ip;
    str reason;
    int64_t sessions;
};

/* Appends the JSON. ERR_LIMIT: `out` is full. */
bool reports_tls_format(const struct reports_about *about, const struct reports_tls_row *rows,
                        size_t n, struct buf *out, struct err *e);

struct reports_dmarc_row {
    str source;
    str disposition;
    str dkim; /* "pass", "fail": aligned */
    str spf;
    str override;
    str comment;
    str header_from;
    str envelope_from;
    str signatures; /* lines "result domain selector" */
    str spf_domain;
    str spf_scope;
    str spf_result;
    int64_t messages;
};

/* Appends the XML. `record` is the policy record that counted last. ERR_LIMIT: `out` is full;
 * ERR_SYNTAX: the record is none. */
bool reports_dmarc_format(const struct reports_about *about, str record,
                          const struct reports_dmarc_row *rows, size_t n, struct buf *out,
                          struct err *e);

/* A report that is ready. */
struct reports_document {
    enum reports_kind kind;
    struct reports_about about;
    str record;   /* of DMARC: the policy record, whose rua= says who gets it */
    str text;     /* JSON or XML */
    str packed;   /* the same by gzip (RFC 1952) */
    str filename; /* of `packed` */
};

/* Appends the text by gzip. Slow for a big one. ERR_LIMIT: `out` is full. */
bool reports_document_compress(str text, struct buf *out, struct err *e);
/* Names the file (RFC 8460 section 5.1, RFC 9990 section 3.5.2) by out->kind and out->about. In
 * arena. */
void reports_document_name(struct arena *a, struct reports_document *out);

/* Appends the whole message with CRLF lines, in seven bits, that carries the report to these
 * addresses: unsigned. ERR_LIMIT: `out` is full. */
bool reports_mail_format(const struct reports_document *doc, const str *to, size_t n,
                         int64_t now_us, struct buf *out, struct err *e);

#endif
