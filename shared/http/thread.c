/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of libh2o: its loop, its mail box, its listening sockets, its end. */
#include "http/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

enum {
    ACCEPTS_A_ROUND = 32,
    STOP_MS = 500, /* for answers that are on their way when the thread ends */
    CUT_MS = 5000, /* until all that were cut then are gone, which takes a few rounds */
};

#ifdef __SANITIZE_ADDRESS__
/* libh2o keeps memory for reuse in each thread, and its queue, for ever. Said in the names that the
 * sanitizer asks for. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle\nleak:h2o_multithread_create_queue\n";
}
#endif

static void take_notes(struct http_thread *t)
{
    struct http_note *note;
    while ((note = exchange_next_note(t->server))) {
        note->fn(t, note->arg);
        free(note);
    }
}

static void take_jobs(struct http_thread *t)
{
    struct http_job *job;
    unsigned asked;
    struct list pieces;
    list_init(&pieces);
    while ((job = exchange_next_asked(t->server, &asked, &pieces)))
        reply_on_asked(CONTAINER_OF(job, struct reply, job), asked, &pieces);
}

static void on_mail(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct http_thread *t = CONTAINER_OF(receiver, struct http_thread, receiver);
    /* Out of the list before others may send it again. */
    if (!h2o_linklist_is_empty(messages))
        h2o_linklist_unlink(&t->wake.link);
    exchange_begin_reading(t->server);
    take_notes(t);
    take_jobs(t);
}

void thread_wake(struct http_thread *t)
{
    h2o_multithread_send_message(&t->receiver, &t->wake);
}

/* ---- listening ---- */

static void on_accept_pause_end(h2o_timeout_entry_t *entry);

static void accept_failed(struct http_accept *a, int sys)
{
    bool is_shortage = sys == EMFILE || sys == ENFILE || sys == ENOBUFS || sys == ENOMEM;
    if (!is_shortage)
        return;
    struct http_thread *t = a->thread;
    h2o_socket_read_stop(a->sock); /* level-triggered: it would spin */
    h2o_timeout_link(t->context.loop, &t->pause_timeout, &a->pause);
}

static void on_connection(h2o_socket_t *sock, const char *err)
{
    struct http_accept *a = sock->data;
    if (err)
        return;
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        struct net_address peer = { .len = sizeof(peer.sa) };
        int fd = accept4(h2o_socket_get_fd(sock), (struct sockaddr *)&peer.sa, &peer.len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        int sys = errno;
        if (fd < 0) {
            accept_failed(a, sys);
            return;
        }
        http_conn_accepted(a, fd, &peer);
    }
}

static void on_accept_pause_end(h2o_timeout_entry_t *entry)
{
    struct http_accept *a = CONTAINER_OF(entry, struct http_accept, pause);
    if (a->sock)
        h2o_socket_read_start(a->sock, on_connection);
}

void thread_note_listen(struct http_thread *t, void *listener)
{
    struct http_accept *a = HEAP_NEW(struct http_accept);
    a->thread = t;
    a->listener = listener;
    a->pause.cb = on_accept_pause_end;
    list_add_tail(&t->accepts, &a->link);
    a->sock = h2o_evloop_socket_create(t->context.loop, a->listener->fd, H2O_SOCKET_FLAG_DONT_READ);
    a->sock->data = a;
    h2o_socket_read_start(a->sock, on_connection);
}

void tls_hold_release(struct tls_hold **hold)
{
    struct tls_hold *h = *hold;
    *hold = NULL;
    if (!h || --h->refs > 0)
        return;
    tls_copy_free(&h->copy);
    free(h);
}

void thread_note_swap(struct http_thread *t, void *swap)
{
    struct tls_swap *s = swap;
    LIST_FOR_EACH (item, &t->accepts) {
        struct http_accept *a = CONTAINER_OF(item, struct http_accept, link);
        if (a->listener != s->listener)
            continue;
        tls_hold_release(&a->tls);
        a->tls = HEAP_NEW(struct tls_hold);
        *a->tls = (struct tls_hold){ .copy = s->copy, .refs = 1 };
        s->copy = NULL;
    }
    tls_copy_free(&s->copy);
    free(s);
}

static void stop_accepting(struct http_thread *t)
{
    LIST_FOR_EACH (item, &t->accepts) {
        struct http_accept *a = CONTAINER_OF(item, struct http_accept, link);
        if (!a->sock)
            continue;
        h2o_timeout_unlink(&a->pause);
        h2o_socket_close(a->sock);
        a->sock = NULL;
    }
}

void thread_note_drain(struct http_thread *t, void *nothing)
{
    (void)nothing;
    stop_accepting(t);
    /* Answers say "Connection: close" from now on. h2o_context_request_shutdown would also start a
     * timer for HTTP/2 that is never taken back. */
    t->context.shutdown_requested = 1;
    http_conn_cut_idle(t, false);
}

static void note_stop(struct http_thread *t, void *nothing)
{
    thread_note_drain(t, nothing);
    t->is_stopping = true;
}

/* ---- the life of the thread ---- */

static void init_timeouts(struct http_thread *t)
{
    h2o_loop_t *loop = t->context.loop;
    const struct http_server_options *o = &t->server->options;
    h2o_timeout_init(loop, &t->head_timeout, (uint64_t)o->head_ms);
    h2o_timeout_init(loop, &t->stall_timeout, (uint64_t)o->stall_ms);
    h2o_timeout_init(loop, &t->beat_timeout, (uint64_t)o->beat_ms);
    h2o_timeout_init(loop, &t->watch_timeout, WATCH_MS);
    h2o_timeout_init(loop, &t->close_timeout, CLOSE_MS);
    h2o_timeout_init(loop, &t->pause_timeout, PAUSE_MS);
    h2o_timeout_init(loop, &t->sweep_timeout, SWEEP_MS);
    t->sweep.cb = http_conn_sweep;
    h2o_timeout_link(loop, &t->sweep_timeout, &t->sweep);
}

static void fini_timeouts(struct http_thread *t)
{
    h2o_loop_t *loop = t->context.loop;
    h2o_timeout_dispose(loop, &t->head_timeout);
    h2o_timeout_dispose(loop, &t->stall_timeout);
    h2o_timeout_dispose(loop, &t->beat_timeout);
    h2o_timeout_dispose(loop, &t->watch_timeout);
    h2o_timeout_dispose(loop, &t->close_timeout);
    h2o_timeout_dispose(loop, &t->pause_timeout);
    h2o_timeout_unlink(&t->sweep);
    h2o_timeout_dispose(loop, &t->sweep_timeout);
}

static void run_round(struct http_thread *t, int32_t wait_ms)
{
    (void)h2o_evloop_run(t->context.loop, wait_ms);
    exchange_flush_told(t->server);
}

static void run_for(struct http_thread *t, int64_t ms)
{
    int64_t end = clock_deadline_in(ms);
    while (t->n_conns > 0 && clock_monotonic_ms() < end)
        run_round(t, 10);
}

static void *run(void *arg)
{
    struct http_thread *t = arg;
    while (!t->is_stopping)
        run_round(t, INT32_MAX);
    run_for(t, STOP_MS);
    http_conn_cut_idle(t, true);
    LIST_FOR_EACH (item, &t->busy)
        http_conn_cut(CONTAINER_OF(item, struct http_conn, link));
    run_for(t, CUT_MS);
    return NULL;
}

static void configure(struct http_thread *t)
{
    const struct http_server_options *o = &t->server->options;
    h2o_config_init(&t->config);
    t->config.server_name = h2o_iovec_init("", 0);
    t->config.max_request_entity_size = o->body_max;
    t->config.http1.req_timeout = (uint64_t)o->read_ms;
    t->config.http1.upgrade_to_http2 = 0; /* CVE-2023-44487 is open in this library */
    limits_init(&t->limits, o->tally, "http", o->max_per_ip, o->max_new_per_minute);
}

static bool spawn(struct http_thread *t, struct err *e)
{
    sigset_t all;
    sigset_t former;
    (void)sigfillset(&all); /* signals belong to the loop */
    (void)pthread_sigmask(SIG_SETMASK, &all, &former);
    int status = pthread_create(&t->id, NULL, run, t);
    (void)pthread_sigmask(SIG_SETMASK, &former, NULL);
    return status == 0 || ERR(e, ERR_INTERNAL, "no thread for HTTP: %s", strerrordesc_np(status));
}

static void dispose(struct http_thread *t)
{
    LIST_FOR_EACH (item, &t->accepts) {
        struct http_accept *a = CONTAINER_OF(item, struct http_accept, link);
        tls_hold_release(&a->tls);
        free(a);
    }
    if (t->gone)
        h2o_socket_close(t->gone);
    fini_timeouts(t);
    h2o_multithread_unregister_receiver(t->context.queue, &t->receiver);
    h2o_loop_t *loop = t->context.loop;
    h2o_context_dispose(&t->context);
    h2o_config_dispose(&t->config);
    (void)h2o_evloop_run(loop, 0); /* frees the sockets that were closed */
    h2o_evloop_destroy(loop);
    limits_fini(&t->limits);
    free(t);
}

bool thread_start(struct http_server *s, struct err *e)
{
    struct http_thread *t = HEAP_NEW(struct http_thread);
    t->server = s;
    list_init(&t->accepts);
    list_init(&t->busy);
    list_init(&t->idle);
    configure(t);
    bool is_good = gate_register(t, e);
    h2o_context_init(&t->context, h2o_evloop_create(), &t->config);
    t->accept_context = (h2o_accept_ctx_t){ .ctx = &t->context, .hosts = t->config.hosts };
    init_timeouts(t);
    h2o_multithread_register_receiver(t->context.queue, &t->receiver, on_mail);
    t->gone_fd = epoll_create1(EPOLL_CLOEXEC);
    INVARIANT(t->gone_fd >= 0);
    t->gone = h2o_evloop_socket_create(t->context.loop, t->gone_fd, H2O_SOCKET_FLAG_DONT_READ);
    t->gone->data = t;
    h2o_socket_read_start(t->gone, http_conn_on_gone);
    if (is_good && spawn(t, e)) {
        s->thread = t;
        return true;
    }
    dispose(t);
    return false;
}

void thread_free_job(struct http_job *job)
{
    struct reply *r = CONTAINER_OF(job, struct reply, job);
    struct list *item;
    while ((item = list_pop_head(&r->pieces)))
        piece_free(job->server, CONTAINER_OF(item, struct http_piece, link));
    arena_fini(&job->answer.arena);
    (void)atomic_fetch_sub(&job->server->n_jobs, 1);
    free(r);
}

void thread_stop(struct http_server *s)
{
    struct http_thread *t = s->thread;
    if (!t)
        return;
    exchange_note(s, note_stop, NULL);
    (void)pthread_join(t->id, NULL);
    s->thread = NULL;
    take_notes(t);
    take_jobs(t);
    INVARIANT(t->n_conns == 0);
    dispose(t);
}
