/* SPDX-License-Identifier: Apache-2.0 */
/* A timer beside the fiber of the command. It says something only as long as the command has said
 * nothing itself: what is written then stands between two lines. */
#include "services/imap/progress.h"

#include "runtime/runtime.h"

enum {
    LOOK_MS = 1000, /* between two looks whether the client is still there */
    TELL_MS = 5000  /* between two lines; the first one comes as late */
};

/* A tag with a bracket in it could end the code for a simple client: NIL stands for it. */
static bool can_quote(str tag)
{
    return memchr(tag.p, ']', tag.n) == NULL;
}

/* * OK [INPROGRESS ("a1" 250 1000)] ...; the numbers are NIL when they are not known. */
static str line_of(const struct imap_progress *p, char out[IMAP_TAG_MAX + 128])
{
    char numbers[32] = "NIL NIL";
    const char *mark = can_quote(p->tag) ? "\"" : "";
    str tag = can_quote(p->tag) ? p->tag : STR("NIL");
    if (p->goal)
        (void)snprintf(numbers, sizeof(numbers), "%u %u", (unsigned)p->done, (unsigned)p->goal);
    int n = snprintf(out, IMAP_TAG_MAX + 128, "* OK [INPROGRESS (%s%.*s%s %s)] Still at it\r\n",
                     mark, STR_FMT(tag), mark, numbers);
    return (str){ out, (size_t)n };
}

static bool is_due(struct imap_progress *p)
{
    if (clock_monotonic_ms() < p->due_ms)
        return false;
    p->due_ms = clock_deadline_in(TELL_MS);
    return true;
}

/* Runs in the loop, outside the fiber of the command. */
static void look(void *arg)
{
    struct imap_session *s = arg;
    struct imap_progress *p = &s->progress;
    char line[IMAP_TAG_MAX + 128];
    if (p->only_reads && net_conn_is_gone(s->conn)) {
        s->is_broken = true;
        s->end_reason = "client_gone";
        fiber_cancel(p->fiber);
        return;
    }
    if (p->is_silent && is_due(p)) {
        str text = line_of(p, line);
        s->octets_out += net_write_now(s->conn, text) ? text.n : 0;
    }
    timer_start(net_conn_runtime(s->conn), &p->timer, clock_deadline_in(LOOK_MS));
}

void imap_progress_begin(struct imap_session *s, str tag, bool only_reads)
{
    s->progress = (struct imap_progress){ .fiber = fiber_current(),
                                          .tag = tag,
                                          .due_ms = clock_deadline_in(TELL_MS),
                                          .is_silent = true,
                                          .only_reads = only_reads };
    timer_init(&s->progress.timer, look, s);
    timer_start(net_conn_runtime(s->conn), &s->progress.timer, clock_deadline_in(LOOK_MS));
}

/* Nothing stays: the tag lies in the text of the command, which goes. */
void imap_progress_end(struct imap_session *s)
{
    timer_stop(net_conn_runtime(s->conn), &s->progress.timer);
    s->progress = (struct imap_progress){ .fiber = NULL };
}

/* What the server fetches and searches for NOTIFY and CONTEXT is no command: no tag is known. */
static bool has_begun(const struct imap_session *s)
{
    return s->progress.fiber != NULL;
}

void imap_progress_set(struct imap_session *s, size_t done, size_t goal)
{
    if (!has_begun(s))
        return;
    s->progress.done = (uint32_t)(done < goal ? done : goal);
    s->progress.goal = (uint32_t)goal;
}

bool imap_progress_step(struct imap_session *s, size_t done, size_t goal)
{
    char line[IMAP_TAG_MAX + 128];
    imap_progress_set(s, done, goal);
    bool ok = imap_send_out(s) && imap_session_stands(s);
    if (!has_begun(s))
        return ok;
    if (ok && is_due(&s->progress))
        ok = imap_send(s, line_of(&s->progress, line));
    s->progress.is_silent = ok;
    return ok;
}
