/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to Redis. */
#include "redis/link.h"

#include "base/failpoint.h"
#include "obs/obs.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>

enum {
    ARGS_MAX = 1024,
    READ_SIZE = 65536
};

static void on_timer(void *arg);
static void on_ready(unsigned ready, void *arg);

void link_init(struct redis_link *l)
{
    l->fd = -1;
    l->state = LINK_DOWN;
    l->watch = watch_new(l->rt, on_ready, l);
    timer_init(&l->timer, on_timer, l);
    buf_init(&l->out, LINK_OUT_MAX);
    buf_init(&l->early, LINK_EARLY_MAX);
}

static void close_link(struct redis_link *l)
{
    redis_dial_cancel(&l->dial);
    timer_stop(l->rt, &l->timer);
    watch_set(l->watch, -1, 0);
    l->watched = 0;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    reply_reader_free(&l->reader);
    buf_trim(&l->out, READ_SIZE);
    buf_trim(&l->early, 0);
    l->sent = 0;
    l->state = LINK_DOWN;
}

void link_fini(struct redis_link *l)
{
    close_link(l);
    watch_free(&l->watch);
    buf_fini(&l->out);
    buf_fini(&l->early);
}

void link_drop(struct redis_link *l, const char *reason, int64_t pause_ms)
{
    char text[232];
    (void)snprintf(text, sizeof(text), "%s", reason);
    bool was_ready = l->state == LINK_READY;
    if (was_ready || !l->is_told) {
        obs_log(EV_REDIS_LOST, STR_EMPTY, OBS_CSTR("connection", l->name),
                OBS_CSTR("reason", text));
    }
    l->is_told = true;
    close_link(l);
    timer_start(l->rt, &l->timer, clock_deadline_in(pause_ms));
    l->on_down(l->arg, text);
}

static int64_t backoff_ms(unsigned failures)
{
    int64_t ms = LINK_BACKOFF_MIN_MS;
    for (unsigned i = 1; i < failures && ms < LINK_BACKOFF_MAX_MS; i++)
        ms *= 2;
    if (ms > LINK_BACKOFF_MAX_MS)
        ms = LINK_BACKOFF_MAX_MS;
    return ms / 2 + (int64_t)arc4random_uniform((uint32_t)ms);
}

/* A failure by itself, not by a timeout of a command: comes back soon, later each time. */
static void link_failed(struct redis_link *l, const char *reason)
{
    l->failures++;
    link_drop(l, reason, backoff_ms(l->failures));
}

/* ---- sending ---- */

static void watch_for(struct redis_link *l, unsigned events)
{
    if (l->watched != events)
        watch_set(l->watch, l->fd, events);
    l->watched = events;
}

/* Errors show when reading. */
static void flush(struct redis_link *l)
{
    while (l->sent < l->out.n) {
        ssize_t n = send(l->fd, l->out.p + l->sent, l->out.n - l->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        l->sent += (size_t)n;
    }
    if (l->sent == l->out.n) {
        buf_trim(&l->out, READ_SIZE);
        l->sent = 0;
    } else if (l->sent > READ_SIZE) {
        buf_consume(&l->out, l->sent);
        l->sent = 0;
    }
    watch_for(l, l->out.n ? FIBER_READ | FIBER_WRITE : FIBER_READ);
}

/* A failure of hiredis here can only be one of memory. */
static bool append_command(struct buf *out, const str *args, size_t n)
{
    INVARIANT(n > 0 && n <= ARGS_MAX);
    const char **texts = heap_zalloc(n * sizeof(*texts));
    size_t *lengths = heap_zalloc(n * sizeof(*lengths));
    for (size_t i = 0; i < n; i++) {
        texts[i] = args[i].p ? args[i].p : "";
        lengths[i] = args[i].n;
    }
    char *formatted = NULL;
    int len = redisFormatCommandArgv(&formatted, (int)n, texts, lengths);
    free(texts);
    free(lengths);
    INVARIANT(len > 0);
    bool ok = buf_add(out, str_of(formatted, (size_t)len));
    redisFreeCommand(formatted);
    return ok;
}

bool link_send(struct redis_link *l, const str *args, size_t n)
{
    if (l->state != LINK_READY || !append_command(&l->out, args, n))
        return false;
    flush(l);
    return true;
}

bool link_send_early(struct redis_link *l, const str *args, size_t n)
{
    link_want(l);
    if (l->state == LINK_DOWN)
        return false;
    if (l->state == LINK_DIALING)
        return append_command(&l->early, args, n);
    if (!append_command(&l->out, args, n))
        return false;
    flush(l);
    return true;
}

/* ---- connecting ---- */

static void greet(struct redis_link *l)
{
    const struct redis_url *url = l->url;
    str pass = str_from_cstr(url->pass);
    l->greetings = 0;
    if (url->user[0]) {
        l->greetings += append_command(
            &l->out, (const str[]){ STR("AUTH"), str_from_cstr(url->user), pass }, 3);
    } else if (url->pass[0]) {
        l->greetings += append_command(&l->out, (const str[]){ STR("AUTH"), pass }, 2);
    }
    if (url->database) {
        char number[16];
        int n = snprintf(number, sizeof(number), "%u", url->database);
        l->greetings +=
            append_command(&l->out, (const str[]){ STR("SELECT"), str_of(number, (size_t)n) }, 2);
    }
    /* A server that is stopped still accepts: only an answer counts. */
    l->greetings += append_command(&l->out, (const str[]){ STR("PING") }, 1);
    buf_add(&l->out, buf_str(&l->early));
    buf_clear(&l->early);
    l->state = LINK_GREETING;
    flush(l);
}

static void on_dialed(void *arg, int fd, const char *reason)
{
    struct redis_link *l = arg;
    l->dial = NULL;
    if (fd < 0) {
        link_failed(l, reason);
        return;
    }
    l->fd = fd;
    l->reader = reply_reader_new();
    greet(l);
}

static void dial(struct redis_link *l)
{
    int64_t deadline = clock_deadline_in(FAILPOINT_PATIENCE("redis-is-awaited", l->connect_ms));
    l->state = LINK_DIALING;
    timer_start(l->rt, &l->timer, deadline);
    l->dial = redis_dial_start(l->rt, l->url, l->tls, deadline, on_dialed, l);
    if (!l->dial)
        link_failed(l, "no fiber for the connection");
}

void link_want(struct redis_link *l)
{
    l->was_wanted = true;
    if (l->state == LINK_DOWN && !timer_is_armed(&l->timer))
        dial(l);
}

void link_retry(struct redis_link *l)
{
    if (l->state == LINK_DOWN && l->was_wanted)
        dial(l);
}

static void on_timer(void *arg)
{
    struct redis_link *l = arg;
    if (l->state == LINK_DOWN) {
        dial(l);
    } else if (l->state != LINK_READY) {
        link_failed(l, "no answer to the connection attempt");
    }
}

/* ---- receiving ---- */

static void greeted(struct redis_link *l, const struct redis_value *v)
{
    if (v->type == REDIS_ERROR) {
        char text[200];
        (void)snprintf(text, sizeof(text), "greeting refused: %.*s", STR_FMT(v->text));
        link_failed(l, text);
        return;
    }
    if (--l->greetings > 0)
        return;
    timer_stop(l->rt, &l->timer);
    l->state = LINK_READY;
    l->failures = 0;
    l->is_told = false;
    obs_log(EV_REDIS_CONNECTED, STR_EMPTY, OBS_CSTR("connection", l->name));
    l->on_up(l->arg);
}

static void read_replies(struct redis_link *l)
{
    struct err e = ERR_CLEAR;
    struct redis_value v;
    enum step step = STEP_ROW;
    /* A reply may end in the link being dropped, which frees the reader. */
    while (l->reader && (step = reply_reader_next(l->reader, &v, &e)) == STEP_ROW) {
        if (l->state == LINK_GREETING) {
            greeted(l, &v);
        } else {
            l->on_reply(l->arg, &v);
        }
    }
    if (step == STEP_FAIL)
        link_failed(l, e.msg);
}

static void receive(struct redis_link *l)
{
    char bytes[2048];
    struct err e = ERR_CLEAR;
    /* Some reads at a time: other connections want the loop too; the watch is level-triggered. */
    for (int i = 0; i < 32 && l->fd >= 0; i++) {
        ssize_t n = recv(l->fd, bytes, sizeof(bytes), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            link_failed(l, n == 0 ? "the server closed the connection" : "the connection broke");
            return;
        }
        if (!reply_reader_feed(l->reader, str_of(bytes, (size_t)n), &e)) {
            link_failed(l, e.msg);
            return;
        }
        read_replies(l);
        if ((size_t)n < sizeof(bytes))
            return;
    }
}

static void on_ready(unsigned ready, void *arg)
{
    struct redis_link *l = arg;
    if (ready & FIBER_READ)
        receive(l);
    if ((ready & FIBER_WRITE) && l->fd >= 0)
        flush(l);
}
