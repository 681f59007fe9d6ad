/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines of an answer count (answer.h): no greeting, no quotation and what stands above it, no
 * name below. Pure. */
#ifndef SUBMIT_ANSWER_LINES_H
#define SUBMIT_ANSWER_LINES_H

#include "base/base.h"

/* The first paragraph that is neither quoted nor a greeting, without the line that leads to a
 * quotation, and without the close ("Regards, Mia", "Sent from my phone"): nothing of what is left
 * away has a word that could be part of an order. False: there is none. Borrows. */
bool answer_find_paragraph(str text, str who, str *out);

/* The paragraph without the words of farewell that end it, with the names below them, and without
 * the name of the author, whose From field is `who`; itself where there are none, or where what is
 * left would lack its end. A word with a capital letter alone is no name. Borrows. */
str answer_without_close(str paragraph, str who);
/* The paragraph above a quotation without the line, or lines, that lead to it: "On ... wrote:".
 * Borrows. */
str answer_without_attribution(str paragraph);
/* Whether the paragraph is nothing but such lines: then the answer may stand below. */
bool answer_is_attribution(str paragraph);

#endif
