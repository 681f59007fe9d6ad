/* SPDX-License-Identifier: Apache-2.0 */
/* Talks with one filter about one message. */
#include "milter/session.h"

#include "base/address.h"
#include "base/clock.h"
#include "mime/header.h"
#include "net/net.h"

enum {
    DATA_MAX = MILTER_CHUNK + 1024, /* octets of a packet that we write */
    BODY_MAX = 256 * 1024 * 1024    /* octets of a body that a filter may set */
};

enum said {
    GOES_ON,   /* the next step */
    SKIPS,     /* no more of this kind */
    HAS_ENDED, /* a verdict is there */
    HAS_FAILED
};

struct session {
    struct net_conn *conn;
    const struct milter_message *m;
    enum milter_stage stage;
    struct arena *a;
    int64_t deadline_ms;
    struct milter_options options;
    struct buf data; /* of the packet that is being made */
    struct milter_result *out;
    struct milter_change *changes;
    size_t n_changes;
    struct milter_envelope_change *moves; /* NULL: none yet */
    size_t n_moves;
    struct buf body;
    bool has_body;
    char command; /* of the packet that was read last */
    str answer;   /* its data; in arena */
};

/* ---- packets ---- */

YIELDS static bool send_packet(struct session *s, char command, struct err *e)
{
    struct buf packet;
    buf_init(&packet, DATA_MAX + 16);
    bool ok = milter_add_packet(&packet, command, buf_str(&s->data))
                  ? net_write(s->conn, buf_str(&packet), e)
                  : ERR(e, ERR_LIMIT, "a packet is too long");
    buf_fini(&packet);
    buf_clear(&s->data);
    return ok;
}

YIELDS static bool read_packet(struct session *s, struct err *e)
{
    uint8_t head[4];
    size_t length;
    if (!net_read_exactly(s->conn, head, sizeof(head), s->deadline_ms, e) ||
        !milter_length_parse(head, &length, e))
        return false;
    char *bytes = arena_alloc(s->a, length);
    if (!net_read_exactly(s->conn, bytes, length, s->deadline_ms, e))
        return false;
    s->command = bytes[0];
    s->answer = str_of(bytes + 1, length - 1);
    return true;
}

/* ---- answers ---- */

static enum said end_with(struct session *s, enum milter_verdict verdict, str text)
{
    s->out->verdict = verdict;
    s->out->text = text;
    return HAS_ENDED;
}

static enum said choose_reply(struct session *s, struct err *e)
{
    unsigned class;
    str text;
    if (!milter_reply_parse(s->a, s->answer, &class, &text, e))
        return HAS_FAILED;
    if (text.n == 0)
        text = STR("The message was refused by a filter");
    return end_with(s, class == 5 ? MILTER_REFUSED : MILTER_LATER, text);
}

/* What ends the talk, or lets it go on. */
static enum said judge(struct session *s, struct err *e)
{
    switch (s->command) {
    case 'c':
        return GOES_ON;
    case 's':
        return SKIPS;
    case 'a':
        return end_with(s, MILTER_PASSED, STR_EMPTY);
    case 'd':
        return end_with(s, MILTER_DISCARDED, STR_EMPTY);
    case 'r':
        return end_with(s, MILTER_REFUSED, STR("The message was refused by a filter"));
    case 't':
        return end_with(s, MILTER_LATER, STR("A filter wants the message to come later"));
    case 'y':
        return choose_reply(s, e);
    default:
        (void)ERR(e, ERR_SYNTAX, "an answer that we do not know (0x%02x)",
                  (unsigned)(unsigned char)s->command);
        return HAS_FAILED;
    }
}

/* The next answer that is more than a sign of life. */
YIELDS static enum said hear(struct session *s, struct err *e)
{
    do {
        if (!read_packet(s, e))
            return HAS_FAILED;
    } while (s->command == 'p');
    return judge(s, e);
}

/* Sends the step, and hears the answer where there is one. */
YIELDS static enum said step(struct session *s, char command, uint32_t quiet, struct err *e)
{
    if (!send_packet(s, command, e))
        return HAS_FAILED;
    return s->options.steps & quiet ? GOES_ON : hear(s, e);
}

/* ---- the steps ---- */

/* Macros go before the step they belong to, and are never answered. */
YIELDS static bool send_macros(struct session *s, char stage, const str *pairs, size_t n,
                               struct err *e)
{
    bool ok = buf_add_byte(&s->data, stage);
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (pairs[i + 1].n > 0) {
            ok = ok && milter_add_text(&s->data, pairs[i]) &&
                 milter_add_text(&s->data, pairs[i + 1]);
        }
    }
    return ok ? send_packet(s, 'D', e) : ERR(e, ERR_LIMIT, "macros are too long");
}

/* A client as filters are told of it. */
struct client {
    str ip;
    str literal; /* as in "[IPv6:2001:db8::1]" */
    str host;    /* of the step: its name or "[192.0.2.1]", as Sendmail has it */
    str name;    /* of the macros, as Postfix has them */
    str ptr;
    str both; /* the name and the address */
};

static struct client describe_client(struct session *s)
{
    const struct milter_message *m = s->m;
    const str nobody = STR("unknown");
    struct client c = { .ip = m->client_ip,
                        .literal = m->client_ip,
                        .host = m->client_name,
                        .name = m->client_name.n > 0 ? m->client_name : nobody,
                        .ptr = m->client_ptr.n > 0 ? m->client_ptr : nobody };
    /* A client at a unix socket is one of this machine, as other mail servers have it. */
    if (m->is_client_unknown) {
        c.ip = c.literal = c.host = nobody;
    } else if (m->client_ip.n == 0) {
        c.ip = c.literal = STR("127.0.0.1");
        c.host = c.name = c.ptr = STR("localhost");
    }
    if (str_find_byte(c.ip, ':') >= 0)
        c.literal = arena_printf(s->a, "IPv6:%.*s", STR_FMT(c.ip));
    if (c.host.n == 0)
        c.host = arena_printf(s->a, "[%.*s]", STR_FMT(c.ip));
    c.both = arena_printf(s->a, "%.*s [%.*s]%s", STR_FMT(c.ptr), STR_FMT(c.ip),
                          str_ieq(c.ptr, c.name) ? "" : " (may be forged)");
    return c;
}

YIELDS static enum said tell_connection(struct session *s, struct err *e)
{
    const struct milter_message *m = s->m;
    const struct client c = describe_client(s);
    const char port[] = { (char)(m->client_port >> 8), (char)(m->client_port & 0xff) };
    const str macros[] = {
        STR("j"),
        m->hostname,
        STR("v"),
        STR("Heronry"),
        STR("{daemon_name}"),
        m->hostname,
        STR("_"),
        c.both,
        STR("{client_addr}"),
        c.literal,
        STR("{client_name}"),
        c.name,
        STR("{client_ptr}"),
        c.ptr,
        STR("{client_port}"),
        arena_printf(s->a, "%u", (unsigned)m->client_port),
    };
    if (!send_macros(s, 'C', macros, COUNT_OF(macros), e))
        return HAS_FAILED;
    (void)milter_add_text(&s->data, c.host);
    if (m->is_client_unknown) {
        (void)buf_add(&s->data, STR("U")); /* nothing follows */
        return step(s, 'C', MILTER_QUIET_CONNECT, e);
    }
    (void)buf_add(&s->data, str_find_byte(c.ip, ':') >= 0 ? STR("6") : STR("4"));
    (void)buf_add(&s->data, str_of(port, sizeof(port)));
    (void)milter_add_text(&s->data, c.literal);
    return step(s, 'C', MILTER_QUIET_CONNECT, e);
}

YIELDS static enum said tell_helo(struct session *s, struct err *e)
{
    const str macros[] = { STR("{tls_version}"), s->m->tls_version, STR("{cipher}"),
                           s->m->tls_cipher };
    if (!send_macros(s, 'H', macros, COUNT_OF(macros), e))
        return HAS_FAILED;
    (void)milter_add_text(&s->data, s->m->helo);
    return step(s, 'H', MILTER_QUIET_HELO, e);
}

YIELDS static enum said tell_sender(struct session *s, struct err *e)
{
    str sender = s->out->envelope.sender;
    const str macros[] = {
        STR("i"),
        s->m->transaction,
        STR("{mail_addr}"),
        sender,
        STR("{mail_host}"),
        address_domain(sender),
        STR("{mail_mailer}"),
        sender.n > 0 ? s->m->sender_mailer : STR_EMPTY,
        STR("{auth_type}"),
        s->m->mechanism,
        STR("{auth_authen}"),
        s->m->login,
        STR("{heronry_whitelisted}"),
        s->m->is_whitelisted ? STR("yes") : STR_EMPTY,
    };
    if (!send_macros(s, 'M', macros, COUNT_OF(macros), e))
        return HAS_FAILED;
    (void)milter_add_text(&s->data, arena_printf(s->a, "<%.*s>", STR_FMT(sender)));
    return step(s, 'M', MILTER_QUIET_MAIL, e);
}

YIELDS static enum said tell_recipient(struct session *s, const struct milter_recipient *r,
                                       struct err *e)
{
    const str macros[] = {
        STR("i"),           s->m->transaction,          STR("{rcpt_addr}"),   r->address,
        STR("{rcpt_host}"), address_domain(r->address), STR("{rcpt_mailer}"), r->mailer
    };
    if (!send_macros(s, 'R', macros, COUNT_OF(macros), e))
        return HAS_FAILED;
    (void)milter_add_text(&s->data, arena_printf(s->a, "<%.*s>", STR_FMT(r->address)));
    return step(s, 'R', MILTER_QUIET_RCPT, e);
}

/* Whether what the filter said is of this recipient only: the talk goes on about the others. */
static bool refuse_alone(struct session *s, const struct milter_recipient *r)
{
    struct milter_result *out = s->out;
    bool is_refusal = out->verdict == MILTER_REFUSED || out->verdict == MILTER_LATER;
    if (!s->m->answers_each || !is_refusal)
        return false;
    struct milter_refusal *one = ARENA_NEW(s->a, struct milter_refusal);
    *one = (struct milter_refusal){
        .place = r->place, .verdict = out->verdict, .text = out->text, .next = out->refused
    };
    out->refused = one;
    (void)end_with(s, MILTER_PASSED, STR_EMPTY);
    return true;
}

/* With nobody left the last refusal is that of the message. */
static enum said keep_recipients(struct session *s, const struct milter_recipient *list, size_t n)
{
    s->out->envelope.recipients = list;
    s->out->envelope.n = n;
    if (n > 0)
        return GOES_ON;
    return end_with(s, s->out->refused->verdict, s->out->refused->text);
}

YIELDS static enum said tell_recipients(struct session *s, struct err *e)
{
    enum said said = GOES_ON;
    size_t all = s->out->envelope.n;
    size_t n = 0;
    struct milter_recipient *kept = ARENA_ARRAY(s->a, struct milter_recipient, all + 1);
    for (size_t i = 0; i < all && said == GOES_ON; i++) {
        const struct milter_recipient *r = &s->out->envelope.recipients[i];
        said = tell_recipient(s, r, e);
        if (said == HAS_ENDED && refuse_alone(s, r)) {
            said = GOES_ON;
        } else {
            kept[n++] = *r;
        }
    }
    return said == GOES_ON && n < all ? keep_recipients(s, kept, n) : said;
}

/* The name of the transaction, by which the logs of both find each other. */
YIELDS static bool send_name(struct session *s, char stage, struct err *e)
{
    const str macros[] = { STR("i"), s->m->transaction };
    return send_macros(s, stage, macros, COUNT_OF(macros), e);
}

/* "DATA" came with version 4. */
YIELDS static enum said tell_data(struct session *s, struct err *e)
{
    if (s->options.version < 4)
        return GOES_ON;
    return send_name(s, 'T', e) ? step(s, 'T', MILTER_QUIET_DATA, e) : HAS_FAILED;
}

/* A value without the space behind the colon, and with the line ends of Unix in its folds: as
 * filters of the old kind expect it. */
static bool add_field(struct session *s, const struct mime_field *field)
{
    str value = field->body;
    if (str_has_prefix(value, STR(" ")))
        value = str_skip(value, 1);
    bool ok = milter_add_text(&s->data, str_trim(field->name));
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] != '\r' && value.p[i] != '\0')
            ok = ok && buf_add_byte(&s->data, value.p[i]);
    }
    return ok && buf_add_byte(&s->data, '\0');
}

YIELDS static enum said tell_header(struct session *s, struct err *e)
{
    struct mime_field_iter it;
    struct mime_field field;
    enum said said = GOES_ON;
    mime_field_iter_init(&it, s->out->content);
    while (said == GOES_ON && mime_field_iter_next(&it, &field)) {
        if (field.name.n == 0)
            continue;
        /* A field that no packet can hold is one that no filter needs. */
        if (!add_field(s, &field)) {
            buf_clear(&s->data);
            continue;
        }
        said = step(s, 'L', MILTER_QUIET_HEADER, e);
    }
    return said;
}

YIELDS static enum said tell_end_of_header(struct session *s, struct err *e)
{
    return send_name(s, 'N', e) ? step(s, 'N', MILTER_QUIET_EOH, e) : HAS_FAILED;
}

YIELDS static enum said tell_body(struct session *s, struct err *e)
{
    enum said said = GOES_ON;
    str rest = str_skip(s->out->content, mime_header_end(s->out->content));
    while (said == GOES_ON && rest.n > 0) {
        str piece = str_slice(rest, 0, MILTER_CHUNK);
        rest = str_skip(rest, piece.n);
        (void)buf_add(&s->data, piece);
        said = step(s, 'B', MILTER_QUIET_BODY, e);
    }
    return said == SKIPS ? GOES_ON : said;
}

/* ---- the end of the message: changes, then the verdict ---- */

static bool take_change(struct session *s, struct err *e)
{
    if (s->n_changes == MILTER_CHANGES_MAX)
        return ERR(e, ERR_LIMIT, "it wants more than %d changes", MILTER_CHANGES_MAX);
    return milter_change_parse(s->command, s->answer, &s->changes[s->n_changes++], e);
}

/* What was not agreed on is passed over, as other mail servers do. */
static bool take_move(struct session *s, struct err *e)
{
    if (!(milter_envelope_action(s->command) & s->options.actions))
        return true;
    if (s->n_moves == MILTER_ENVELOPE_CHANGES_MAX) {
        return ERR(e, ERR_LIMIT, "it wants more than %d changes of the envelope",
                   MILTER_ENVELOPE_CHANGES_MAX);
    }
    if (!s->moves)
        s->moves = ARENA_ARRAY(s->a, struct milter_envelope_change, MILTER_ENVELOPE_CHANGES_MAX);
    return milter_envelope_parse(s->a, s->command, s->answer, &s->moves[s->n_moves++], e);
}

/* One answer at the end; *is_last: it was none of those that others follow. */
static bool take_answer(struct session *s, bool *is_last, struct err *e)
{
    *is_last = false;
    if (milter_is_change(s->command))
        return take_change(s, e);
    if (milter_envelope_action(s->command))
        return take_move(s, e);
    switch (s->command) {
    case 'p':
        return true;
    case 'q':
        s->out->is_quarantine = true;
        return true;
    case 'b':
        s->has_body = true;
        return buf_add(&s->body, s->answer) || ERR(e, ERR_LIMIT, "it sets a body that is too big");
    default:
        *is_last = true;
        return true;
    }
}

YIELDS static enum said tell_end(struct session *s, struct err *e)
{
    bool is_last = false;
    if (!send_name(s, 'E', e) || !send_packet(s, 'E', e))
        return HAS_FAILED;
    while (!is_last) {
        if (!read_packet(s, e) || !take_answer(s, &is_last, e))
            return HAS_FAILED;
    }
    enum said said = judge(s, e);
    if (said == HAS_FAILED)
        return said;
    str body = buf_str(&s->body);
    s->out->content =
        milter_edit(s->a, s->out->content, s->changes, s->n_changes, s->has_body ? &body : NULL);
    milter_envelope_edit(s->a, &s->out->envelope, s->moves, s->n_moves);
    return said == HAS_ENDED ? said : end_with(s, MILTER_PASSED, STR_EMPTY);
}

static const struct {
    enum said (*tell)(struct session *s, struct err *e);
    uint32_t unwanted; /* the filter does not want to hear it */
    bool is_of_message;
} steps[] = {
    { tell_connection, MILTER_NO_CONNECT, false },
    { tell_helo, MILTER_NO_HELO, false },
    { tell_sender, MILTER_NO_MAIL, false },
    { tell_recipients, MILTER_NO_RCPT, false },
    { tell_data, MILTER_NO_DATA, true },
    { tell_header, MILTER_NO_HEADERS, true },
    { tell_end_of_header, MILTER_NO_EOH, true },
    { tell_body, MILTER_NO_BODY, true },
    { tell_end, 0, true },
};

/* ---- all of it ---- */

YIELDS static bool negotiate(struct session *s, struct err *e)
{
    (void)milter_add_number(&s->data, MILTER_VERSION);
    (void)milter_add_number(&s->data, MILTER_ACTIONS);
    (void)milter_add_number(&s->data, MILTER_STEPS);
    if (!send_packet(s, 'O', e) || !read_packet(s, e))
        return false;
    if (s->command != 'O')
        return ERR(e, ERR_SYNTAX, "it does not answer the offer of options");
    return milter_options_parse(s->answer, &s->options, e);
}

YIELDS static bool talk(struct session *s, struct err *e)
{
    enum said said = GOES_ON;
    if (!negotiate(s, e))
        return false;
    for (size_t i = 0; i < COUNT_OF(steps) && said == GOES_ON; i++) {
        bool is_due = s->stage == MILTER_AT_END || !steps[i].is_of_message;
        if (is_due && !(s->options.steps & steps[i].unwanted))
            said = steps[i].tell(s, e);
    }
    if (said == HAS_FAILED)
        return false;
    if (s->stage == MILTER_AT_RCPT && said == GOES_ON)
        said = end_with(s, MILTER_PASSED, STR_EMPTY);
    if (s->stage == MILTER_AT_RCPT && s->out->verdict == MILTER_DISCARDED)
        return ERR(e, ERR_SYNTAX, "a recipient can only be accepted or refused");
    if (said != HAS_ENDED)
        return ERR(e, ERR_SYNTAX, "it skips what cannot be skipped");
    struct err ignored = ERR_CLEAR;
    if (send_packet(s, 'Q', &ignored))
        (void)net_flush(s->conn, &ignored);
    return true;
}

bool milter_session_run(const struct milter_chain *chain, const struct milter_server *server,
                        const struct milter_message *message, struct arena *a,
                        struct milter_result *out, struct err *e)
{
    struct milter_result result = *out;
    struct session s = { .m = message,
                         .stage = server->stage,
                         .a = a,
                         .deadline_ms = clock_deadline_in(chain->timeout_ms),
                         .out = &result };
    int64_t former_ms = fiber_set_deadline(s.deadline_ms);
    if (former_ms < s.deadline_ms)
        (void)fiber_set_deadline(former_ms);
    s.changes = ARENA_ARRAY(a, struct milter_change, MILTER_CHANGES_MAX);
    buf_init(&s.data, DATA_MAX);
    buf_init(&s.body, BODY_MAX);
    bool ok =
        net_connect(chain->runtime, &server->at, NULL, s.deadline_ms, &s.conn, e) && talk(&s, e);
    (void)fiber_set_deadline(former_ms);
    net_close(&s.conn);
    buf_fini(&s.data);
    buf_fini(&s.body);
    if (ok) {
        *out = result;
        out->by = server->name;
    }
    return ok;
}
