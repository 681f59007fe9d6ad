/* SPDX-License-Identifier: Apache-2.0 */
/* DATA: taking a message from the wire up to its end dot. */
#include "base/failpoint.h"
#include "services/smtp/commands.h"
#include "services/smtp/hand_over.h"
#include "services/smtp/transfer.h"

YIELDS static bool receive(struct smtp_session *s, struct smtp_transfer *t, struct err *e)
{
    while (!t->decoder.done) {
        str block;
        if (!net_read_some(s->conn, SMTP_READ_BLOCK, smtp_transfer_deadline(t), &block, e))
            return false;
        FAILPOINT("smtp-mid-data");
        size_t used = smtp_data_decode(&t->decoder, block, smtp_transfer_content(t));
        net_unread(s->conn, block.n - used);
        smtp_transfer_charge(s, t);
    }
    return true;
}

enum net_next smtp_cmd_data(struct smtp_session *s, str argument)
{
    struct err e = ERR_CLEAR;
    enum net_next next;
    (void)argument;
    if (s->sender.binary)
        return smtp_say(s, ANSWER_BINARY_BY_DATA);
    if (s->state->app->health.is_disk_full)
        return smtp_say(s, ANSWER_DISK_FULL);
    if (smtp_say(s, ANSWER_START_DATA) == NET_CLOSE)
        return NET_CLOSE;
    struct smtp_transfer *t = smtp_transfer_new(s);
    if (!receive(s, t, &e)) {
        next = smtp_transfer_broken(s, &e);
    } else {
        enum smtp_answer verdict = smtp_transfer_judge(t);
        next = verdict == ANSWER_OK ? smtp_hand_over(s, buf_str(&t->content))
                                    : smtp_say_of_message(s, verdict);
    }
    smtp_transfer_free(s->state, &t);
    smtp_reset_transaction(s);
    return next;
}
