/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP session machine on the octets of a client: the table of commands, what each does to the
 * session, DATA and BDAT, over the buffers of net. The socket, the loop and what stands behind the
 * session (directory, delivery) are replaced here: __wrap_x takes the place of x.
 *
 * A second reader, which knows framing only, goes over the same octets with the replies in hand:
 * each line has one reply, each octet is of a command or of one message, a message is what stands
 * there and no more, and none has an envelope that was not agreed on. */
#include "account/sending.h"
#include "account/suppression.h"
#include "db/db.h"
#include "net/conn.h"
#include "obs/obs.h"
#include "services/smtp/filters.h"
#include "services/smtp/relay.h"
#include "services/smtp/screen.h"
#include "services/smtp/session.h"
#include "wire/smtp_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Declares __wrap_x as x is; the linker puts it in its place. */
#define STANDS_IN_FOR(x) __typeof__(x) __wrap_##x
STANDS_IN_FOR(conn_receive);
STANDS_IN_FOR(conn_send);
STANDS_IN_FOR(watch_new);
STANDS_IN_FOR(watch_free);
STANDS_IN_FOR(timer_stop);
STANDS_IN_FOR(runtime_is_draining);
STANDS_IN_FOR(fiber_yield);
STANDS_IN_FOR(fiber_sleep_until);
STANDS_IN_FOR(db_is_up);
STANDS_IN_FOR(account_may_send_as);
STANDS_IN_FOR(account_route);
STANDS_IN_FOR(account_suppression_find);
STANDS_IN_FOR(account_sending_per_message);
STANDS_IN_FOR(submit_has_room);
STANDS_IN_FOR(smtp_screen_recipient);
STANDS_IN_FOR(smtp_screen_message);
STANDS_IN_FOR(smtp_may_relay);
STANDS_IN_FOR(deliver_message);
STANDS_IN_FOR(submit_message);

enum {
    INPUT_MAX = 60000, /* below what ends a connection for its line without end */
    SAID_MAX = 64 << 20,
    TAKEN_MAX = 10000 /* messages of one session */
};

enum {
    BY_LINE, /* a client that waits for each reply */
    AT_ONCE,
    IN_PIECES,
    MANNERS
};

struct trial {
    enum smtp_policy policy;
    unsigned manner;
    str input;
    size_t at;        /* octets the session has had of it */
    bool ended_by_us; /* and not by the end of the input */
    struct buf said;
    struct arena a;
    struct vec taken; /* str: messages, one for each 250 */
};

/* The faked calls have no other way to it. */
static struct trial *now;

/* ---- the connection ---- */

enum io_result __wrap_conn_receive(struct net_conn *c, char *p, size_t n, size_t *got, int *sys)
{
    str rest = str_skip(now->input, now->at);
    ptrdiff_t end = str_find_byte(rest, '\n');
    const size_t sizes[MANNERS] = {
        [BY_LINE] = end < 0 ? rest.n : (size_t)end + 1,
        [AT_ONCE] = rest.n,
        [IN_PIECES] = rest.n ? 1 + (unsigned char)rest.p[0] % 7 : 0,
    };
    (void)c;
    *sys = 0;
    str piece = str_slice(rest, 0, sizes[now->manner] < n ? sizes[now->manner] : n);
    memcpy(p, piece.p ? piece.p : "", piece.n);
    *got = piece.n;
    now->at += piece.n;
    return piece.n ? IO_DONE : IO_EOF;
}

enum io_result __wrap_conn_send(struct net_conn *c, const char *p, size_t n, size_t *sent, int *sys)
{
    (void)c;
    *sys = 0;
    *sent = n;
    INVARIANT(buf_add(&now->said, str_of(p, n)));
    return IO_DONE;
}

struct watch *__wrap_watch_new(struct runtime *rt, void (*fn)(unsigned ready, void *arg), void *arg)
{
    (void)rt;
    (void)fn;
    (void)arg;
    return NULL;
}

void __wrap_watch_free(struct watch **w)
{
    (void)w;
}

void __wrap_timer_stop(struct runtime *rt, struct timer *t)
{
    (void)rt;
    (void)t;
}

bool __wrap_runtime_is_draining(const struct runtime *rt)
{
    (void)rt;
    return false;
}

void __wrap_fiber_yield(void)
{
}

bool __wrap_fiber_sleep_until(int64_t at_ms, struct err *e)
{
    (void)at_ms;
    (void)e;
    return true;
}

/* ---- what stands behind the session ---- */

bool __wrap_db_is_up(const struct db *db)
{
    (void)db;
    return true;
}

bool __wrap_account_may_send_as(struct account_directory *d, int64_t account_id, str local,
                                str domain, struct arena *a, int64_t deadline_ms, bool *out,
                                struct err *e)
{
    (void)d;
    (void)account_id;
    (void)domain;
    (void)a;
    (void)deadline_ms;
    (void)e;
    *out = !str_has_prefix(local, STR("x"));
    return true;
}

/* The first letter says who lives there. */
bool __wrap_account_route(struct account_directory *d, str local, str domain, struct arena *a,
                          int64_t deadline_ms, struct account_route *out, struct err *e)
{
    static const struct smtp_target targets[] = { { .account_id = 8 }, { .account_id = 9 } };
    char first = local.n ? local.p[0] : (char)0;
    (void)d;
    (void)a;
    (void)deadline_ms;
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_LOCAL, .account_id = 7, .domain = domain };
    if (first == 'f')
        return ERR(e, ERR_UNAVAILABLE, "nobody knows");
    if (first == 'u')
        out->kind = ACCOUNT_ROUTE_UNKNOWN;
    if (first == 'r')
        out->kind = ACCOUNT_ROUTE_REMOTE;
    if (first == 'g') {
        out->kind = ACCOUNT_ROUTE_LEADS;
        out->targets = targets;
        out->n_targets = COUNT_OF(targets);
    }
    return true;
}

bool __wrap_account_suppression_find(struct account_directory *d,
                                     const struct account_suppression_ask *ask, struct arena *a,
                                     int64_t deadline_ms, struct account_suppression_answer *out,
                                     struct err *e)
{
    (void)d;
    (void)a;
    (void)deadline_ms;
    (void)e;
    *out = (struct account_suppression_answer){ .is_suppressed =
                                                    str_has_prefix(ask->address, STR("rs")),
                                                .has_any = true };
    return true;
}

bool __wrap_account_sending_per_message(struct account_directory *d, int64_t account_id,
                                        struct arena *a, int64_t deadline_ms, int64_t *out,
                                        struct err *e)
{
    (void)d;
    (void)account_id;
    (void)a;
    (void)deadline_ms;
    (void)e;
    *out = 5;
    return true;
}

bool __wrap_submit_has_room(const struct submit *s, int64_t account_id, uint64_t size,
                            int64_t deadline_ms, bool *out, struct err *e)
{
    (void)s;
    (void)account_id;
    (void)size;
    (void)deadline_ms;
    (void)e;
    *out = true;
    return true;
}

bool __wrap_smtp_screen_recipient(struct smtp_session *s, const struct smtp_path *recipient,
                                  enum net_next *next)
{
    (void)s;
    (void)recipient;
    (void)next;
    return true;
}

bool __wrap_smtp_screen_message(struct smtp_session *s, enum net_next *next)
{
    (void)s;
    (void)next;
    return true;
}

bool __wrap_smtp_may_relay(struct smtp_session *s, const struct smtp_path *path,
                           enum net_next *next)
{
    (void)s;
    (void)path;
    (void)next;
    return true;
}

/* Nothing is handed over without an envelope, nor text that is none. Some cannot be kept. */
static bool take(const struct smtp_message *m, struct err *e)
{
    size_t at;
    INVARIANT(m->trace.helo.n > 0 && m->n > 0);
    INVARIANT(now->policy != SMTP_SUBMISSION || m->account_id != 0);
    INVARIANT(m->is_binary || smtp_data_check(m->content, &at) == SMTP_DATA_CLEAN);
    for (size_t i = 0; i < m->n; i++)
        INVARIANT(m->recipients[i].address.n > 0);
    if (str_has_prefix(m->content, STR("X")))
        return ERR(e, ERR_UNAVAILABLE, "it is not kept");
    str *kept = VEC_PUSH(&now->taken, str);
    INVARIANT(kept);
    *kept = arena_str(&now->a, m->content);
    return true;
}

bool __wrap_deliver_message(const struct deliver *d, const struct smtp_message *m, struct arena *a,
                            int64_t deadline_ms, struct deliver_result *out, struct err *e)
{
    (void)d;
    (void)a;
    (void)deadline_ms;
    *out = (struct deliver_result){ .verdict = DELIVER_DONE };
    return take(m, e);
}

bool __wrap_submit_message(const struct submit *s, const struct smtp_message *m, struct arena *a,
                           int64_t deadline_ms, struct submit_result *out, struct err *e)
{
    (void)s;
    (void)a;
    (void)deadline_ms;
    *out = (struct submit_result){ .verdict = SUBMIT_DONE };
    return take(m, e);
}

/* ---- the second reader ---- */

struct reader {
    const struct trial *trial;
    str said;          /* replies to come */
    str rest;          /* octets of the client to come */
    size_t n_taken;    /* messages it has met */
    struct buf chunks; /* of BDAT so far */
    bool has_hello;
    bool has_sender;
    size_t recipients;
};

/* The code of the next reply, whose form is checked; 0: there is none. */
static unsigned next_reply(struct reader *r)
{
    unsigned code = 0;
    bool more = r->said.n > 0;
    while (more) {
        str line;
        INVARIANT(str_cut(r->said, '\n', &line, &r->said));
        INVARIANT(line.n >= 5 && line.n <= 2048 && line.p[line.n - 1] == '\r');
        for (size_t i = 0; i + 1 < line.n; i++)
            INVARIANT((unsigned char)line.p[i] >= ' ' && line.p[i] != 0x7f);
        unsigned here = 0;
        for (size_t i = 0; i < 3; i++) {
            INVARIANT(line.p[i] >= '0' && line.p[i] <= '9');
            here = here * 10 + (unsigned)(line.p[i] - '0');
        }
        INVARIANT(here >= 200 && here < 600 && (code == 0 || here == code));
        code = here;
        INVARIANT(line.p[3] == '-' || line.p[3] == ' ');
        more = line.p[3] == '-';
    }
    return code;
}

static void forget_transaction(struct reader *r)
{
    buf_clear(&r->chunks);
    r->has_sender = false;
    r->recipients = 0;
}

/* The replies to a whole message: of LMTP one for each recipient. `exact`: nothing was added to its
 * end. */
static void read_fates(struct reader *r, str content, bool exact)
{
    size_t n = r->trial->policy == SMTP_LMTP && r->recipients ? r->recipients : 1;
    for (size_t i = 0; i < n; i++) {
        unsigned code = next_reply(r);
        INVARIANT(code || r->trial->ended_by_us);
        if (code != 250)
            continue;
        INVARIANT(r->n_taken < r->trial->taken.n);
        str kept = *VEC_AT(&r->trial->taken, str, r->n_taken++);
        INVARIANT(str_has_prefix(kept, content) && kept.n <= content.n + (exact ? 0 : 2));
    }
}

/* The lines up to the dot, with their stuffing undone. False: the end is not there. */
static bool cut_message(struct reader *r, struct buf *out)
{
    str line;
    while (str_cut(r->rest, '\n', &line, &r->rest)) {
        if (str_eq(line, STR(".\r")) && (out->n == 0 || str_has_suffix(buf_str(out), STR("\r\n"))))
            return true;
        bool is_new = out->n == 0 || str_has_suffix(buf_str(out), STR("\r\n"));
        if (is_new && str_has_prefix(line, STR(".")))
            line = str_skip(line, 1);
        INVARIANT(buf_add(out, line) && buf_add(out, STR("\n")));
    }
    return false;
}

static bool read_data(struct reader *r)
{
    struct buf content;
    INVARIANT(r->has_hello && r->has_sender && r->recipients > 0 && r->chunks.n == 0);
    buf_init(&content, INPUT_MAX + 2);
    bool is_whole = cut_message(r, &content);
    if (is_whole)
        read_fates(r, buf_str(&content), true);
    buf_fini(&content);
    forget_transaction(r);
    return is_whole;
}

/* A chunk, and what was said of it. One that is refused for want of an envelope changes nothing.
 * False: it did not come whole, or was not waited for. */
static bool read_chunk(struct reader *r, const struct smtp_bdat *bdat)
{
    bool may_be_taken = r->has_hello && r->has_sender && r->recipients > 0;
    size_t n_before = r->n_taken;
    unsigned code = 250;
    if (bdat->size > r->rest.n)
        return false;
    INVARIANT(buf_add(&r->chunks, str_slice(r->rest, 0, (size_t)bdat->size)));
    r->rest = str_skip(r->rest, (size_t)bdat->size);
    if (bdat->is_last) {
        read_fates(r, buf_str(&r->chunks), false);
    } else {
        code = next_reply(r);
        INVARIANT(code || r->trial->ended_by_us);
    }
    INVARIANT(may_be_taken || (r->n_taken == n_before && (bdat->is_last || code != 250)));
    if (!may_be_taken) {
        buf_clear(&r->chunks);
    } else if (bdat->is_last || code != 250) {
        forget_transaction(r);
    }
    return true;
}

/* What a command that was taken has changed. */
static void note_taken(struct reader *r, enum smtp_verb verb)
{
    if (verb == SMTP_EHLO || verb == SMTP_HELO || verb == SMTP_LHLO || verb == SMTP_RSET) {
        forget_transaction(r);
        r->has_hello = r->has_hello || verb != SMTP_RSET;
    }
    if (verb == SMTP_MAIL) {
        INVARIANT(r->has_hello && !r->has_sender);
        r->has_sender = true;
    }
    if (verb == SMTP_RCPT) {
        INVARIANT(r->has_sender && r->chunks.n == 0);
        r->recipients++;
    }
}

static bool is_clean(str line)
{
    return str_find_byte(line, '\r') < 0 && str_find_byte(line, '\0') < 0;
}

/* One line of the client, without its line end, and all that belongs to it. False: it is the last
 * one. */
static bool read_line(struct reader *r, str line, bool has_crlf)
{
    struct smtp_bdat bdat;
    struct smtp_command command = smtp_command_parse(line);
    bool is_read = has_crlf && is_clean(line) && line.n <= smtp_verb_line_max(command.verb);
    if (is_read && command.verb == SMTP_BDAT &&
        smtp_bdat_parse(command.argument, &bdat) == SMTP_GOOD)
        return read_chunk(r, &bdat);
    unsigned code = next_reply(r);
    INVARIANT(code || r->trial->ended_by_us);
    INVARIANT(is_read || code == 0 || code >= 400);
    if (code == 354) {
        INVARIANT(command.verb == SMTP_DATA);
        return read_data(r);
    }
    if (code == 250)
        note_taken(r, command.verb);
    return code != 0;
}

static void read_again(const struct trial *t)
{
    struct reader r = { .trial = t, .said = buf_str(&t->said), .rest = t->input };
    str line;
    bool more = true;
    buf_init(&r.chunks, INPUT_MAX);
    INVARIANT(next_reply(&r) == 220);
    while (more && str_cut(r.rest, '\n', &line, &r.rest)) {
        bool has_crlf = str_has_suffix(line, STR("\r"));
        more = read_line(&r, has_crlf ? str_slice(line, 0, line.n - 1) : line, has_crlf);
    }
    if (t->ended_by_us)
        (void)next_reply(&r); /* of a chunk that was not waited for */
    INVARIANT(r.said.n == 0 && r.n_taken == t->taken.n);
    buf_fini(&r.chunks);
}

/* ---- the session ---- */

static void converse(struct trial *t, struct app *app, bool has_tls)
{
    struct err e = ERR_CLEAR;
    struct smtp_state state = { .app = app };
    list_init(&state.sessions);
    struct smtp_front front = { .state = &state,
                                .policy = t->policy,
                                .name = "smtp",
                                .requires_tls = t->policy == SMTP_SUBMISSION };
    struct net_conn *c = conn_new(NULL, -1);
    struct smtp_session *s = smtp_protocol.opened(c, &front);
    if (has_tls)
        c->facts = (struct tls_facts){ .version = "TLSv1.3", .cipher = "none" };
    if (has_tls && t->policy == SMTP_SUBMISSION)
        s->account_id = 1;
    s->recheck_ms = INT64_MAX;
    enum net_next next = smtp_protocol.run(c, s, NET_OPENED);
    while (next == NET_PARK)
        next = smtp_protocol.run(c, s, NET_INPUT);
    INVARIANT(net_flush(c, &e));
    t->ended_by_us = !str_eq(str_from_cstr(s->end), STR("closed_by_peer"));
    INVARIANT(t->ended_by_us || t->at == t->input.n);
    smtp_protocol.closed(c, s);
    INVARIANT(state.message_bytes == 0 && front.connections == 0 && state.tarpitted == 0);
    conn_free(c);
}

static void try_one(struct app *app, uint8_t mode, unsigned manner, str input)
{
    struct trial t = {
        .policy = (enum smtp_policy)(mode % SMTP_POLICIES),
        .manner = manner,
        .input = input,
    };
    buf_init(&t.said, SAID_MAX);
    arena_init(&t.a);
    VEC_INIT(&t.taken, str, TAKEN_MAX);
    now = &t;
    converse(&t, app, (mode & 0x80) != 0);
    now = NULL;
    read_again(&t);
    vec_fini(&t.taken);
    arena_fini(&t.a);
    buf_fini(&t.said);
}

/* The first octet says through which door the others come. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > INPUT_MAX)
        return 0;
    obs_log_init(-1, OBS_ERROR, OBS_TEXT, "fuzz", "");
    struct config *config = config_defaults();
    struct app app = { .config = config, .hostname = "mx.example" };
    app.health.is_behind = (data[0] & 0x40) != 0;
    for (unsigned manner = 0; manner < MANNERS; manner++)
        try_one(&app, data[0] & 0xbf, manner, str_of((const char *)data + 1, n - 1));
    config_free(&config);
    return 0;
}
