/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a message whole and re-encoding it. The place among those that are converted is held
 * until the caller's arena ends, which is when the text goes. */
#include "services/delivery/convert.h"

#include "queue/convert.h"

enum {
    TURN_MS = 60 * 1000, /* for a place */
    WORK_MS = 60 * 1000
};

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
    struct buf message;
    buf_init(&message, size + 1);
    bool ok = read_all(source, &message, e) &&
              queue_convert_message(&message, a, clock_deadline_in(WORK_MS), out, e);
    buf_fini(&message);
    return ok;
}
