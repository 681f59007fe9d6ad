/* SPDX-License-Identifier: Apache-2.0 */
/* libunbound in the loop: one context with its own thread, answers fetched when its descriptor is
 * readable, one heap record a question. Which records mean what is in lookup.c. */
#include "dns/dns.h"

#include "base/failpoint.h"
#include "base/list.h"
#include "dns/question.h"

#include <errno.h>
#include <unbound.h>
#include <unistd.h>

static const char system_anchors[] = "/usr/share/dns/root.ds"; /* package dns-root-data */

struct dns {
    struct runtime *rt;
    struct ub_ctx *ub;
    struct watch *watch;
    struct list questions; /* struct question by link */
    unsigned n_questions;
};

/* The least that libunbound waits for an answer before it asks again. After many quick answers it
 * takes a server for away that is silent for 4 s; with a second here, 9 s are nothing (measured).
 */
static const char *least_wait_ms(void)
{
    return FAILPOINT_PATIENCE("dns-is-awaited", 0) ? "1000" : "50";
}

static bool option_failed(const char *what, int code, struct err *e)
{
    return ERR(e, ERR_INTERNAL, "resolver: %s: %s", what, ub_strerror(code));
}

static bool set_plain_options(struct ub_ctx *ub, struct err *e)
{
    const char *const options[][2] = {
        { "verbosity:", "0" },
        { "use-syslog:", "no" },
        { "logfile:", "/dev/null" },
        { "do-not-query-localhost:", "no" }, /* a resolver of our own is often there */
        { "msg-cache-size:", "8m" },
        { "rrset-cache-size:", "16m" },
        { "cache-max-negative-ttl:", "900" },
        { "infra-cache-min-rtt:", least_wait_ms() },
    };
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        int code = ub_ctx_set_option(ub, options[i][0], options[i][1]);
        if (code != 0)
            return option_failed(options[i][0], code, e);
    }
    return true;
}

/* Answers count as secure only under anchors, so anchors that are not there must stop the start. */
static bool set_anchors(struct ub_ctx *ub, const struct dns_options *o, struct err *e)
{
    const char *file = o->anchor_file ? o->anchor_file : system_anchors;
    if (*file == '\0') {
        int code = ub_ctx_set_option(ub, "module-config:", "iterator");
        return code == 0 || option_failed("no validation", code, e);
    }
    if (access(file, R_OK) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "trust anchors %s cannot be read", file);
    int code = ub_ctx_add_ta_file(ub, file);
    if (code == 0 && o->stub_zone && !o->anchor_file) /* the root knows nothing of a test zone */
        code = ub_ctx_set_option(ub, "domain-insecure:", o->stub_zone);
    return code == 0 || option_failed(file, code, e);
}

static bool set_servers(struct ub_ctx *ub, const struct dns_options *o, struct err *e)
{
    if (o->stub_zone) {
        int code = ub_ctx_set_stub(ub, o->stub_zone, o->stub_server, 0);
        if (code != 0)
            return option_failed(o->stub_zone, code, e);
    }
    int code =
        o->forward ? ub_ctx_set_fwd(ub, o->forward) : ub_ctx_resolvconf(ub, "/etc/resolv.conf");
    /* Without a resolv.conf questions go to the authoritative servers, from the root on. */
    if (code == UB_READFILE && !o->forward)
        return true;
    return code == 0 || option_failed(o->forward ? o->forward : "/etc/resolv.conf", code, e);
}

/* Everything above must be set before this: it ends the set-up, and reads the anchors. */
static bool finish_set_up(struct ub_ctx *ub, const struct dns_options *o, struct err *e)
{
    int code = ub_ctx_async(ub, 1);
    if (code != 0)
        return option_failed("thread", code, e);
    /* "test." and the like are answered by libunbound itself unless removed. */
    code = ub_ctx_zone_remove(ub, o->stub_zone ? o->stub_zone : "heronry.invalid.");
    if (code == 0 && o->stub_zone)
        code = ub_ctx_zone_remove(ub, "test.");
    return code == 0 || option_failed("set-up", code, e);
}

static void on_answer(void *arg, int code, struct ub_result *result)
{
    struct question *q = arg;
    q->result = code == 0 ? result : NULL;
    if (code != 0)
        ub_resolve_free(result);
    q->answered = true;
    signal_point_all(&q->point);
}

static void on_ready(unsigned ready, void *arg)
{
    (void)ready;
    struct dns *d = arg;
    (void)ub_process(d->ub); /* what fails stays unanswered until its deadline */
}

struct dns *dns_new(struct runtime *rt, const struct dns_options *options, struct err *e)
{
    struct ub_ctx *ub = ub_ctx_create();
    if (!ub) {
        (void)ERR(e, ERR_INTERNAL, "the resolver could not be made");
        return NULL;
    }
    if (!set_plain_options(ub, e) || !set_anchors(ub, options, e) || !set_servers(ub, options, e) ||
        !finish_set_up(ub, options, e)) {
        ub_ctx_delete(ub);
        return NULL;
    }
    struct dns *d = HEAP_NEW(struct dns);
    d->rt = rt;
    d->ub = ub;
    list_init(&d->questions);
    d->watch = watch_new(rt, on_ready, d);
    watch_set_counted(d->watch, false);
    watch_set(d->watch, ub_fd(ub), FIBER_READ);
    return d;
}

static void forget(struct dns *d, struct question *q)
{
    list_remove(&q->link);
    d->n_questions--;
    watch_set_counted(d->watch, d->n_questions > 0);
    ub_resolve_free(q->result);
    free(q);
}

void dns_free(struct dns **d_ptr)
{
    struct dns *d = *d_ptr;
    if (!d)
        return;
    *d_ptr = NULL;
    LIST_FOR_EACH (item, &d->questions)
        forget(d, CONTAINER_OF(item, struct question, link));
    watch_free(&d->watch);
    ub_ctx_delete(d->ub);
    free(d);
}

struct question *question_ask(struct dns *d, const char *name, enum dns_type type)
{
    struct question *q = HEAP_NEW(struct question);
    signal_point_init(&q->point);
    list_add_tail(&d->questions, &q->link);
    d->n_questions++;
    watch_set_counted(d->watch, true);
    if (ub_resolve_async(d->ub, name, (int)type, 1, q, on_answer, &q->id) != 0)
        q->answered = true; /* with a NULL result: a temporary failure */
    return q;
}

bool question_wait(struct question *q, int64_t deadline_ms, struct err *e)
{
    int64_t patient_ms = clock_deadline_in(FAILPOINT_PATIENCE("dns-is-awaited", 0));
    if (deadline_ms < patient_ms)
        deadline_ms = patient_ms;
    while (!q->answered) {
        if (!signal_point_wait(&q->point, deadline_ms, e))
            return false;
    }
    return true;
}

void question_end(struct dns *d, struct question **q)
{
    if (!*q)
        return;
    if (!(*q)->answered)
        (void)ub_cancel(d->ub, (*q)->id); /* on_answer will not be called any more */
    forget(d, *q);
    *q = NULL;
}
