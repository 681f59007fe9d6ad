/* SPDX-License-Identifier: Apache-2.0 */
/* A report of many rows takes the best part of a second to compress: that is work for the pool. */
#include "reports/pack.h"

#include "runtime/runtime.h"

#include <stdlib.h>

struct packing {
    struct work work;
    struct buf text;
    struct buf packed;
    bool ok;
    struct err error;
};

static void run_packing(struct work *work)
{
    struct packing *job = CONTAINER_OF(work, struct packing, work);
    job->ok = reports_document_compress(buf_str(&job->text), &job->packed, &job->error);
}

static void end_packing(struct work *work)
{
    struct packing *job = CONTAINER_OF(work, struct packing, work);
    buf_fini(&job->text);
    buf_fini(&job->packed);
    free(job);
}

static void finish_packing(void *ptr)
{
    struct packing *job = ptr;
    work_finish(&job->work);
}

bool reports_pack(struct buf *text, struct arena *a, int64_t deadline_ms,
                  struct reports_document *out, struct err *e)
{
    struct packing *job = HEAP_NEW(struct packing);
    job->work = (struct work){ .run = run_packing, .done = end_packing };
    job->text = *text;
    buf_init(text, 0);
    buf_init(&job->packed, REPORTS_DOCUMENT_MAX);
    if (!work_run(&job->work, deadline_ms, e))
        return err_wrap(e, "compress a report");
    arena_defer(a, finish_packing, job);
    if (!job->ok) {
        *e = job->error;
        return false;
    }
    out->text = buf_str(&job->text);
    out->packed = buf_str(&job->packed);
    reports_document_name(a, out);
    return true;
}
