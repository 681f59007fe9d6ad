/* SPDX-License-Identifier: Apache-2.0 */
/* What a hook answers: JSON of somebody else, read within limits. Pure. */
#ifndef HOOK_ANSWER_H
#define HOOK_ANSWER_H

#include "milter/envelope.h"

enum {
    HOOK_ANSWER_MAX = 256 * 1024, /* octets of an answer */
    HOOK_DEPTH_MAX = 8,           /* of lists and objects in it: it has 3 */
    HOOK_CHANGES_MAX = 200,       /* modifications in it */
    HOOK_ADDRESS_MAX = 320        /* octets of an address */
};

enum hook_action {
    HOOK_ACCEPT,
    HOOK_REJECT, /* for good, or for now when its status is 4xx */
    HOOK_QUARANTINE,
    HOOK_DISCARD
};

struct hook_answer {
    enum hook_action action;
    bool is_later;                 /* HOOK_REJECT: for now */
    str text;                      /* for the client, may be empty */
    struct milter_change *changes; /* of the header, in their order */
    size_t n_changes;
    struct milter_envelope_change *moves; /* of the recipients, in their order */
    size_t n_moves;
};

/* Reads an answer; all in arena. ERR_SYNTAX: it is none, or says what we do not know, so that
 * nothing is done by halves; ERR_LIMIT. */
bool hook_answer_parse(struct arena *a, str json, struct hook_answer *out, struct err *e);

/* Whether an answer about a recipient says what can be done with one: it is taken or not. Pure. */
bool hook_answer_is_of_recipient(const struct hook_answer *answer);

#endif
