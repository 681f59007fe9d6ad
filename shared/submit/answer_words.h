/* SPDX-License-Identifier: Apache-2.0 */
/* What the words of an answer (answer.h) are about, English and German together: nobody has to
 * answer in the language of the question. Pure; what follows from several words is in answer.c. */
#ifndef SUBMIT_ANSWER_WORDS_H
#define SUBMIT_ANSWER_WORDS_H

#include "base/base.h"

enum answer_meaning {
    ANSWER_NOTHING, /* a word that is not known */
    ANSWER_GREETING,
    ANSWER_NOT,
    ANSWER_DOUBT, /* a condition, a question, something else that is wanted: no order */
    ANSWER_CANCEL,
    ANSWER_HOLD,  /* "stop asking", "cancel the hold" are about no message */
    ANSWER_RETRY, /* "send again" is to try again, too */
    ANSWER_SEND,
    ANSWER_ONLY,
    ANSWER_THIS,
    ANSWER_IT, /* the message, or the domain: nobody knows */
    ANSWER_MESSAGE,
    ANSWER_WHITELIST,
    ANSWER_FILLER, /* "please": it changes nothing */
    ANSWER_AND,
    ANSWER_ONCE,    /* "send it once", but also "once they have mended it" */
    ANSWER_ARTICLE, /* may stand between "without" and "TLS" */
    ANSWER_WITHOUT, /* "without TLS", "no TLS" */
    ANSWER_TLS,
    ANSWER_ANY,    /* "any server" */
    ANSWER_PLAIN,  /* "unencrypted" */
    ANSWER_SECURE, /* "send it encrypted": just that cannot be done */
    ANSWER_NOW,    /* "not now" is no "not" */
    ANSWER_LATER,
    ANSWER_NAME, /* of a domain or somebody there; no word has this meaning, nor the next one */
    ANSWER_STOP, /* the end of a sentence or of a part of it */
    ANSWER_N_MEANINGS
};

/* The meaning of the word, or of it and the next one when both together have a meaning of their
 * own, which *is_pair tells: as "noch einmal". Both without punctuation around; `next` may be
 * empty. In any case of letters, umlauts also written as two letters. */
enum answer_meaning answer_meaning_of(str word, str next, bool *is_pair);

#endif
