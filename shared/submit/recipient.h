/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients of mail that goes at another time than it was written: whether they can be written to
 * then, and where they are. What an SMTP session asks when they are named is in services/smtp. */
#ifndef SUBMIT_RECIPIENT_H
#define SUBMIT_RECIPIENT_H

#include "submit/submit.h"

enum submit_addressee {
    SUBMIT_TO_GOOD,
    SUBMIT_TO_NO_ADDRESS,
    SUBMIT_TO_UNKNOWN,   /* of ours, and not there */
    SUBMIT_TO_GROUP,     /* a group that the sender may not post to */
    SUBMIT_TO_SUPPRESSED /* not to be written to (account/suppression.h) */
};

struct submit_asking {
    int64_t account_id; /* who writes */
    str from;           /* envelope sender */
    str address;        /* of the recipient */
};

/* *out is filled in but for what a client said of notifications, and of use with SUBMIT_TO_GOOD
 * only. It borrows the address; the rest lives in `a`. Errors: those of account_route. Yields. */
YIELDS bool submit_find_recipient(const struct submit *s, const struct submit_asking *asking,
                                  struct arena *a, int64_t deadline_ms, struct smtp_recipient *out,
                                  enum submit_addressee *verdict, struct err *e);

#endif
