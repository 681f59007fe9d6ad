/* SPDX-License-Identifier: Apache-2.0 */
/* Reports that others send about our domains: TLS-RPT (RFC 8460) and aggregate DMARC reports (RFC
 * 9990, and those of RFC 7489), out of mails into the database. Reading them is pure; all SQL of
 * received_report, received_report_dmarc and received_report_tls is here. */
#ifndef REPORTS_RECEIVED_H
#define REPORTS_RECEIVED_H

#include "reports/document.h"
#include "runtime/runtime.h"

#define REPORTS_POST_PATH "/.well-known/tlsrpt" /* that reports on TLS are posted to */

struct db;
struct mime_header;

enum {
    REPORTS_FIELD_MAX = 255,          /* octets kept of a text of others */
    REPORTS_JSON_VALUES_MAX = 200000, /* of one TLS report */
    REPORTS_RECEIVED_DAY_MAX = 1000,  /* reports about one domain of ours, and those below it,
                                         that are taken in 24 hours */
    REPORTS_RECEIVED_ROWS_MAX = 1000, /* rows of one report that are kept, the biggest */
    REPORTS_POSTED_DAY_MAX = 50,      /* the same two of those that came by HTTPS: anybody may
                                         post, */
    REPORTS_POSTED_ROWS_MAX = 20,
    REPORTS_POSTED_ALL_MAX = 500,      /* so about all domains there are so many in 24 hours, */
    REPORTS_POSTED_KEEP_DAYS = 30,     /* and they are kept no longer */
    REPORTS_RECEIVED_SHOWN_MAX = 1000, /* rows of one report that are shown */
    REPORTS_RECEIVED_SOURCES_MAX = 50, /* of a chart */
    REPORTS_COUNT_MAX = 1000000000     /* messages or sessions of a row; more is no count */
};

/* A report as it was read. Texts are UTF-8 without control characters, in the arena. */
struct reports_received {
    enum reports_kind kind;
    str organization; /* who reports */
    str contact;
    str id;
    str domain;      /* that it is about, lower-case A-labels */
    str own_domain;  /* of ours: this one or one above it; who keeps it fills this in */
    bool is_posted;  /* by HTTPS, so that nothing proves who sent it; likewise */
    int64_t begin_s; /* seconds UTC */
    int64_t end_s;
    str policy; /* as it was seen: of DMARC "p=reject sp=none ...", of TLS the first one; or empty
                 */
    struct reports_dmarc_row *dmarc; /* of DMARC */
    struct reports_tls_row *tls;     /* of TLS */
    size_t n;                        /* rows, at most REPORTS_ROWS_MAX */
    int64_t good; /* messages for which DKIM or SPF passed and was aligned; sessions with TLS */
    int64_t bad;
};

/* Reads the XML of an aggregate report: whatever namespace and order, unknown elements ignored; no
 * DOCTYPE, no entities of its own. ERR_SYNTAX; ERR_LIMIT: too many rows. Pure. */
bool reports_dmarc_parse(str xml, struct arena *a, struct reports_received *out, struct err *e);
/* Reads the JSON of TLS-RPT. Failures that are counted but not described become one row of result
 * "unspecified". Errors as above. Pure. */
bool reports_tls_parse(str json, struct arena *a, struct reports_received *out, struct err *e);

/* Appends the file that is in a gzip or zip file, or `file` itself when it is neither. ERR_SYNTAX:
 * it is damaged, encrypted or empty; ERR_LIMIT: `out` is full. Slow for a big one. Pure. */
bool reports_unpack(str file, struct buf *out, struct err *e);

/* Whether the header is that of a mail with a report which a program sent: TLS-Report-Domain, or
 * "Report Domain:" in its subject; an answer or a forwarded one is none. Pure. */
bool reports_is_report(const struct mime_header *header);
/* The domain that such a header says the report is about, lower-case A-labels; empty: it names
 * none. A cheap look, for whoever would not read a report about others. In arena. Pure. */
str reports_message_domain(const struct mime_header *header, struct arena *a);

/* Reads the report out of a whole message: the first part that is XML or JSON, packed or not.
 * ERR_NOT_FOUND: there is no such part. Else as the parsers. Slow for a big one. Pure. */
bool reports_message_parse(str message, struct arena *a, struct reports_received *out,
                           struct err *e);
/* Reads the TLS report that was posted (RFC 8460 section 5.2): JSON, packed or not. Errors: those
 * of the parser and of reports_unpack. Slow for a big one. Pure. */
bool reports_post_parse(str body, struct arena *a, struct reports_received *out, struct err *e);
/* The same in the pool of threads. Also the errors of work_run. Yields. */
YIELDS bool reports_post_read(str body, struct arena *a, int64_t deadline_ms,
                              struct reports_received *out, struct err *e);
/* reports_message_parse in the pool of threads, likewise. Yields. */
YIELDS bool reports_message_read(str message, struct arena *a, int64_t deadline_ms,
                                 struct reports_received *out, struct err *e);

/* How many rows of it are kept. */
size_t reports_received_rows_max(const struct reports_received *report);
/* Keeps it, with its biggest rows; *is_new false: the same organization sent one of this id before
 * (a mail takes the place of one that was posted, and is new). ERR_LIMIT: more than
 * REPORTS_RECEIVED_DAY_MAX or REPORTS_POSTED_DAY_MAX about own_domain and those below it, or
 * REPORTS_POSTED_ALL_MAX. Yields. */
YIELDS bool reports_received_add(struct db *db, const struct reports_received *report,
                                 int64_t deadline_ms, bool *is_new, struct err *e);

/* A report that is kept. */
struct reports_received_entry {
    int64_t id; /* ours */
    enum reports_kind kind;
    str domain;
    str organization;
    str contact;
    str report_id; /* theirs */
    str policy;
    int64_t begin_us;
    int64_t end_us;
    int64_t received_us;
    int64_t good;
    int64_t bad;
    bool is_posted; /* by HTTPS: nothing proves who sent it */
};

struct reports_received_entries {
    struct reports_received_entry *list; /* in the arena */
    size_t n;
};

struct reports_received_filter {
    enum reports_kind kind; /* REPORTS_KINDS: both */
    str domain;             /* empty: all */
    int64_t before_id;      /* goes on behind this one; INT64_MAX: from the newest */
    unsigned limit;
};

/* The reports that fit the filter, the newest first. Yields. */
YIELDS bool reports_received_list(struct db *db, const struct reports_received_filter *filter,
                                  struct arena *a, int64_t deadline_ms,
                                  struct reports_received_entries *out, struct err *e);

/* One report with its most frequent REPORTS_RECEIVED_SHOWN_MAX rows in *out. ERR_NOT_FOUND.
 * Yields. */
YIELDS bool reports_received_get(struct db *db, int64_t id, struct arena *a, int64_t deadline_ms,
                                 struct reports_received_entry *entry, struct reports_received *out,
                                 struct err *e);

/* What counts of one day, source or kind of failure. */
struct reports_received_sum {
    int64_t day_us; /* of a day: its start in UTC */
    str what;       /* of a source its address, of a failure its type */
    int64_t good;
    int64_t bad;
};

struct reports_received_sums {
    struct reports_received_sum *list; /* in the arena */
    size_t n;
};

/* For charts of a domain (empty: all): by days, as of the reports' begins; by source of DMARC, the
 * most frequent first; by type of failure of TLS. */
struct reports_received_chart {
    struct reports_received_sums dmarc_days;
    struct reports_received_sums dmarc_sources;
    struct reports_received_sums tls_days;
    struct reports_received_sums tls_failures;
};

/* Sums up the last `days` days. Yields. */
YIELDS bool reports_received_sum_up(struct db *db, str domain, unsigned days, struct arena *a,
                                    int64_t deadline_ms, struct reports_received_chart *out,
                                    struct err *e);

/* Forgets reports that came before the last `keep_ms`, and posted ones after
 * REPORTS_POSTED_KEEP_DAYS at the latest. Yields. */
YIELDS bool reports_received_sweep(struct db *db, int64_t keep_ms, int64_t deadline_ms,
                                   struct err *e);

#endif
