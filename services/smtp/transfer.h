/* SPDX-License-Identifier: Apache-2.0 */
/* A message on its way in, by DATA or by BDAT: its octets so far, and what is wrong with it. */
#ifndef SMTP_TRANSFER_H
#define SMTP_TRANSFER_H

#include "services/smtp/session.h"
#include "wire/smtp_data.h"

struct smtp_transfer {
    struct smtp_data_decoder decoder;
    struct buf content;
    size_t charged; /* octets counted in the process's memory for messages */
    bool no_memory; /* the rest is read and dropped */
    bool is_binary; /* BODY=BINARYMIME: its octets are no lines before they are encoded */
    int64_t started_ms;
    unsigned chunks; /* BDAT commands so far */
};

/* Begins a message, which counts as one of the session; end with smtp_transfer_free, also NULL. */
struct smtp_transfer *smtp_transfer_new(struct smtp_session *s);
void smtp_transfer_free(struct smtp_state *state, struct smtp_transfer **t);

/* Where the decoder puts what it reads: NULL when nothing is kept any more. */
struct buf *smtp_transfer_content(struct smtp_transfer *t);
/* Counts what the buffer has grown to, and gives up when the process holds too much. After each
 * block. */
void smtp_transfer_charge(struct smtp_session *s, struct smtp_transfer *t);
/* Until when the next block must be there. */
int64_t smtp_transfer_deadline(const struct smtp_transfer *t);

/* What is wrong with the message as a whole; ANSWER_OK when nothing is. */
enum smtp_answer smtp_transfer_judge(const struct smtp_transfer *t);
/* The answer when the message did not come: too slow, a drain; or the client is gone. Yields. */
YIELDS enum net_next smtp_transfer_broken(struct smtp_session *s, const struct err *e);

#endif
