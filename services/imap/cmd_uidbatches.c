/* SPDX-License-Identifier: Apache-2.0 */
/* UIDBATCHES (RFC 10022): ranges of UIDs that hold so many messages each, the newest first. */
#include "services/imap/commands.h"
#include "services/imap/view.h"

enum {
    BATCH_MIN = 500 /* messages; servers take at least this */
};

struct batches_args {
    uint64_t size;  /* messages of a batch */
    uint64_t first; /* which batches are wanted, from 1 */
    uint64_t last;
};

/* " 2000" or " 2000 1:5". */
static bool read_batches(struct imap_lexer *l, struct batches_args *out, struct err *e)
{
    *out = (struct batches_args){ .first = 1, .last = UINT32_MAX };
    if (!imap_lexer_space(l, e) || !imap_lexer_number(l, UINT32_MAX, &out->size, e))
        return false;
    if (imap_lexer_is_at_end(l))
        return true;
    return imap_lexer_space(l, e) && imap_lexer_number(l, UINT32_MAX, &out->first, e) &&
           imap_lexer_byte(l, ':', e) && imap_lexer_number(l, UINT32_MAX, &out->last, e) &&
           imap_lexer_end(l, e);
}

/* The lowest UID of the batch, which begins `newer` messages below the newest; together the batches
 * cover all UIDs down to 1. */
static uint32_t lowest_uid(const struct imap_view *v, uint64_t newer, uint64_t size)
{
    return v->n - newer > size ? imap_view_row(v, v->n - newer - size)->uid : 1;
}

YIELDS static bool send_batches(struct imap_session *s, str tag, const struct batches_args *args)
{
    const struct imap_view *v = s->view;
    struct buf *out = &s->out;
    bool ok = buf_addf(out, "* UIDBATCHES (TAG \"%.*s\")", STR_FMT(tag));
    uint32_t high = v->uidnext - 1;
    uint64_t number = 1;
    for (uint64_t newer = 0; newer < v->n && number <= args->last; newer += args->size, number++) {
        uint32_t low = lowest_uid(v, newer, args->size);
        if (number >= args->first) {
            ok = ok && buf_add_byte(out, number == args->first ? ' ' : ',') &&
                 buf_add_uint(out, high) && buf_add_byte(out, ':') && buf_add_uint(out, low);
        }
        high = low - 1;
    }
    return ok && buf_add(out, STR("\r\n")) && imap_send_out(s);
}

bool imap_cmd_uidbatches(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct batches_args args;
    if (!read_batches(&c->args, &args, e))
        return false;
    if (args.first == 0 || args.first > args.last) {
        return imap_reply(s, IMAP_BAD, STR("CLIENTBUG"),
                          "Batches are counted from 1, the lower number first");
    }
    if (args.size < BATCH_MIN)
        return imap_reply(s, IMAP_NO, STR("TOOFEW"), "A batch holds at least 500 messages");
    return send_batches(s, c->tag, &args) || ERR(e, ERR_CLOSED, "the connection is gone");
}
