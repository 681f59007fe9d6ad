/* SPDX-License-Identifier: Apache-2.0 */
/* What tools/bench queue measures claims with: `queuebench CONNINFO SECONDS FIBERS` claims the mail
 * that is due, as a process that delivers does, puts it off for a day and gives the destination
 * back, until the time is over or nothing is due. Prints one line of JSON. */
#include "queue/queue.h"

#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    MESSAGES = 100, /* at most, of a claim; as services/delivery asks for */
    FIBERS_MAX = 64,
    SECONDS_MAX = 600,
    PATIENCE_MS = 20 * 1000
};
#define DAY_MS (INT64_C(86400) * 1000)

struct bench {
    struct runtime *rt;
    struct queue *q;
    int64_t end_ms;
    unsigned running;
    uint64_t leases;
    uint64_t messages;
    uint64_t recipients;
};

static _Noreturn void give_up(const char *what)
{
    (void)fprintf(stderr, "queuebench: %s\n", what);
    exit(1);
}

static size_t recipients_of(const struct queue_lease *lease)
{
    size_t n = 0;
    for (size_t i = 0; i < lease->n; i++)
        n += lease->messages[i].n;
    return n;
}

/* False when nothing is due. */
YIELDS static bool claim_one(struct bench *b, struct arena *a)
{
    struct err e = ERR_CLEAR;
    struct queue_lease *lease;
    if (!queue_claim(b->q, a, MESSAGES, clock_deadline_in(PATIENCE_MS), &lease, &e))
        give_up(e.msg);
    if (!lease)
        return false;
    b->leases++;
    b->messages += lease->n;
    b->recipients += recipients_of(lease);
    if (!queue_postpone(b->q, lease, 0, DAY_MS, 0, STR_EMPTY, &e) ||
        !queue_release(b->q, lease, clock_deadline_in(PATIENCE_MS), &e))
        give_up(e.msg);
    return true;
}

static void work(void *arg)
{
    struct bench *b = arg;
    bool is_due = true;
    while (is_due && clock_monotonic_ms() < b->end_ms) {
        struct arena a;
        arena_init(&a);
        is_due = claim_one(b, &a);
        arena_fini(&a);
    }
    if (--b->running == 0)
        runtime_stop(b->rt);
}

static void run(struct bench *b, unsigned fibers, unsigned seconds)
{
    struct err e = ERR_CLEAR;
    int64_t began_ms = clock_monotonic_ms();
    b->end_ms = began_ms + (int64_t)seconds * 1000;
    b->running = fibers;
    for (unsigned i = 0; i < fibers; i++) {
        if (!fiber_spawn(b->rt, "claims", work, b, NULL, &e))
            give_up(e.msg);
    }
    runtime_run(b->rt);
    double spent = (double)(clock_monotonic_ms() - began_ms) / 1000;
    printf("{\"leases_per_s\": %.1f, \"messages_per_s\": %.1f, \"recipients_per_s\": %.1f}\n",
           (double)b->leases / spent, (double)b->messages / spent, (double)b->recipients / spent);
}

int main(int argc, char **argv)
{
    struct err e = ERR_CLEAR;
    unsigned long seconds = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    unsigned long fibers = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (seconds == 0 || seconds > SECONDS_MAX || fibers == 0 || fibers > FIBERS_MAX)
        give_up("usage: queuebench CONNINFO SECONDS FIBERS");
    struct bench b = { .rt = runtime_new(&(struct runtime_options){ 0 }, &e) };
    if (!b.rt)
        give_up(e.msg);
    struct db *db =
        db_new(b.rt, &(struct db_options){ .conninfo = argv[1], .named_statements = true });
    b.q = queue_new(b.rt, db, NULL, NULL,
                    &(struct queue_options){ .owner = "queuebench", .node_id = 1 });
    run(&b, (unsigned)fibers, (unsigned)seconds);
    queue_free(&b.q);
    db_free(&db);
    runtime_free(&b.rt);
    return 0;
}
