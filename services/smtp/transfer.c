/* SPDX-License-Identifier: Apache-2.0 */
/* A message on its way in. */
#include "services/smtp/transfer.h"

#include "services/smtp/pace.h"

#include <stdlib.h>

static bool has_long_line(const struct smtp_transfer *t)
{
    return !t->is_binary && t->decoder.longest_line > SMTP_LINE_STORED_MAX;
}

static bool is_kept(const struct smtp_transfer *t)
{
    return !t->no_memory && !t->decoder.overflow && t->decoder.fault == SMTP_DATA_CLEAN &&
           !has_long_line(t);
}

static void give_memory_back(struct smtp_state *state, struct smtp_transfer *t)
{
    buf_fini(&t->content);
    state->message_bytes -= t->charged;
    t->charged = 0;
}

struct smtp_transfer *smtp_transfer_new(struct smtp_session *s)
{
    struct smtp_transfer *t = HEAP_NEW(struct smtp_transfer);
    t->started_ms = clock_monotonic_ms();
    t->is_binary = s->sender.binary;
    smtp_data_decoder_init(&t->decoder);
    buf_init(&t->content, (size_t)smtp_max_size(s));
    s->transfers++;
    return t;
}

void smtp_transfer_free(struct smtp_state *state, struct smtp_transfer **t)
{
    if (!*t)
        return;
    give_memory_back(state, *t);
    free(*t);
    *t = NULL;
}

struct buf *smtp_transfer_content(struct smtp_transfer *t)
{
    return is_kept(t) ? &t->content : NULL;
}

void smtp_transfer_charge(struct smtp_session *s, struct smtp_transfer *t)
{
    s->state->message_bytes += t->content.cap - t->charged;
    t->charged = t->content.cap;
    if (s->state->message_bytes > smtp_memory_limit(s))
        t->no_memory = true;
    if (!is_kept(t))
        give_memory_back(s->state, t);
}

int64_t smtp_transfer_deadline(const struct smtp_transfer *t)
{
    return smtp_block_deadline(t->started_ms, clock_monotonic_ms(), t->decoder.wire);
}

enum smtp_answer smtp_transfer_judge(const struct smtp_transfer *t)
{
    if (t->decoder.fault != SMTP_DATA_CLEAN)
        return ANSWER_BARE_LINE_END;
    if (t->no_memory)
        return ANSWER_NO_MEMORY;
    if (t->decoder.overflow)
        return ANSWER_TOO_LARGE;
    return has_long_line(t) ? ANSWER_LINE_OF_MESSAGE : ANSWER_OK;
}

enum net_next smtp_transfer_broken(struct smtp_session *s, const struct err *e)
{
    if (e->kind == ERR_TIMEOUT)
        return smtp_say(s, ANSWER_TOO_SLOW);
    if (e->kind == ERR_CANCELLED)
        return smtp_say(s, ANSWER_SHUTTING_DOWN);
    s->end = "closed_by_peer";
    return NET_CLOSE;
}
