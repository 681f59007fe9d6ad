/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the delivery service against a server that follows a script (mx_fixture.h). The
 * queue and its database are not here (tests/integration). */
#ifndef SCRIPT_FIXTURE_H
#define SCRIPT_FIXTURE_H

#include "mx_fixture.h"
#include "services/delivery/onward.h"
#include "services/delivery/share.h"

enum {
    STEPS_MAX = 16
};

/* The server answers the i-th line it reads with replies[i]; an empty one says nothing, "drop" cuts
 * the connection, behind what stands before it. After a reply that begins with 354 it reads up to
 * the end dot as one line. */
struct script {
    const char *greeting;
    const char *replies[STEPS_MAX];
};

struct world {
    struct runtime *rt;
    struct app app;
    struct delivery d;
    struct arena a;
    struct mx mx;
    const struct script *script; /* of all connections; NULL: the next of scripts */
    const struct script *scripts;
    const struct script *playing; /* of the connection that is open */
    size_t step;
    bool in_data;
    struct buf seen; /* all that the server read */
    struct delivery_session session;
    struct delivery_route route;
    struct queue_lease lease;
    struct queue_message message;
    str body;
    size_t breaks_at; /* octets of the body that can be read; 0: all */
    bool is_endless;  /* it is said again and again */
    struct queue_result results[3];
    bool elsewhere[3];
    struct queue_result failure;
    bool opened;
    bool goes_on; /* to other servers */
    bool answered;
    bool is_working;
    bool is_done;                               /* with the message */
    bool has_waited;                            /* in line, for another server */
    void (*on_line)(struct world *w, str line); /* before the server answers it; NULL: nothing */
    enum net_next (*on_body)(struct world *w, struct net_conn *c); /* at a line of the body */
    const char *interjects;                                        /* for on_body to say */
};

/* ---- the server ---- */

static inline void *opened(struct net_conn *c, void *service)
{
    (void)c;
    struct world *w = service;
    w->step = 0;
    w->in_data = false;
    w->playing = w->script ? w->script : w->scripts++;
    return w;
}

static inline void closed(struct net_conn *c, void *session)
{
    (void)c;
    struct world *w = session;
    (void)buf_add(&w->seen, STR("<end>"));
}

static inline enum net_next follow(struct net_conn *c, struct world *w)
{
    struct err e = ERR_CLEAR;
    str line;
    if (!net_read_line(c, 60000, clock_deadline_in(20000), &line, NULL, &e))
        return NET_CLOSE;
    (void)buf_add(&w->seen, line);
    (void)buf_add_byte(&w->seen, '|');
    if (w->in_data && !str_eq(line, STR(".")))
        return w->on_body ? w->on_body(w, c) : NET_PARK;
    if (w->on_line)
        w->on_line(w, line);
    w->in_data = false;
    const char *reply = w->step < STEPS_MAX ? w->playing->replies[w->step++] : NULL;
    str said = str_from_cstr(reply);
    bool is_last = !reply || str_has_suffix(said, STR("drop"));
    if (is_last)
        said = str_slice(said, 0, said.n > 4 ? said.n - 4 : 0);
    (void)net_write(c, said, &e);
    if (is_last)
        return NET_CLOSE;
    if (str_eq(line, STR("STARTTLS")) && reply[0] == '2')
        return net_starttls(c, w->mx.tls, clock_deadline_in(20000), NULL, &e) ? NET_PARK
                                                                              : NET_CLOSE;
    w->in_data = strncmp(reply, "354", 3) == 0;
    return NET_PARK;
}

static inline enum net_next run(struct net_conn *c, void *session, enum net_why why)
{
    struct world *w = session;
    struct err e = ERR_CLEAR;
    if (why == NET_DRAIN)
        return NET_CLOSE;
    if (why == NET_INPUT)
        return follow(c, w);
    return net_write(c, str_from_cstr(w->playing->greeting), &e) && w->playing->greeting[0] == '2'
               ? NET_PARK
               : NET_CLOSE;
}

static const struct net_protocol protocol = {
    .name = "script", .opened = opened, .run = run, .closed = closed
};

/* ---- the world ---- */

static struct queue_recipient recipients[] = {
    { .address = STR_INIT("one@example"), .notify = QUEUE_NOTIFY_DEFAULT },
    { .address = STR_INIT("two@example"), .notify = 0 },
    { .address = STR_INIT("three@example"), .notify = QUEUE_NOTIFY_DEFAULT },
};

static inline void begin(struct world *w, const struct script *script, const char *config)
{
    struct err e = ERR_CLEAR;
    struct config *parsed = NULL;
    memset(w, 0, sizeof(*w));
    arena_init(&w->a);
    buf_init(&w->seen, 1 << 20);
    w->rt = runtime_new(NULL, &e);
    if (!config_parse(str_from_cstr(config), "test", NULL, NULL, &parsed, &e))
        fail_msg("%s", e.msg);
    w->app = (struct app){ .config = parsed, .runtime = w->rt, .hostname = "us.example" };
    w->d.app = &w->app;
    list_init(&w->d.sessions);
    list_init(&w->d.servers);
    delivery_share_init(&w->d);
    semaphore_init(&w->d.converting, 1);
    w->script = script;
    mx_open(&w->mx, w->rt, &protocol, w);
    w->d.tls = tls_client_new(TLS_VERIFY_NONE, NULL, &e);
    assert_non_null(w->d.tls);
    w->route.hosts[0] = (struct delivery_host){ .name = STR("mx.example"), .address = w->mx.at };
    w->route.n = 1;
    w->lease.until_ms = clock_deadline_in(60000);
    w->message = (struct queue_message){
        .envelope_from = STR("from@us.example"), .recipients = recipients, .n = 2, .size = 30
    };
    w->body = STR("Subject: x\r\n\r\n.dot\r\ntext\r\n");
    delivery_session_init(&w->session, &w->d, &w->a);
}

static inline bool read_body(void *arg, size_t from, struct arena *a, str *out, struct err *e)
{
    const struct world *w = arg;
    (void)a;
    if (w->breaks_at && from >= w->breaks_at)
        return ERR(e, ERR_UNAVAILABLE, "no database");
    *out = w->is_endless ? w->body : str_slice(w->body, from, 100000);
    return true;
}

static inline void deliver(void *arg)
{
    struct world *w = arg;
    const struct delivery_terms terms = delivery_terms_of(&w->message);
    w->opened = delivery_session_open(&w->session, &w->route, &terms, &w->failure);
    const struct delivery_source source = { .read = read_body, .arg = w };
    struct delivery_sent sent = { .results = w->results, .elsewhere = w->elsewhere };
    bool is_stale = false;
    if (w->opened && w->goes_on) {
        delivery_send_onward(&w->session, &w->lease, &w->message, &source, false, &sent, &is_stale);
    } else if (w->opened) {
        delivery_send(&w->session, &w->lease, &w->message, &source, &sent);
    }
    w->answered = sent.answered;
    w->is_working = sent.is_working;
    w->is_done = true;
    delivery_session_quit(&w->session);
    struct err e = ERR_CLEAR;
    assert_true(fiber_sleep_until(clock_deadline_in(5), &e)); /* lets the server read the rest */
    runtime_drain(w->rt, clock_deadline_in(5000));
}

static inline void end(struct world *w)
{
    struct config *config = (struct config *)(uintptr_t)w->app.config;
    delivery_session_fini(&w->session);
    mx_close(&w->mx);
    tls_client_free(&w->d.tls);
    config_free(&config);
    buf_fini(&w->seen);
    arena_fini(&w->a);
    runtime_free(&w->rt);
}

static inline void go(struct world *w)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(w->rt, "delivery", deliver, w, NULL, &e));
    runtime_run(w->rt);
}

static inline void expect_result(const struct queue_result *result, enum queue_outcome outcome,
                                 const char *status, const char *reply)
{
    if (result->outcome != outcome || !str_eq(result->status, str_from_cstr(status)) ||
        str_find(result->reply, str_from_cstr(reply)) < 0)
        fail_msg("got %d %.*s %.*s", (int)result->outcome, STR_FMT(result->status),
                 STR_FMT(result->reply));
    assert_true(str_has_prefix(result->remote, STR("mx.example [127.0.0.1]")));
}

static inline void expect_seen(struct world *w, const char *text)
{
    if (strcmp(buf_cstr(&w->seen), text) != 0)
        fail_msg("the server saw %s", buf_cstr(&w->seen));
}

#define PIPELINING_EHLO "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 DSN\r\n"
#define PLAIN_EHLO      "250 mx.example\r\n"
#define ENVELOPE                                                               \
    "MAIL FROM:<from@us.example>|RCPT TO:<one@example>|RCPT TO:<two@example>|" \
    "DATA|"
#define BODY "Subject: x||..dot|text|.|"

#endif
