/* SPDX-License-Identifier: Apache-2.0 */
/* What the words of an answer (answer.h) are about, English and German together: nobody has to
 * answer in the language of the question. Pure; what follows from several words is in answer.c. */
#ifndef SUBMIT_ANSWER_WORDS_H
#define SUBMIT_ANSWER_WORDS_H

#include "base/base.h"

enum answer_meaning {
    ANSWER_NOTHING, /* a word that is not known */
    ANSWER_GREETING,
    ANSWER_NO, /* "no, cancel": what follows is not to be done otherwise; alone it says nothing */
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
    ANSWER_ALLOW,  /* to whitelist, where it is said what; "allow" alone may be about a message */
    ANSWER_PLACE,  /* "this domain"; otherwise it changes nothing */
    ANSWER_FILLER, /* "please": it changes nothing, also inside of "do not please send it" */
    ANSWER_ASIDE,  /* "sure", "anyway": it changes nothing, but for "not sure" */
    ANSWER_OF,     /* likewise, but for "of the whitelist" */
    ANSWER_OUT,    /* "raus": "send it out", or "out of the whitelist" */
    ANSWER_AWARE,  /* "I know the risk": before an order, it is none */
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
    ANSWER_THANKS, /* below an order, or inside of it; it changes nothing */
    ANSWER_CLOSE,  /* "regards": only at the end; elsewhere as a word that is not known */
    ANSWER_DEVICE, /* "sent from": likewise */
    ANSWER_NAME,   /* of a domain or somebody there; no word has this meaning, nor the next one */
    ANSWER_STOP,   /* the end of a sentence or of a part of it */
    ANSWER_N_MEANINGS
};

/* The meaning of the word, or of it and the next one when both together have a meaning of their
 * own, which *is_pair tells: as "noch einmal". Both without punctuation around; `next` may be
 * empty. In any case of letters, umlauts also written as two letters. */
enum answer_meaning answer_meaning_of(str word, str next, bool *is_pair);

/* The word of the vocabulary that is counted `i`, from 0; pairs are not counted. False: there are
 * not as many. Borrows from what is there always. */
bool answer_word_at(size_t i, str *word);

/* Octets of a quote, star, dash or stop that the word begins or ends with; 0: none. */
size_t answer_mark_of(str word, bool at_end);

/* Takes the next word, or pair of words, from the text: its meaning, the (first) word itself
 * without punctuation around, and whether a stop follows. False: there is none. */
bool answer_next_meaning(str *text, str *word, enum answer_meaning *out, bool *is_end);

#endif
