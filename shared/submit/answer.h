/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to the question what to do with held mail (queue/hold.h): the address they go to, and
 * what they say. Pure; carrying them out is in decide.h. */
#ifndef SUBMIT_ANSWER_H
#define SUBMIT_ANSWER_H

#include "queue/hold.h"

enum {
    ANSWER_LOCAL_MAX = 64,       /* octets of a local part (RFC 5321 4.5.3.1.1) */
    ANSWER_TEXT_MAX = 16 * 1024, /* octets of an answer that are looked at */
    ANSWER_LINES_MAX = 200,      /* lines likewise */
    ANSWER_WORDS_MAX = 40        /* words that count; who writes more says too much */
};

/* "mia+tls-<secret>@example.org" for the address "mia@example.org", whose own tag is left away; in
 * the arena. Empty when that would be too long for an address, or `base` is none. */
str answer_address_make(struct arena *a, str base, const uint8_t secret[QUEUE_TOKEN_SIZE]);
/* Whether it is such an address, in any case of letters, and its secret. */
bool answer_address_parse(str address, uint8_t secret[QUEUE_TOKEN_SIZE]);

struct answer {
    enum queue_choice choice;
    bool any;   /* "without TLS", "any server" */
    str domain; /* that was named, as written; empty: none was; borrows from the text */
};

/* Reads the first paragraph of an answer's text (UTF-8) that is neither quoted, nor the line above
 * a quotation, nor a greeting; a signature ends the answer, and so does the header of a quotation
 * without marks. It must name exactly one choice, in words of everyday, English or German:
 * "cancel", "please try again", "send just this", "erlaube shady.net ohne TLS". `who` is the author
 * as his From field has him: his name below the answer is no part of it. False: it does not, says
 * "not", asks something, names a recipient, sets a condition ("only if", "encrypted"), or the next
 * paragraph takes it back ("But ..."). SEND, WHITELIST, and "do not send" for CANCEL: also when one
 * of its words is not known; "cancel" as well, but for words behind "cancel it, ...". */
bool answer_parse(str text, str who, struct answer *out);

#endif
