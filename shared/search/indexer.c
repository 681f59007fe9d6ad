/* SPDX-License-Identifier: Apache-2.0 */
/* Takes messages from the outbox into the index. One transaction a batch: the outbox rows are
 * deleted and the documents written in it, so that a message is either pending or indexed for
 * everybody who looks. The words of the vocabulary go before it in a transaction of their own: a
 * word too many harms nobody, and locks on common words must not be held for the whole batch. */
#include "search/indexer.h"

#include "blob/blob.h"
#include "db/db.h"
#include "notify/notify.h"
#include "obs/obs.h"
#include "search/document.h"
#include "search/header_texts.h"
#include "search/keys.h"
#include "search/vocabulary.h"

#include <stdlib.h>

enum {
    DEFAULT_BATCH = 300,
    MAX_BATCH = 500,
    DEFAULT_POLL_MS = 1000,
    BATCH_DEADLINE_MS = 60000,
    GATHER_MS = 200, /* after it was woken: more deliveries follow, and share a transaction */
    RETRY_MS = 2000  /* after a failure */
};

static const struct db_stmt stmt_no_sync = { "SET LOCAL synchronous_commit = off" };
/* ARRAY: the rows are chosen once, whatever the planner believes of a table that grew or shrank by
 * a hundred thousand rows a moment ago. */
static const struct db_stmt stmt_claim = {
    "DELETE FROM outbox WHERE kind = $2 AND id = ANY (ARRAY("
    " SELECT id FROM outbox WHERE kind = $2 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))"
    " RETURNING account_id, ref"
};
static const struct db_stmt stmt_vocab = {
    "INSERT INTO vocab (word) SELECT w FROM unnest($1::text[]) w ON CONFLICT DO NOTHING"
};
static const struct db_stmt stmt_documents = {
    "INSERT INTO fts (account_id, msg_id, tsv, form)"
    " SELECT a, m, t::tsvector, 1 FROM unnest($1::bigint[], $2::bigint[], $3::text[]) d(a, m, t)"
    " WHERE EXISTS (SELECT 1 FROM message WHERE account_id = a AND msg_id = m)"
    " ON CONFLICT (account_id, msg_id) DO UPDATE SET tsv = excluded.tsv, form = 1"
};
/* The words of many documents go into the index together: three times as fast as each for itself
 * (docs/decisions). */
static const struct db_stmt stmt_settle = { "SELECT fts_settle()" };

/* Some messages of a batch. Their documents are made in the offload pool, so all that is needed is
 * in a job with memory of its own. */
struct index_job {
    struct work work;
    struct arena a;
    size_t n;
    str *texts; /* raw messages; p NULL: gone or damaged */
    str *tsvectors;
    struct search_keys *keys;
    struct search_header_texts *headers;
    str *words; /* of all documents, each once, in byte order */
    size_t n_words;
};

/* One claimed batch and the transaction that it lives in. */
struct index_batch {
    struct db *db;
    struct db_tx *tx;
    struct arena *a;
    int64_t deadline_ms;
    int64_t *accounts;
    int64_t *ids;
    size_t n;
    bool unreadable; /* do not even try to read: the last resort for a message that breaks the rest
                      */
};

static int by_bytes(const void *left, const void *right)
{
    const str *l = left, *r = right;
    return str_cmp(*l, *r);
}

static void gather_words(struct index_job *job, const struct search_document *documents)
{
    size_t n = 0;
    for (size_t i = 0; i < job->n; i++)
        n += documents[i].n_words;
    job->words = ARENA_ARRAY(&job->a, str, n + 1);
    n = 0;
    for (size_t i = 0; i < job->n; i++) {
        for (size_t k = 0; k < documents[i].n_words; k++)
            job->words[n++] = documents[i].words[k];
    }
    qsort(job->words, n, sizeof(*job->words), by_bytes);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !str_eq(job->words[i], job->words[job->n_words - 1]))
            job->words[job->n_words++] = job->words[i];
    }
}

/* In a thread of the pool. */
static void make_documents(struct work *work)
{
    struct index_job *job = CONTAINER_OF(work, struct index_job, work);
    struct search_document *documents = ARENA_ARRAY(&job->a, struct search_document, job->n + 1);
    job->tsvectors = ARENA_ARRAY(&job->a, str, job->n + 1);
    job->keys = ARENA_ARRAY(&job->a, struct search_keys, job->n + 1);
    job->headers = ARENA_ARRAY(&job->a, struct search_header_texts, job->n + 1);
    for (size_t i = 0; i < job->n; i++) {
        documents[i].tsvector = STR(SEARCH_UNREADABLE_TSVECTOR);
        if (job->texts[i].p) {
            search_document_make(&job->a, job->texts[i], &documents[i]);
            search_keys_make(&job->a, job->texts[i], &job->keys[i]);
            search_header_texts_make(&job->a, job->texts[i], &job->headers[i]);
        }
        job->tsvectors[i] = documents[i].tsvector;
    }
    gather_words(job, documents);
}

static void free_job(struct work *work)
{
    struct index_job *job = CONTAINER_OF(work, struct index_job, work);
    arena_fini(&job->a);
    free(job);
}

static struct index_job *new_job(void)
{
    struct index_job *job = HEAP_NEW(struct index_job);
    job->work.run = make_documents;
    job->work.done = free_job;
    arena_init(&job->a);
    return job;
}

/* Kinds of rows in the outbox: what was delivered goes before what is to be indexed anew. */
static const int64_t kinds[] = { 1, 3 };

YIELDS static bool claim(struct index_batch *batch, unsigned limit, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!db_tx_query(batch->tx, &stmt_no_sync, NULL, 0, batch->a, NULL, e))
        return err_wrap(e, "begin to index");
    for (size_t i = 0; i < COUNT_OF(kinds) && batch->n == 0; i++) {
        const struct db_param params[] = { DB_INT8(limit), DB_INT8(kinds[i]) };
        if (!db_tx_query(batch->tx, &stmt_claim, params, COUNT_OF(params), batch->a, &rows, e))
            return err_wrap(e, "claim messages to index");
        batch->n = db_row_count(rows);
    }
    batch->accounts = ARENA_ARRAY(batch->a, int64_t, batch->n + 1);
    batch->ids = ARENA_ARRAY(batch->a, int64_t, batch->n + 1);
    for (size_t i = 0; i < batch->n; i++) {
        batch->accounts[i] = db_int(rows, i, 0);
        batch->ids[i] = db_int(rows, i, 1);
    }
    return true;
}

/* Reads messages of the batch from `from` on into the job, as many as one answer carries. */
YIELDS static bool load(const struct index_batch *batch, size_t from, struct index_job *job,
                        struct err *e)
{
    const struct blob_many wanted = { .class = DB_DELIVER,
                                      .account_ids = batch->accounts + from,
                                      .msg_ids = batch->ids + from,
                                      .n = batch->n - from };
    job->texts = ARENA_ARRAY(&job->a, str, wanted.n);
    job->n = wanted.n;
    if (batch->unreadable)
        return true;
    return blob_load_many(batch->db, &wanted, &job->a, batch->deadline_ms, job->texts, &job->n,
                          e) ||
           err_wrap(e, "read messages to index");
}

YIELDS static bool write_documents(const struct index_batch *batch, size_t from,
                                   const struct index_job *job, struct arena *a, struct err *e)
{
    const struct db_param words[] = { DB_TEXTS(job->words, job->n_words) };
    const struct db_param documents[] = { DB_INT8S(batch->accounts + from, job->n),
                                          DB_INT8S(batch->ids + from, job->n),
                                          DB_TEXTS(job->tsvectors, job->n) };
    if (job->n_words && !search_hold_vocabulary(batch->tx, a, e))
        return false;
    if (job->n_words &&
        !db_query(batch->db, DB_DELIVER, &stmt_vocab, words, 1, a, batch->deadline_ms, NULL, e))
        return err_wrap(e, "write words");
    return db_tx_query(batch->tx, &stmt_documents, documents, COUNT_OF(documents), a, NULL, e) ||
           err_wrap(e, "write documents");
}

/* One round of reading, tokenising and writing; *done messages of the batch were in it. */
YIELDS static bool index_some(const struct index_batch *batch, size_t from, size_t *done,
                              struct err *e)
{
    struct index_job *job = new_job();
    if (!load(batch, from, job, e)) {
        free_job(&job->work);
        return false;
    }
    if (!work_run(&job->work, batch->deadline_ms, e)) {
        /* A full line of the pool says nothing about these messages. */
        e->kind = e->kind == ERR_LIMIT ? ERR_UNAVAILABLE : e->kind;
        return err_wrap(e, "make documents");
    }
    struct arena scratch;
    arena_init(&scratch);
    const int64_t *accounts = batch->accounts + from, *ids = batch->ids + from;
    bool ok =
        write_documents(batch, from, job, &scratch, e) &&
        search_keys_write(batch->tx, accounts, ids, job->keys, job->n, &scratch, e) &&
        search_header_texts_write(batch->tx, accounts, ids, job->headers, job->n, &scratch, e);
    arena_fini(&scratch);
    *done = job->n;
    work_finish(&job->work);
    return ok;
}

YIELDS static bool index_claimed(struct index_batch *batch, unsigned limit, struct err *e)
{
    if (!claim(batch, limit, e))
        return false;
    for (size_t from = 0; from < batch->n;) {
        size_t done = 0;
        if (!index_some(batch, from, &done, e))
            return false;
        from += done;
    }
    if (batch->n && !db_tx_query(batch->tx, &stmt_settle, NULL, 0, batch->a, NULL, e))
        return err_wrap(e, "settle the index");
    return db_commit(&batch->tx, batch->a, NULL, 0, NULL, e);
}

/* One transaction. *claimed says how many rows it took, also when it failed. */
YIELDS static bool index_once(struct db *db, unsigned limit, bool unreadable, int64_t deadline_ms,
                              size_t *claimed, struct err *e)
{
    struct arena a;
    arena_init(&a);
    struct index_batch batch = {
        .db = db, .a = &a, .deadline_ms = deadline_ms, .unreadable = unreadable
    };
    bool ok = db_begin(db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &batch.tx, e) &&
              index_claimed(&batch, limit, e);
    db_rollback(&batch.tx);
    *claimed = batch.n;
    arena_fini(&a);
    return ok;
}

/* Failures that come from what is indexed, not from the database being away. */
static bool is_from_content(const struct err *e)
{
    return e->kind == ERR_SYNTAX || e->kind == ERR_LIMIT || e->kind == ERR_INTERNAL ||
           e->kind == ERR_DAMAGED || e->kind == ERR_EXISTS;
}

/* One message; when it cannot be indexed, as one that searches have to read. */
YIELDS static bool index_one(struct db *db, int64_t deadline_ms, size_t *claimed, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (index_once(db, 1, false, deadline_ms, claimed, &why)) {
        obs_count(METRIC_MESSAGES_INDEXED, "ok", *claimed);
        return true;
    }
    if (!is_from_content(&why)) {
        *e = why;
        return false;
    }
    obs_log(EV_SEARCH_INDEX_FAILED, STR_EMPTY, OBS_ERR(&why));
    if (!index_once(db, 1, true, deadline_ms, claimed, e))
        return false;
    obs_count(METRIC_MESSAGES_INDEXED, "unreadable", *claimed);
    return true;
}

bool search_index_batch(struct db *db, unsigned batch, int64_t deadline_ms, size_t *done,
                        struct err *e)
{
    struct err why = ERR_CLEAR;
    size_t claimed = 0;
    unsigned limit = batch == 0 ? DEFAULT_BATCH : batch < MAX_BATCH ? batch : MAX_BATCH;
    *done = 0;
    if (index_once(db, limit, false, deadline_ms, &claimed, &why)) {
        obs_count(METRIC_MESSAGES_INDEXED, "ok", claimed);
        *done = claimed;
        return true;
    }
    if (!is_from_content(&why)) {
        *e = why;
        return false;
    }
    for (size_t i = 0; i < limit; i++) {
        if (!index_one(db, deadline_ms, &claimed, e))
            return false;
        if (claimed == 0)
            break;
        *done += claimed;
    }
    return true;
}

/* ---- the fiber ---- */

struct search_indexer {
    struct search_indexer_options options;
    struct notify_listener listener;
    struct signal_point point;
    struct fiber *fiber;
    bool woken; /* since the last look */
    bool stopping;
};

void search_indexer_wake(struct search_indexer *indexer)
{
    indexer->woken = true;
    signal_point_all(&indexer->point);
}

static void on_notify(enum notify_topic topic, int64_t id, void *arg)
{
    (void)topic;
    (void)id;
    search_indexer_wake(arg);
}

/* Waits until something woke it or the poll is due. */
YIELDS static void rest(struct search_indexer *indexer, int64_t ms)
{
    struct err e = ERR_CLEAR;
    if (!indexer->woken && !indexer->stopping)
        (void)signal_point_wait(&indexer->point, clock_deadline_in(ms), &e);
    if (indexer->woken && !indexer->stopping)
        (void)fiber_sleep_until(clock_deadline_in(GATHER_MS), &e);
    indexer->woken = false;
}

/* A failure is waited out even when somebody wakes it: the database is most likely away. */
YIELDS static void rest_after_failure(const struct err *why)
{
    struct err e = ERR_CLEAR;
    if (why->kind == ERR_CANCELLED)
        return;
    obs_log(EV_SEARCH_INDEX_FAILED, STR_EMPTY, OBS_ERR(why));
    (void)fiber_sleep_until(clock_deadline_in(RETRY_MS), &e);
}

static void indexer_main(void *arg)
{
    struct search_indexer *indexer = arg;
    while (!indexer->stopping) {
        struct err e = ERR_CLEAR;
        size_t done = 0;
        if (!search_index_batch(indexer->options.db, indexer->options.batch,
                                clock_deadline_in(BATCH_DEADLINE_MS), &done, &e)) {
            rest_after_failure(&e);
        } else if (done == 0) {
            rest(indexer, indexer->options.poll_ms);
        }
    }
    free(indexer);
}

bool search_indexer_start(const struct search_indexer_options *options, struct search_indexer **out,
                          struct err *e)
{
    struct search_indexer *indexer = HEAP_NEW(struct search_indexer);
    indexer->options = *options;
    if (indexer->options.poll_ms == 0)
        indexer->options.poll_ms = DEFAULT_POLL_MS;
    signal_point_init(&indexer->point);
    if (!fiber_spawn(options->runtime, "search_indexer", indexer_main, indexer, &indexer->fiber,
                     e)) {
        free(indexer);
        return err_wrap(e, "start the indexer");
    }
    indexer->listener = (struct notify_listener){ .fn = on_notify, .arg = indexer };
    if (options->notify)
        notify_listen(options->notify, NOTIFY_INDEX, &indexer->listener);
    *out = indexer;
    return true;
}

void search_indexer_stop(struct search_indexer **indexer)
{
    if (!*indexer)
        return;
    notify_unlisten(&(*indexer)->listener);
    (*indexer)->stopping = true;
    fiber_cancel((*indexer)->fiber);
    *indexer = NULL;
}
