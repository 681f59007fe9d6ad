/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a statement that nobody waits for any more. PQcancel opens a connection of its own and
 * blocks, so it runs in the offload pool. Only for leased connections: what runs on a shared one
 * may be somebody else's by the time the request arrives. The lease ends after both the request and
 * the answer to the last batch, so that a late request hits nothing. */
#include "db/conn.h"

enum {
    CANCEL_MS = 5000
};

struct cancel_job {
    struct work work;
    PGcancel *request;
};

struct db_cancel {
    struct db_conn *conn; /* NULL: gone meanwhile */
    PGcancel *request;    /* the job's, once it is submitted */
};

static void run_job(struct work *work)
{
    const struct cancel_job *job = CONTAINER_OF(work, struct cancel_job, work);
    char why[256];
    (void)PQcancel(job->request, why, sizeof(why)); /* best effort: there is a timeout too */
}

static void end_job(struct work *work)
{
    struct cancel_job *job = CONTAINER_OF(work, struct cancel_job, work);
    PQfreeCancel(job->request);
    free(job);
}

static void run(void *arg)
{
    struct db_cancel *cancel = arg;
    struct cancel_job *job = HEAP_NEW(struct cancel_job);
    job->work = (struct work){ .run = run_job, .done = end_job };
    job->request = cancel->request;
    bool is_done = work_run(&job->work, clock_deadline_in(CANCEL_MS), NULL);
    if (is_done)
        work_finish(&job->work);
    struct db_conn *c = cancel->conn;
    free(cancel);
    if (!c)
        return;
    c->cancel = NULL;
    c->is_stale = c->is_stale || (!is_done && c->state == DB_CONN_READY); /* it may come yet */
    if (list_is_empty(&c->batches))
        db_conn_drained(c);
}

void db_conn_cancel(struct db_conn *c)
{
    if (c->cancel || c->state != DB_CONN_READY || list_is_empty(&c->batches))
        return;
    PGcancel *request = PQgetCancel(c->pg);
    if (!request)
        return;
    struct db_cancel *cancel = HEAP_NEW(struct db_cancel);
    *cancel = (struct db_cancel){ .conn = c, .request = request };
    if (fiber_spawn(c->db->rt, "db cancel", run, cancel, NULL, NULL)) {
        c->cancel = cancel;
        return;
    }
    PQfreeCancel(request);
    free(cancel);
}

void db_cancel_forget(struct db_conn *c)
{
    if (c->cancel)
        c->cancel->conn = NULL;
    c->cancel = NULL;
}
