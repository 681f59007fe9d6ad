/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients of mail from outside, refused or put off because of who brings it (deliver/screen.h).
 */
#ifndef SMTP_SCREEN_H
#define SMTP_SCREEN_H

#include "deliver/screen.h"
#include "services/smtp/session.h"

/* Whether the client may bring mail for this recipient of ours; *next is the answer when not. Who
 * is logged in may. Yields. */
YIELDS bool smtp_screen_recipient(struct smtp_session *s, const struct smtp_path *recipient,
                                  enum net_next *next);

/* Whether the client is on the whitelist for this recipient (deliver/screen.h): nobody is but who
 * brings mail from outside. *next is the answer when it cannot be asked any more. Yields. */
YIELDS bool smtp_screen_trust(struct smtp_session *s, const struct smtp_path *recipient,
                              enum deliver_trust *out, enum net_next *next);

/* Whether the sender of mail from outside may be taken for who he says he is; *next is the answer
 * when not. Who is logged in may. Yields. */
YIELDS bool smtp_screen_believes(struct smtp_session *s, enum net_next *next);

/* When the message is there: the same for the null sender, which is not put off at RCPT. Yields. */
YIELDS bool smtp_screen_message(struct smtp_session *s, enum net_next *next);

/* When the message is there and proves no claim of the whitelist (deliver/screen.h): what the
 * client is answered, ANSWER_OK when it may bring it all the same. Failures are temporary. Yields.
 */
YIELDS bool smtp_screen_claims(struct smtp_session *s, enum smtp_answer *answer, str *reason,
                               struct err *e);

/* The transaction is over: what was found of its sender ends, but for what SPF said of him, which
 * his next messages need not ask for again. */
void smtp_end_visit(struct smtp_session *s);
/* The client is another one, or has another name: that ends, too. Harmless when there is none. */
void smtp_forget_proof(struct smtp_session *s);

#endif
