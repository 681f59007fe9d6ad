/* SPDX-License-Identifier: Apache-2.0 */
/* One question to libunbound, on the heap because it may outlive the fiber that asked. Private to
 * dns. */
#ifndef DNS_QUESTION_H
#define DNS_QUESTION_H

#include "dns/dns.h"

struct ub_result;

struct question {
    struct list link;
    struct signal_point point;
    int id;
    bool answered;
    struct ub_result *result; /* NULL: libunbound failed */
};

/* Asks without waiting, so that several questions can be on their way. Gives; end with
 * question_end, at any time. */
struct question *question_ask(struct dns *d, const char *name, enum dns_type type);
/* ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool question_wait(struct question *q, int64_t deadline_ms, struct err *e);
void question_end(struct dns *d, struct question **q);

#endif
