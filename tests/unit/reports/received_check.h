/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for whatever is read as a report: for fuzz targets. */
#ifndef TESTS_RECEIVED_CHECK_H
#define TESTS_RECEIVED_CHECK_H

#include "base/utf8.h"
#include "reports/received.h"

static inline void check_received_text(str text, size_t max)
{
    INVARIANT(text.n <= max && utf8_is_valid(text));
    for (size_t i = 0; i < text.n; i++)
        INVARIANT((unsigned char)text.p[i] >= ' ' || text.p[i] == '\n');
}

/* The sums are those of the rows, and all texts may go into the database. */
static inline void check_received(const struct reports_received *r)
{
    int64_t all = 0;
    INVARIANT(r->domain.n > 0 && r->id.n > 0 && r->organization.n > 0 && r->end_s >= r->begin_s);
    INVARIANT(r->n <= REPORTS_ROWS_MAX && r->good >= 0 && r->bad >= 0);
    check_received_text(r->domain, REPORTS_FIELD_MAX);
    check_received_text(r->organization, REPORTS_FIELD_MAX);
    check_received_text(r->id, REPORTS_FIELD_MAX);
    for (size_t i = 0; i < r->n; i++) {
        if (r->kind == REPORTS_TLS) {
            check_received_text(r->tls[i].result, REPORTS_FIELD_MAX);
            check_received_text(r->tls[i].policy, 8192);
            all += r->tls[i].sessions;
        } else {
            check_received_text(r->dmarc[i].source, REPORTS_FIELD_MAX);
            check_received_text(r->dmarc[i].signatures, 8192);
            all += r->dmarc[i].messages;
        }
    }
    INVARIANT(all == r->good + r->bad);
}

typedef bool (*received_parse_fn)(str text, struct arena *a, struct reports_received *out,
                                  struct err *e);

static inline int fuzz_received(received_parse_fn parse, const uint8_t *data, size_t n)
{
    struct arena a;
    struct reports_received report;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    if (parse(str_of((const char *)data, n), &a, &report, &e))
        check_received(&report);
    arena_fini(&a);
    return 0;
}

#endif
