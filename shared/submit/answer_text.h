/* SPDX-License-Identifier: Apache-2.0 */
/* The text of an answer by mail, as a person sees it: that of the first text/plain part, or where
 * there is none, of the first text/html one, laid out in lines, with quotations marked. No
 * attachments, and nothing of messages inside. */
#ifndef SUBMIT_ANSWER_TEXT_H
#define SUBMIT_ANSWER_TEXT_H

#include "base/base.h"

/* At most ANSWER_TEXT_MAX octets of UTF-8, in the arena; empty when there is none. Pure. */
str answer_text_of(struct arena *a, str content);

#endif
