/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers that take tasks from one list until it is empty. */
#include "runtime/crew.h"

#include "runtime/loop.h"

struct crew {
    const struct crew_task *tasks;
    size_t n;
    size_t next; /* to be begun */
    struct fiber *helpers[CREW_MAX - 1];
    size_t working;               /* helpers that have not ended */
    struct signal_point one_less; /* a helper ended */
    bool failed;
    struct err err;
};

YIELDS static void work(struct crew *c)
{
    while (c->next < c->n && !c->failed) {
        const struct crew_task *task = &c->tasks[c->next++];
        struct err e = ERR_CLEAR;
        if (task->run(task->arg, &e) || c->failed)
            continue;
        c->failed = true;
        c->err = e;
    }
}

static void help(void *arg)
{
    struct crew *c = arg;
    work(c);
    for (size_t i = 0; i < COUNT_OF(c->helpers); i++) {
        if (c->helpers[i] == fiber_current())
            c->helpers[i] = NULL;
    }
    c->working--;
    signal_point_all(&c->one_less);
}

/* Half of the fibers are left to those who come: a flood of messages that ask much must not keep
 * connections from being answered. */
static void call_helpers(struct crew *c)
{
    struct fiber *self = fiber_current();
    for (size_t i = 0; i < COUNT_OF(c->helpers) && i + 1 < c->n; i++) {
        struct runtime *rt = self->rt;
        if (rt->n_fibers >= rt->max_fibers / 2 ||
            !fiber_spawn(rt, self->name, help, c, &c->helpers[i], NULL))
            return;
        c->helpers[i]->deadline_ms = self->deadline_ms;
        c->working++;
    }
}

static void cancel_helpers(struct crew *c)
{
    for (size_t i = 0; i < COUNT_OF(c->helpers); i++) {
        if (c->helpers[i])
            fiber_cancel(c->helpers[i]);
    }
}

bool crew_run(const struct crew_task *tasks, size_t n, struct err *e)
{
    struct crew c = { .tasks = tasks, .n = n };
    signal_point_init(&c.one_less);
    if (fiber_current())
        call_helpers(&c);
    work(&c);
    while (c.working > 0) {
        struct err ignored = ERR_CLEAR;
        if (fiber_is_cancelled()) {
            /* Every wait of theirs and of ours fails now: they end in a few turns. */
            cancel_helpers(&c);
            fiber_yield();
        } else {
            (void)signal_point_wait(&c.one_less, DEADLINE_NONE, &ignored);
        }
    }
    if (c.failed)
        *e = c.err;
    return !c.failed;
}
