/* SPDX-License-Identifier: Apache-2.0 */
/* From the document of a draft (DraftInput of the contract) to the message that shows it. */
#ifndef API_DRAFT_BUILD_H
#define API_DRAFT_BUILD_H

#include "compose/compose.h"
#include "services/api/call.h"

/* What a document comes to. */
struct draft_built {
    str document;       /* JSON to be kept: the input, with names and sizes of its files */
    str message;        /* raw */
    const str *uploads; /* ids */
    size_t n_uploads;
    const str *recipients; /* addresses, each once */
    size_t n_recipients;
    str from; /* address */
    str subject;
    int64_t answers; /* message id, or 0 */
    bool is_forward;
    bool is_complete; /* every upload of it is */
};

/* Builds the message of a judged document. Files that are not there, addresses that cannot be
 * written to, an identity that is not there: answers 422. `date_utc` (seconds) is its Date. In the
 * call's arena. Yields. */
YIELDS bool draft_build(struct api_call *call, const json_t *input, int64_t date_utc,
                        struct draft_built *out);

/* Draft of the contract. `document` is the kept JSON. Gives. */
json_t *draft_shape(const struct compose_draft *draft);

#endif
