/* SPDX-License-Identifier: Apache-2.0 */
/* Re-encoding in the offload pool: the job has the octets, because its fiber may give up. */
#include "queue/convert.h"

#include "mime/seven_bit.h"
#include "runtime/runtime.h"
#include "wire/smtp_data.h"

#include <stdlib.h>

enum {
    ADDED_MAX = 64 * 1024 /* of header fields */
};

struct conversion {
    struct work work;
    bool (*convert)(str message, struct buf *out, struct err *e);
    struct buf message;
    struct buf converted;
    bool ok;
    struct err error;
};

static void run_conversion(struct work *work)
{
    struct conversion *job = CONTAINER_OF(work, struct conversion, work);
    job->ok = job->convert(buf_str(&job->message), &job->converted, &job->error);
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

/* Takes the octets of *message. Yields. */
YIELDS static bool convert(bool (*how)(str message, struct buf *out, struct err *e),
                           struct buf *message, struct arena *a, int64_t deadline_ms, str *out,
                           struct err *e)
{
    struct conversion *job = HEAP_NEW(struct conversion);
    job->work = (struct work){ .run = run_conversion, .done = end_conversion };
    job->convert = how;
    job->message = *message;
    buf_init(message, 0);
    buf_init(&job->converted, 4 * job->message.n + ADDED_MAX);
    if (!work_run(&job->work, deadline_ms, e))
        return err_wrap(e, "convert a message");
    arena_defer(a, finish_conversion, job);
    if (!job->ok) {
        *e = job->error;
        return false;
    }
    *out = buf_str(&job->converted);
    return true;
}

bool queue_convert_message(struct buf *message, struct arena *a, int64_t deadline_ms, str *out,
                           struct err *e)
{
    return convert(mime_to_seven_bit, message, a, deadline_ms, out, e);
}

static bool has_long_line(str text)
{
    bool more = true;
    while (more) {
        str line;
        more = str_cut(text, '\n', &line, &text);
        if (line.n > SMTP_LINE_STORED_MAX)
            return true;
    }
    return false;
}

static bool binary_to_text(str message, struct buf *out, struct err *e)
{
    if (!mime_binary_to_text(message, out, e))
        return false;
    return !has_long_line(buf_str(out)) || ERR(e, ERR_UNSUPPORTED, "a line of text is too long");
}

bool queue_convert_binary(str message, struct arena *a, int64_t deadline_ms, str *out,
                          struct err *e)
{
    struct buf copy;
    buf_init(&copy, message.n + 1);
    (void)buf_add(&copy, message);
    return convert(binary_to_text, &copy, a, deadline_ms, out, e);
}
