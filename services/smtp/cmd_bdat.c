/* SPDX-License-Identifier: Apache-2.0 */
/* BDAT (RFC 3030): a message in chunks of told sizes. The octets of a chunk are never commands,
 * also where the chunk is refused: they are read and dropped, or the connection ends. */
#include "services/smtp/commands.h"
#include "services/smtp/hand_over.h"
#include "services/smtp/transfer.h"

/* Reads the octets of one chunk. Yields. */
YIELDS static bool receive(struct smtp_session *s, struct smtp_transfer *t, uint64_t size,
                           struct err *e)
{
    while (size > 0) {
        str block;
        size_t most = size < SMTP_READ_BLOCK ? (size_t)size : SMTP_READ_BLOCK;
        if (!net_read_some(s->conn, most, smtp_transfer_deadline(t), &block, e))
            return false;
        smtp_chunk_decode(&t->decoder, block, t->is_binary, smtp_transfer_content(t));
        smtp_transfer_charge(s, t);
        size -= block.n;
    }
    return true;
}

/* Whether one more chunk is too many: small ones cost much and bring little (ATTACKS S4). */
static bool is_flood(const struct smtp_transfer *t)
{
    return t->chunks >= SMTP_CHUNKS_MAX ||
           (t->chunks >= SMTP_CHUNKS_FREE && t->decoder.wire / t->chunks < SMTP_CHUNK_MIN);
}

static enum smtp_answer judge_chunk(struct smtp_transfer *t, bool is_last)
{
    if (is_last)
        smtp_chunk_end(&t->decoder, t->is_binary, smtp_transfer_content(t));
    return smtp_transfer_judge(t);
}

/* What came of a chunk that was read. A bad one ends the transaction: what comes behind it is
 * refused until a new MAIL. Yields. */
YIELDS static enum net_next conclude(struct smtp_session *s, const struct smtp_bdat *bdat)
{
    enum smtp_answer verdict = judge_chunk(s->chunked, bdat->is_last);
    enum net_next next;
    if (verdict == ANSWER_OK && !bdat->is_last) {
        str text = arena_printf(&s->command, "%llu octets taken", (unsigned long long)bdat->size);
        return smtp_say_text(s, ANSWER_OK, text);
    }
    if (verdict == ANSWER_OK) {
        next = smtp_hand_over(s, buf_str(&s->chunked->content));
    } else {
        next = bdat->is_last ? smtp_say_of_message(s, verdict) : smtp_say(s, verdict);
    }
    smtp_reset_transaction(s);
    return next;
}

enum net_next smtp_cmd_bdat(struct smtp_session *s, str argument)
{
    struct err e = ERR_CLEAR;
    struct smtp_bdat bdat;
    if (smtp_bdat_parse(argument, &bdat) != SMTP_GOOD)
        return smtp_say(s, ANSWER_BAD_CHUNK);
    if (!s->chunked && s->state->app->health.is_disk_full)
        return smtp_refuse_chunk(s, argument, ANSWER_DISK_FULL);
    if (!s->chunked)
        s->chunked = smtp_transfer_new(s);
    if (is_flood(s->chunked))
        return smtp_say(s, ANSWER_TOO_MANY_CHUNKS);
    s->chunked->chunks++;
    if (!receive(s, s->chunked, bdat.size, &e))
        return smtp_transfer_broken(s, &e);
    return conclude(s, &bdat);
}

enum net_next smtp_refuse_chunk(struct smtp_session *s, str argument, enum smtp_answer why)
{
    struct err e = ERR_CLEAR;
    struct smtp_bdat bdat;
    struct smtp_transfer dropped = { .started_ms = clock_monotonic_ms(), .no_memory = true };
    if (smtp_bdat_parse(argument, &bdat) != SMTP_GOOD || bdat.size > smtp_max_size(s))
        return smtp_say(s, ANSWER_BAD_CHUNK);
    smtp_data_decoder_init(&dropped.decoder);
    if (!receive(s, &dropped, bdat.size, &e))
        return smtp_transfer_broken(s, &e);
    return bdat.is_last && s->recipients.n ? smtp_say_of_message(s, why) : smtp_say(s, why);
}
