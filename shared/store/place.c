/* SPDX-License-Identifier: Apache-2.0 */
/* The statements that store messages: message_put for each message, then one mailbox_place for all
 * placements of a transaction, which takes the locks, last. */
#include "notify/notify.h"
#include "store/batch.h"

#include <stdlib.h>

static const struct db_stmt put_message = {
    "SELECT message_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
    " $18, $19, $20, $21, $22, $23)"
};

static const struct db_stmt place_all = {
    "SELECT statuses, mailboxes, uids, modseqs, uidvalidities"
    "  FROM mailbox_place($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
};

static struct db_param text_or_null(str s)
{
    return s.n ? DB_TEXT(s) : DB_NULL;
}

static struct db_param bytes_or_null(str s)
{
    return s.n ? DB_BYTEA(s) : DB_NULL;
}

static void send_put(struct db_tx *tx, const struct put *put, bool bare)
{
    static const struct store_derived nothing;
    const struct store_derived *d = put->message->derived;
    const struct blob_packed *p = &d->packed;
    const struct store_derived *t = bare ? &nothing : d;
    const struct db_param params[] = {
        DB_INT8S(put->accounts, put->n_accounts),
        DB_INT8(put->message->msg_id),
        DB_TIME_US(put->received_us),
        DB_INT4(p->codec),
        DB_INT4((int64_t)p->size),
        DB_INT4((int64_t)p->head),
        p->n_frames ? DB_INT4S(p->frames, p->n_frames) : DB_NULL,
        DB_BYTEA(p->data),
        DB_INT4((int64_t)p->header),
        DB_BYTEA(str_of((const char *)d->hash, sizeof(d->hash))),
        t->has_sent_at ? DB_TIME_US(t->sent_at_us) : DB_NULL,
        bytes_or_null(t->envelope),
        bytes_or_null(t->bodystructure),
        text_or_null(t->from_addr),
        text_or_null(t->from_name),
        text_or_null(t->to_text),
        text_or_null(t->subject),
        text_or_null(t->message_id),
        t->message_id.n ? DB_INT8(t->message_id_key) : DB_NULL,
        t->n_refs ? DB_INT8S(t->refs, t->n_refs) : DB_NULL,
        text_or_null(t->preview),
        DB_BOOL(t->has_attachment),
        put->prefixes ? DB_BYTEAS(put->prefixes, put->n_accounts) : DB_NULL,
    };
    db_tx_send(tx, &put_message, params, COUNT_OF(params));
}

void place_send_puts(struct db_tx *tx, const struct batch_job *job, bool bare)
{
    for (size_t i = 0; i < job->n_puts; i++)
        send_put(tx, &job->puts[i], bare);
}

bool place_send_first(struct db_tx *tx, const struct batch_job *job, size_t *statements,
                      struct err *e)
{
    size_t extra = 0;
    if (!job->is_extra_first)
        return true;
    bool ok = job->extra(tx, job->extra_arg, &extra, e);
    *statements += extra;
    return ok;
}

/* A placement with where it stands: job, and index in the job. */
struct placement_ref {
    const struct placement *placement;
    size_t job;
    size_t index;
};

/* The order in which accounts are locked, the same in all processes: no deadlock. */
static int compare_refs(const void *one, const void *two)
{
    const struct placement_ref *a = one;
    const struct placement_ref *b = two;
    const struct placement *p = a->placement;
    const struct placement *q = b->placement;
    if (p->account_id != q->account_id)
        return p->account_id < q->account_id ? -1 : 1;
    if (p->mailbox_id != q->mailbox_id)
        return p->mailbox_id < q->mailbox_id ? -1 : 1;
    if (a->job != b->job)
        return a->job < b->job ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static struct placement_ref *sorted_refs(struct arena *a, const struct batch_job *const *jobs,
                                         size_t n, size_t *n_refs)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += jobs[i]->n_placements;
    struct placement_ref *refs = ARENA_ARRAY(a, struct placement_ref, total);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < jobs[i]->n_placements; k++)
            refs[used++] = (struct placement_ref){ &jobs[i]->placements[k], i, k };
    }
    qsort(refs, total, sizeof(*refs), compare_refs);
    *n_refs = total;
    return refs;
}

enum {
    NUMBER_COLUMNS = 8 /* account, mailbox, message, size, date, flags, mode, day */
};

void place_send(struct db_tx *tx, struct arena *a, const struct batch_job *const *jobs, size_t n)
{
    size_t total;
    const struct placement_ref *refs = sorted_refs(a, jobs, n, &total);
    int64_t *columns[NUMBER_COLUMNS];
    for (size_t i = 0; i < NUMBER_COLUMNS; i++)
        columns[i] = ARENA_ARRAY(a, int64_t, total);
    str *keywords = ARENA_ARRAY(a, str, total);
    str *ids = ARENA_ARRAY(a, str, total);
    for (size_t i = 0; i < total; i++) {
        const struct placement *p = refs[i].placement;
        columns[0][i] = p->account_id;
        columns[1][i] = p->mailbox_id;
        columns[2][i] = p->message->msg_id;
        columns[3][i] = (int64_t)p->size;
        columns[4][i] = p->idate_s;
        columns[5][i] = p->flags;
        columns[6][i] = p->mode;
        columns[7][i] = p->day;
        keywords[i] = p->keywords;
        ids[i] = str_of((const char *)p->delivery_id, STORE_DELIVERY_ID);
    }
    const struct db_param params[] = {
        DB_INT8S(columns[0], total), DB_INT4S(columns[1], total), DB_INT8S(columns[2], total),
        DB_INT4S(columns[3], total), DB_INT8S(columns[4], total), DB_INT4S(columns[5], total),
        DB_TEXTS(keywords, total),   DB_INT4S(columns[6], total), DB_BYTEAS(ids, total),
        DB_INT4S(columns[7], total),
    };
    db_tx_send(tx, &place_all, params, COUNT_OF(params));
}

bool place_read(const struct db_rows *rows, struct arena *a, const struct batch_job *const *jobs,
                size_t n, struct placed *const *placed, struct err *e)
{
    size_t total;
    int64_t *columns[5];
    const struct placement_ref *refs = sorted_refs(a, jobs, n, &total);
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        if (db_row_count(rows) != 1 || store_ints(rows, 0, i, a, &columns[i]) != total)
            return ERR(e, ERR_INTERNAL, "mailbox_place gave another number of answers");
    }
    for (size_t i = 0; i < total; i++) {
        placed[refs[i].job][refs[i].index] =
            (struct placed){ .status = (unsigned)columns[0][i],
                             .mailbox_id = (int)columns[1][i],
                             .uid = (uint32_t)columns[2][i],
                             .modseq = columns[3][i],
                             .uidvalidity = (uint32_t)columns[4][i] };
    }
    return true;
}

void place_publish(struct store *s, const struct batch_job *job, const struct placed *placed)
{
    int64_t modseq = 0;
    for (size_t i = 0; i < job->n_placements; i++) {
        modseq = placed[i].modseq > modseq ? placed[i].modseq : modseq;
        if (i + 1 < job->n_placements &&
            job->placements[i + 1].account_id == job->placements[i].account_id)
            continue;
        store_publish(s, job->placements[i].account_id, modseq);
        modseq = 0;
    }
}
