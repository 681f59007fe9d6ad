/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of reports: what other domains are told about mail between them and us, once a day.
 * How TLS went with their servers (TLS-RPT, RFC 8460), and what mail in their name proved (DMARC
 * aggregate reports, RFC 9990). Results are counted here in the memory of the process and written
 * to the database every few seconds, so that a message costs no round trip. All SQL of report_tls,
 * report_dmarc and report is in this module. It does not know when a report is sent, or by whom. */
#ifndef REPORTS_REPORTS_H
#define REPORTS_REPORTS_H

#include "mailauth/mailauth.h"
#include "reports/failure.h"
#include "reports/ledger.h"
#include "reports/received.h"
#include "runtime/runtime.h"

struct db;
struct reports;

enum {
    REPORTS_FLUSH_MS = 2000, /* from the first result until it is written */
    REPORTS_HELD_MAX = 4096, /* different results in memory; further ones are lost, and logged */
    REPORTS_TEXT_MAX = 255,  /* octets kept of a name or reason */
    REPORTS_LONG_MAX = 4096  /* octets kept of a policy, and of a list of signatures */
};

struct reports_options {
    bool counts[REPORTS_KINDS]; /* what of; nothing: results are not even looked at */
    int64_t failures_per_hour;  /* failure reports to one domain; 0: none are sent (RFC 9991) */
    int64_t spread_ms; /* a report is due at a random moment so long after its day; 0 = at once */
};

/* Keeps rt and db. Gives. */
struct reports *reports_new(struct runtime *rt, struct db *db,
                            const struct reports_options *options);
/* Forgets what is not written yet: the drain has written it before. Harmless for NULL. */
void reports_free(struct reports **r);

/* One attempt to use TLS with a server of a domain (RFC 8460 section 4). */
struct reports_tls_result {
    str domain;        /* that the mail is for, A-labels: whose record names who gets the report */
    str policy_type;   /* "tlsa", "sts", "no-policy-found" */
    str policy_domain; /* where that policy stands */
    str policy;        /* its lines, joined by LF; empty when there is none */
    str result;        /* "successful", or a type of section 4.3 */
    str mx;            /* the server's name; this and what follows is told of failures only */
    str mx_ip;
    str our_ip;
    str reason; /* a short sentence, or empty */
};

/* Counts it. NULL for `r`: nothing is counted. Does not yield. */
void reports_count_tls(struct reports *r, const struct reports_tls_result *result);

/* What became of a message in the name of a domain (RFC 9990 section 3). */
struct reports_dmarc_result {
    const struct mailauth_verdict *verdict; /* spf, dkim and dmarc were looked at; PASS or FAIL */
    str source_ip;
    str disposition; /* "none", "pass", "quarantine", "reject" */
    str override;    /* why that is not what the domain wanted, a word of the RFC; or empty */
    str comment;     /* on it, or empty */
};

/* Counts it, where the domain wants reports at all. NULL for `r`: nothing. Does not yield. */
void reports_count_dmarc(struct reports *r, const struct reports_dmarc_result *result);

/* Has a failure report sent, where the domain asks for it and we send any. What goes wrong is
 * logged and no reason to refuse the mail. NULL for `r`: nothing. Yields. */
YIELDS void reports_tell_failure(struct reports *r, const struct reports_failed *failed,
                                 int64_t deadline_ms);

/* Keeps a report of others about a domain of ours, as reports_received_add does. Yields. */
YIELDS bool reports_take(struct reports *r, const struct reports_received *report,
                         int64_t deadline_ms, bool *is_new, struct err *e);

/* Logs and counts what was kept; `session`: who brought it. */
void reports_log_taken(const struct reports_received *report, bool is_new, str session);

/* Writes at once what was counted. Errors: those of db_query; it is kept then. Yields. */
YIELDS bool reports_flush(struct reports *r, int64_t deadline_ms, struct err *e);

#endif
