/* SPDX-License-Identifier: Apache-2.0 */
/* The mail boxes between the loop and the thread of libh2o. A job is in each at most once and
 * carries bits, so a message needs no memory of its own and many travel with one wake-up. */
#include "http/private.h"

enum {
    TELL_AT_ONCE = 8 /* messages of one round of the thread that share a wake-up of the loop */
};

static void read_mail(void *arg)
{
    struct http_server *s = arg;
    struct http_job *job;
    unsigned told;
    unsigned n_taken;
    pthread_mutex_lock(&s->mutex);
    s->is_posted = false;
    bool is_freed = s->is_freed;
    pthread_mutex_unlock(&s->mutex);
    if (is_freed) {
        pthread_mutex_destroy(&s->mutex);
        free(s);
        return;
    }
    while ((job = exchange_next_told(s, &told, &n_taken)))
        request_on_told(job, told, n_taken);
}

void exchange_ask(struct http_job *job, unsigned asked, struct http_piece *piece)
{
    struct http_server *s = job->server;
    pthread_mutex_lock(&s->mutex);
    bool is_news = !s->is_woken;
    s->is_woken = true;
    job->asked |= asked;
    if (asked & JOB_DROP) {
        job->is_dropped = true;
        list_remove(&job->to_loop);
    }
    if (piece)
        list_add_tail(&job->pieces, &piece->link);
    if (list_is_empty(&job->to_thread))
        list_add_tail(&s->to_thread, &job->to_thread);
    pthread_mutex_unlock(&s->mutex);
    /* From here on the job may be gone. */
    if (is_news && s->thread)
        thread_wake(s->thread);
}

void exchange_note(struct http_server *s, void (*fn)(struct http_thread *t, void *arg), void *arg)
{
    struct http_note *note = HEAP_NEW(struct http_note);
    note->fn = fn;
    note->arg = arg;
    pthread_mutex_lock(&s->mutex);
    bool is_news = !s->is_woken;
    s->is_woken = true;
    list_add_tail(&s->notes, &note->link);
    pthread_mutex_unlock(&s->mutex);
    if (is_news && s->thread)
        thread_wake(s->thread);
}

void exchange_tell(struct http_job *job, unsigned told, unsigned n_taken)
{
    struct http_server *s = job->server;
    unsigned waiting = 0;
    pthread_mutex_lock(&s->mutex);
    if (!job->is_dropped) {
        job->told |= told;
        job->n_taken += n_taken;
        if (list_is_empty(&job->to_loop))
            list_add_tail(&s->to_loop, &job->to_loop);
        waiting = ++s->n_untold;
    }
    pthread_mutex_unlock(&s->mutex);
    if (waiting >= TELL_AT_ONCE)
        exchange_flush_told(s);
}

void exchange_flush_told(struct http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    bool is_news = s->n_untold > 0 && !s->is_posted;
    s->is_posted = s->is_posted || is_news;
    s->n_untold = 0;
    pthread_mutex_unlock(&s->mutex);
    if (is_news)
        runtime_post(s->rt, read_mail, s);
}

void exchange_begin_reading(struct http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->is_woken = false;
    pthread_mutex_unlock(&s->mutex);
}

struct http_job *exchange_next_asked(struct http_server *s, unsigned *asked, struct list *pieces)
{
    struct http_job *job = NULL;
    pthread_mutex_lock(&s->mutex);
    struct list *item = list_pop_head(&s->to_thread);
    if (item) {
        job = CONTAINER_OF(item, struct http_job, to_thread);
        *asked = job->asked;
        job->asked = 0;
        while ((item = list_pop_head(&job->pieces)))
            list_add_tail(pieces, item);
    }
    pthread_mutex_unlock(&s->mutex);
    return job;
}

struct http_note *exchange_next_note(struct http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    struct list *item = list_pop_head(&s->notes);
    pthread_mutex_unlock(&s->mutex);
    return item ? CONTAINER_OF(item, struct http_note, link) : NULL;
}

struct http_job *exchange_next_told(struct http_server *s, unsigned *told, unsigned *n_taken)
{
    struct http_job *job = NULL;
    pthread_mutex_lock(&s->mutex);
    struct list *item = list_pop_head(&s->to_loop);
    if (item) {
        job = CONTAINER_OF(item, struct http_job, to_loop);
        *told = job->told;
        *n_taken = job->n_taken;
        job->told = 0;
        job->n_taken = 0;
    }
    pthread_mutex_unlock(&s->mutex);
    return job;
}

struct http_piece *piece_new(struct http_server *s, const str *parts, size_t n_parts)
{
    size_t n = 0;
    for (size_t i = 0; i < n_parts; i++)
        n += parts[i].n;
    struct http_piece *piece = heap_alloc(sizeof(*piece) + n);
    *piece = (struct http_piece){ .n = 0 };
    list_init(&piece->link);
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].n > 0)
            memcpy(piece->bytes + piece->n, parts[i].p, parts[i].n);
        piece->n += parts[i].n;
    }
    (void)atomic_fetch_add(&s->n_octets, n);
    return piece;
}

void piece_free(struct http_server *s, struct http_piece *piece)
{
    (void)atomic_fetch_sub(&s->n_octets, piece->n);
    free(piece);
}
