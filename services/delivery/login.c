/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH as a client: SCRAM-SHA-256 (RFC 7677), bound to the TLS connection where the server knows
 * how to; PLAIN (RFC 4616); LOGIN. What holds the password is wiped. */
#include "services/delivery/login.h"

#include "auth/password.h"
#include "auth/scram_client.h"
#include "base/base64.h"

enum {
    ANSWER_MS = 120 * 1000,
    TEXT_MAX = ACCOUNT_TRANSPORT_LOGIN_MAX + ACCOUNT_TRANSPORT_PASSWORD_MAX + 2,
    LINE_MAX_OCTETS = 2 * TEXT_MAX
};

/* ---- PLAIN and LOGIN ---- */

/* Writes `prefix` and the text in base64, and reads the reply. Yields. */
YIELDS static bool say(struct delivery_session *s, str prefix, str text, struct err *e)
{
    struct buf line;
    buf_init(&line, LINE_MAX_OCTETS);
    (void)buf_reserve(&line, LINE_MAX_OCTETS); /* at once: what it grew out of is not wiped */
    bool ok = (buf_add(&line, prefix) && base64_encode(BASE64_STANDARD, text, &line)) ||
              ERR(e, ERR_LIMIT, "the login is too long");
    ok = ok && delivery_write(s, buf_str(&line), e) && delivery_read_reply(s, ANSWER_MS, e);
    secret_wipe_memory(line.p, line.cap);
    buf_fini(&line);
    return ok;
}

YIELDS static bool by_plain(struct delivery_session *s, struct err *e)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    (void)buf_reserve(&text, TEXT_MAX);
    bool ok = (buf_add_byte(&text, '\0') && buf_add(&text, s->route->relay.login) &&
               buf_add_byte(&text, '\0') && buf_add(&text, secret_str(&s->route->password))) ||
              ERR(e, ERR_LIMIT, "the login is too long");
    ok = ok && say(s, STR("AUTH PLAIN "), buf_str(&text), e);
    secret_wipe_memory(text.p, text.cap);
    buf_fini(&text);
    return ok;
}

/* The prompts are not looked at: all servers ask for the name first. */
YIELDS static bool by_login(struct delivery_session *s, struct err *e)
{
    return delivery_write(s, STR("AUTH LOGIN"), e) && delivery_read_reply(s, ANSWER_MS, e) &&
           (s->reply.code != 334 || say(s, STR_EMPTY, s->route->relay.login, e)) &&
           (s->reply.code != 334 || say(s, STR_EMPTY, secret_str(&s->route->password), e));
}

/* ---- SCRAM ---- */

struct prove_job {
    struct work work;
    struct arena a; /* holds the texts */
    struct secret password;
    str salt;
    str message;
    unsigned iterations;
    struct scram_client_proof proof;
};

/* In a thread of the pool. */
static void prove(struct work *work)
{
    struct prove_job *job = CONTAINER_OF(work, struct prove_job, work);
    scram_client_prove(secret_str(&job->password), job->salt, job->iterations, job->message,
                       &job->proof);
}

static void proved(struct work *work)
{
    struct prove_job *job = CONTAINER_OF(work, struct prove_job, work);
    secret_wipe(&job->password);
    arena_fini(&job->a);
    free(job);
}

/* The proof that we know the password. Yields. */
YIELDS static bool find_proof(const struct delivery_session *s,
                              const struct scram_challenge *challenge, str message,
                              struct scram_client_proof *out, struct err *e)
{
    struct prove_job *job = HEAP_NEW(struct prove_job);
    job->work = (struct work){ .run = prove, .done = proved };
    arena_init(&job->a);
    job->salt = arena_str(&job->a, challenge->salt);
    job->message = arena_str(&job->a, message);
    job->iterations = challenge->iterations;
    if (!auth_password_saslprep(secret_str(&s->route->password), &job->password, e)) {
        proved(&job->work);
        return false;
    }
    if (!work_run(&job->work, clock_deadline_in(ANSWER_MS), e))
        return false;
    *out = job->proof;
    work_finish(&job->work);
    return true;
}

/* The text of a reply 334, in the arena. */
static bool read_challenge(struct delivery_session *s, str *out, struct err *e)
{
    struct buf text;
    buf_init(&text, SCRAM_CLIENT_MESSAGE_MAX);
    bool ok = base64_decode(BASE64_STANDARD, str_trim(buf_str(&s->reply.text)), &text, NULL) ||
              ERR(e, ERR_SYNTAX, "its answer in the login is no base64");
    *out = arena_str(s->a, buf_str(&text));
    buf_fini(&text);
    return ok;
}

static bool can_bind(const struct delivery_session *s)
{
    uint8_t octets[TLS_BINDING_MAX];
    return net_conn_binding(s->conn, TLS_BINDING_EXPORTER, octets) > 0;
}

/* The GS2 header: whether the exchange is bound to the connection. "y" says that we could, and that
 * the server does not offer to; it would be a lie where the server did, and has refused our binding
 * since (RFC 5802 section 6). The binding of RFC 9266 is the only one we have. */
static str gs2_header(const struct delivery_session *s, bool is_bound)
{
    if (is_bound)
        return STR("p=tls-exporter,,");
    return can_bind(s) && !s->offers.auth_scram_plus ? STR("y,,") : STR("n,,");
}

/* The message with the proof, to the challenge that was read last. Yields. */
YIELDS static bool answer_challenge(struct delivery_session *s, str nonce, str header, str binding,
                                    struct scram_client_proof *proof, struct err *e)
{
    struct scram_challenge challenge;
    struct buf last;
    str given;
    str bare = scram_client_first(s->route->relay.login, nonce, s->a);
    if (!read_challenge(s, &given, e) || !scram_challenge_parse(given, nonce, s->a, &challenge, e))
        return false;
    str open = scram_client_final(header, binding, challenge.nonce, s->a);
    str message =
        arena_printf(s->a, "%.*s,%.*s,%.*s", STR_FMT(bare), STR_FMT(given), STR_FMT(open));
    if (!find_proof(s, &challenge, message, proof, e))
        return false;
    buf_init(&last, LINE_MAX_OCTETS);
    bool ok = (buf_add(&last, open) && buf_add(&last, STR(",p=")) &&
               base64_encode(BASE64_STANDARD,
                             str_of((const char *)proof->proof, sizeof(proof->proof)), &last)) ||
              ERR(e, ERR_LIMIT, "the login is too long");
    ok = ok && say(s, STR_EMPTY, buf_str(&last), e);
    buf_fini(&last);
    return ok;
}

/* A server that does not show that it knows the password, too, is not taken at its word. Yields. */
YIELDS static bool by_scram(struct delivery_session *s, bool is_bound, struct err *e)
{
    uint8_t octets[TLS_BINDING_MAX];
    size_t n = net_conn_binding(s->conn, TLS_BINDING_EXPORTER, octets);
    str header = gs2_header(s, is_bound);
    str binding = str_of((const char *)octets, is_bound ? n : 0);
    str nonce = scram_client_nonce(s->a);
    str bare = scram_client_first(s->route->relay.login, nonce, s->a);
    str first = arena_printf(s->a, "%.*s%.*s", STR_FMT(header), STR_FMT(bare));
    struct scram_client_proof proof;
    str shown;
    if (!say(s, is_bound ? STR("AUTH SCRAM-SHA-256-PLUS ") : STR("AUTH SCRAM-SHA-256 "), first, e))
        return false;
    if (s->reply.code != 334)
        return true;
    if (!answer_challenge(s, nonce, header, binding, &proof, e))
        return false;
    if (s->reply.code / 100 != 3 && s->reply.code / 100 != 2)
        return true;
    if (s->reply.code != 334 || !read_challenge(s, &shown, e) ||
        !scram_client_trusts(&proof, shown))
        return ERR(e, ERR_DENIED, "it did not show that it knows the password");
    return delivery_write(s, STR_EMPTY, e) && delivery_read_reply(s, ANSWER_MS, e);
}

YIELDS static bool by_bound_scram(struct delivery_session *s, struct err *e)
{
    return by_scram(s, true, e);
}

YIELDS static bool by_free_scram(struct delivery_session *s, struct err *e)
{
    return by_scram(s, false, e);
}

/* ---- all of them ---- */

struct login_way {
    bool is_possible;
    enum account_transport_auth auth;
    bool is_proof; /* the server does not get the password, but has to have kept what it needs */
    YIELDS bool (*log_in)(struct delivery_session *s, struct err *e);
};

static const char *const auth_texts[] = {
    [ACCOUNT_TRANSPORT_AUTH_ANY] = "none of SCRAM-SHA-256, PLAIN and LOGIN",
    [ACCOUNT_TRANSPORT_AUTH_SCRAM] = "no SCRAM-SHA-256, as its transport wants it",
    [ACCOUNT_TRANSPORT_AUTH_PLAIN] = "no PLAIN, as its transport wants it",
    [ACCOUNT_TRANSPORT_AUTH_LOGIN] = "no LOGIN, as its transport wants it",
};

/* The strongest way that is offered first, or the one that the operator named. Servers offer SCRAM
 * for all, and refuse it to accounts that they have other kinds of passwords of, and -PLUS with
 * bindings that we do not have: then the next way is tried, which such a server could as well have
 * offered alone. A password that was refused itself is not tried again. False: no answer. Yields.
 */
YIELDS static bool try_all(struct delivery_session *s, struct err *e)
{
    const struct smtp_extensions *offers = &s->offers;
    const struct login_way ways[] = {
        { offers->auth_scram_plus && can_bind(s), ACCOUNT_TRANSPORT_AUTH_SCRAM, true,
          by_bound_scram },
        { offers->auth_scram, ACCOUNT_TRANSPORT_AUTH_SCRAM, true, by_free_scram },
        { offers->auth_plain, ACCOUNT_TRANSPORT_AUTH_PLAIN, false, by_plain },
        { offers->auth_login, ACCOUNT_TRANSPORT_AUTH_LOGIN, false, by_login },
    };
    enum account_transport_auth wanted = s->route->relay.auth;
    bool answered = false;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        if (!ways[i].is_possible ||
            (wanted != ACCOUNT_TRANSPORT_AUTH_ANY && wanted != ways[i].auth))
            continue;
        if (!ways[i].log_in(s, e))
            return false;
        answered = true;
        if (s->reply.code / 100 != 5 || !ways[i].is_proof)
            break;
    }
    return answered || ERR(e, ERR_UNSUPPORTED, "it offers %s", auth_texts[wanted]);
}

bool delivery_log_in(struct delivery_session *s, struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    const struct tls_facts *facts = net_conn_tls(s->conn);
    bool answered = false;
    s->stage = "login";
    if (!facts || !facts->verified) {
        (void)ERR(&e, ERR_DENIED, "its certificate did not verify");
    } else {
        answered = try_all(s, &e);
    }
    if (answered && s->reply.code == 235)
        return true;
    *failure = answered ? delivery_result_of_reply(s)
                        : delivery_deferred(s, "4.7.8", "not logged in to the relay: %s", e.msg);
    failure->outcome = QUEUE_DEFERRED; /* said of our login, not of any recipient */
    failure->status = STR("4.7.8");
    delivery_session_drop(s);
    return false;
}
