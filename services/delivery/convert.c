/* SPDX-License-Identifier: Apache-2.0 */
/* Re-encoding in the offload pool: the job has copies of everything. The place among those that are
 * converted is held until the caller's arena ends, which is when the text goes. */
#include "services/delivery/convert.h"

#include "mime/seven_bit.h"

enum {
    TURN_MS = 60 * 1000, /* for a place */
    WORK_MS = 60 * 1000,
    ADDED_MAX = 64 * 1024 /* of header fields */
};

struct conversion {
    struct work work;
    struct buf message;
    struct buf converted;
    bool ok;
    struct err error;
};

static void run_conversion(struct work *work)
{
    struct conversion *job = CONTAINER_OF(work, struct conversion, work);
    job->ok = mime_to_seven_bit(buf_str(&job->message), &job->converted, &job->error);
    buf_fini(&job->message);
}

static void end_conversion(struct work *work)
{
    struct conversion *job = CONTAINER_OF(work, struct conversion, work);
    buf_fini(&job->message);
    buf_fini(&job->converted);
    free(job);
}

static void finish_conversion(void *ptr)
{
    struct conversion *job = ptr;
    work_finish(&job->work);
}

static void free_place(void *ptr)
{
    semaphore_release(ptr);
}

YIELDS static bool read_all(const struct delivery_source *source, struct buf *out, struct err *e)
{
    struct arena a;
    bool ok = true;
    arena_init(&a);
    while (ok) {
        str part;
        arena_reset(&a);
        ok = source->read(source->arg, out->n, &a, &part, e);
        if (!ok || part.n == 0)
            break;
        ok = buf_add(out, part) || ERR(e, ERR_INTERNAL, "the message is longer than its size");
    }
    arena_fini(&a);
    return ok;
}

bool delivery_convert(struct delivery *d, const struct delivery_source *source, size_t size,
                      struct arena *a, str *out, struct err *e)
{
    if (!semaphore_acquire(&d->converting, clock_deadline_in(TURN_MS), e))
        return false;
    arena_defer(a, free_place, &d->converting);
    struct conversion *job = HEAP_NEW(struct conversion);
    job->work = (struct work){ .run = run_conversion, .done = end_conversion };
    buf_init(&job->message, size + 1);
    buf_init(&job->converted, 4 * size + ADDED_MAX);
    if (!read_all(source, &job->message, e)) {
        end_conversion(&job->work);
        return false;
    }
    if (!work_run(&job->work, clock_deadline_in(WORK_MS), e))
        return false;
    arena_defer(a, finish_conversion, job);
    if (!job->ok) {
        *e = job->error;
        return false;
    }
    *out = buf_str(&job->converted);
    return true;
}
