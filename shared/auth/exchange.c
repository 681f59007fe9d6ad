/* SPDX-License-Identifier: Apache-2.0 */
/* From lines of base64 to an identity, one mechanism beside the other. */
#include "auth/exchange.h"

#include "auth/bearer.h"
#include "auth/login.h"
#include "base/base64.h"
#include "crypto/random.h"
#include "net/net.h"

#include <stdlib.h>

enum {
    STEP_MS = 30 * 1000, /* hashing and the delays of failures */
    NONCE_BYTES = 18     /* random ones of our nonce: 24 characters */
};

struct mechanism {
    str name;
    bool has_password;            /* it is one of sasl.h, as `password` says */
    enum sasl_mechanism password; /* PLAIN or LOGIN */
    bool binds;                   /* SCRAM: to the TLS connection */
    /* Reads the message with a token; NULL: it has none. */
    bool (*parse)(str message, struct arena *a, struct bearer_message *out, struct err *e);
    const char *refusal; /* of a token, as JSON before the scopes and the end */
};

/* In the order of preference. */
static const struct mechanism mechanisms[] = {
    { .name = STR_INIT("SCRAM-SHA-256-PLUS"), .binds = true },
    { .name = STR_INIT("SCRAM-SHA-256") },
    { .name = STR_INIT("PLAIN"), .has_password = true, .password = SASL_PLAIN },
    { .name = STR_INIT("OAUTHBEARER"),
      .parse = bearer_parse,
      .refusal = "{\"status\":\"invalid_token\",\"scope\":\"" },
    { .name = STR_INIT("XOAUTH2"),
      .parse = bearer_parse_xoauth2,
      .refusal = "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"" },
    { .name = STR_INIT("LOGIN"), .has_password = true, .password = SASL_LOGIN },
};

/* What the client's next message is. */
enum stage {
    STAGE_FIRST,
    STAGE_PROOF,  /* SCRAM: the client-final-message */
    STAGE_ACCEPT, /* SCRAM: an empty answer to what proves us; then it is done */
    STAGE_REFUSED /* a token: any answer to the error; then it has failed */
};

struct auth_exchange {
    struct auth_door door;
    const struct mechanism *mechanism;
    enum stage stage;
    struct arena arena;      /* messages, challenges, the identity */
    struct sasl_server sasl; /* PLAIN and LOGIN */
    struct auth_identity identity;
    struct err refusal; /* STAGE_REFUSED: what it fails with */
    /* SCRAM, in the arena. */
    struct scram_first first;
    struct scram_verifier verifier;
    str nonce; /* the client's and ours */
    str server_first;
};

/* ---- what is offered ---- */

static bool is_bindable(const struct net_conn *c)
{
    uint8_t out[TLS_BINDING_MAX];
    return net_conn_binding(c, TLS_BINDING_EXPORTER, out) > 0 ||
           net_conn_binding(c, TLS_BINDING_ENDPOINT, out) > 0;
}

bool auth_mechanisms_add(const struct net_conn *c, const char *before, struct buf *out)
{
    bool ok = true;
    bool binds = is_bindable(c);
    for (size_t i = 0; net_conn_tls(c) && i < COUNT_OF(mechanisms); i++) {
        if (!mechanisms[i].binds || binds)
            ok = ok && buf_addf(out, "%s%s", before, mechanisms[i].name.p);
    }
    return ok;
}

static const struct mechanism *find(const struct net_conn *c, str name)
{
    for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
        if (str_ieq(name, mechanisms[i].name))
            return !mechanisms[i].binds || is_bindable(c) ? &mechanisms[i] : NULL;
    }
    return NULL;
}

struct auth_exchange *auth_exchange_new(const struct auth_door *door, str mechanism)
{
    const struct mechanism *found = find(door->conn, mechanism);
    if (!found)
        return NULL;
    struct auth_exchange *x = HEAP_NEW(struct auth_exchange);
    x->door = *door;
    x->mechanism = found;
    arena_init(&x->arena);
    sasl_server_init(&x->sasl, found->password);
    return x;
}

void auth_exchange_free(struct auth_exchange **x)
{
    if (!*x)
        return;
    sasl_server_fini(&(*x)->sasl);
    arena_fini(&(*x)->arena);
    free(*x);
    *x = NULL;
}

const struct auth_identity *auth_exchange_identity(const struct auth_exchange *x)
{
    return &x->identity;
}

str auth_exchange_mechanism(const struct auth_exchange *x)
{
    return x->mechanism->name;
}

/* ---- shared by the mechanisms ---- */

static struct auth_attempt attempt_of(const struct auth_door *door, str login, str password)
{
    return (struct auth_attempt){ .login = login,
                                  .password = password,
                                  .peer = net_conn_peer(door->conn),
                                  .protocol = door->protocol,
                                  .session = net_conn_id(door->conn) };
}

static enum sasl_next challenge_with(struct auth_exchange *x, str message, str *challenge)
{
    struct buf out;
    buf_init(&out, base64_encoded_size(BASE64_STANDARD, message.n));
    bool ok = base64_encode(BASE64_STANDARD, message, &out);
    INVARIANT(ok);
    *challenge = arena_str(&x->arena, buf_str(&out));
    buf_fini(&out);
    return SASL_CHALLENGE;
}

/* ---- PLAIN and LOGIN ---- */

/* Name and password are known, or the mechanism goes on. */
static enum sasl_next check_password(struct auth_exchange *x, enum sasl_next next, struct err *e)
{
    if (next == SASL_FAIL && e->kind == ERR_LIMIT)
        e->kind = ERR_SYNTAX; /* a line too long: ERR_LIMIT is of too many failures */
    if (next != SASL_DONE)
        return next;
    const struct auth_attempt attempt =
        attempt_of(&x->door, secret_str(&x->sasl.login), secret_str(&x->sasl.password));
    bool ok =
        auth_login(x->door.auth, &attempt, &x->arena, clock_deadline_in(STEP_MS), &x->identity, e);
    return ok ? SASL_DONE : SASL_FAIL;
}

/* ---- SCRAM ---- */

static const struct {
    str name;
    enum tls_binding kind;
} bindings[] = {
    { STR_INIT("tls-exporter"), TLS_BINDING_EXPORTER },
    { STR_INIT("tls-server-end-point"), TLS_BINDING_ENDPOINT },
};

/* The data of the binding that the client named; 0: this connection has none of that name. */
static size_t binding_data(const struct auth_exchange *x, uint8_t out[TLS_BINDING_MAX])
{
    for (size_t i = 0; i < COUNT_OF(bindings); i++) {
        if (str_eq(x->first.binding_name, bindings[i].name))
            return net_conn_binding(x->door.conn, bindings[i].kind, out);
    }
    return 0;
}

/* Whether what the client says about channel binding fits what is offered here (RFC 5802 section
 * 6). */
static bool check_binding(const struct auth_exchange *x, struct err *e)
{
    uint8_t ignored[TLS_BINDING_MAX];
    bool is_used = x->first.binding == SCRAM_BINDING_USED;
    if (is_used != x->mechanism->binds)
        return ERR(e, ERR_SYNTAX, "channel binding belongs to SCRAM-SHA-256-PLUS, and to it alone");
    if (x->first.binding == SCRAM_BINDING_UNUSED && is_bindable(x->door.conn))
        return ERR(e, ERR_DENIED, "somebody took SCRAM-SHA-256-PLUS out of the list");
    return !is_used || binding_data(x, ignored) > 0 ||
           ERR(e, ERR_SYNTAX, "this connection has no such channel binding");
}

static str make_nonce(struct arena *a)
{
    uint8_t bytes[NONCE_BYTES];
    struct buf text;
    buf_init(&text, base64_encoded_size(BASE64_URL, NONCE_BYTES));
    crypto_random_fill(bytes, sizeof(bytes));
    (void)base64_encode(BASE64_URL, str_of((const char *)bytes, sizeof(bytes)), &text);
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static enum sasl_next scram_first(struct auth_exchange *x, str message, str *challenge,
                                  struct err *e)
{
    message = arena_str(&x->arena, message);
    if (!scram_first_parse(message, &x->arena, &x->first, e) || !check_binding(x, e))
        return SASL_FAIL;
    if (x->first.authzid.n && !str_ieq(x->first.authzid, x->first.user)) {
        (void)ERR(e, ERR_DENIED, "the authorisation identity is not the name");
        return SASL_FAIL;
    }
    const struct auth_attempt attempt = attempt_of(&x->door, x->first.user, STR_EMPTY);
    if (!auth_scram_begin(x->door.auth, &attempt, &x->arena, clock_deadline_in(STEP_MS),
                          &x->verifier, e))
        return SASL_FAIL;
    str ours = make_nonce(&x->arena);
    x->nonce = arena_printf(&x->arena, "%.*s%.*s", STR_FMT(x->first.nonce), STR_FMT(ours));
    x->server_first = scram_server_first(&x->verifier, x->first.nonce, ours, &x->arena);
    x->stage = STAGE_PROOF;
    return challenge_with(x, x->server_first, challenge);
}

/* c= must be the GS2 header of the first message and then the octets of the channel. */
static bool is_bound(const struct auth_exchange *x, const struct scram_final *final)
{
    uint8_t data[TLS_BINDING_MAX];
    size_t n = x->mechanism->binds ? binding_data(x, data) : 0;
    return (n > 0 || !x->mechanism->binds) && str_eq(final->nonce, x->nonce) &&
           str_has_prefix(final->binding, x->first.header) &&
           str_eq(str_skip(final->binding, x->first.header.n), str_of((const char *)data, n));
}

static enum sasl_next scram_final(struct auth_exchange *x, str message, str *challenge,
                                  struct err *e)
{
    struct scram_final final;
    str server_final;
    if (!scram_final_parse(message, &x->arena, &final, e))
        return SASL_FAIL;
    struct scram_proof proof = {
        .is_bound = is_bound(x, &final),
        .auth_message = arena_printf(&x->arena, "%.*s,%.*s,%.*s", STR_FMT(x->first.bare),
                                     STR_FMT(x->server_first), STR_FMT(final.without_proof)),
        .proof = final.proof,
    };
    memcpy(proof.salt, x->verifier.salt, sizeof(proof.salt));
    const struct auth_attempt attempt = attempt_of(&x->door, x->first.user, STR_EMPTY);
    if (!auth_scram_finish(x->door.auth, &attempt, &proof, &x->arena, clock_deadline_in(STEP_MS),
                           &x->identity, &server_final, e))
        return SASL_FAIL;
    x->stage = STAGE_ACCEPT;
    return challenge_with(x, server_final, challenge);
}

/* ---- tokens ---- */

/* A refusal is told as JSON; the client answers it before it hears of the failure (RFC 7628 section
 * 3.2.3). */
static enum sasl_next bearer(struct auth_exchange *x, str message, str *challenge, struct err *e)
{
    struct bearer_message read;
    if (!x->mechanism->parse(message, &x->arena, &read, e))
        return SASL_FAIL;
    const struct auth_attempt attempt = attempt_of(&x->door, read.user, read.token);
    if (auth_bearer_login(x->door.auth, &attempt, &x->arena, clock_deadline_in(STEP_MS),
                          &x->identity, e))
        return SASL_DONE;
    if (e->kind != ERR_DENIED)
        return SASL_FAIL;
    x->refusal = *e;
    *e = ERR_CLEAR;
    x->stage = STAGE_REFUSED;
    str json = arena_printf(&x->arena, "%s%s\"}", x->mechanism->refusal,
                            auth_bearer_scopes(x->door.protocol));
    return challenge_with(x, json, challenge);
}

/* ---- steps ---- */

static enum sasl_next take_message(struct auth_exchange *x, str message, str *challenge,
                                   struct err *e)
{
    switch (x->stage) {
    case STAGE_FIRST:
        return x->mechanism->parse ? bearer(x, message, challenge, e)
                                   : scram_first(x, message, challenge, e);
    case STAGE_PROOF:
        return scram_final(x, message, challenge, e);
    case STAGE_ACCEPT:
        if (message.n == 0)
            return SASL_DONE;
        (void)ERR(e, ERR_SYNTAX, "nothing may follow the end of SCRAM");
        return SASL_FAIL;
    case STAGE_REFUSED:
        *e = x->refusal;
        return SASL_FAIL;
    }
    return SASL_FAIL;
}

enum sasl_next auth_exchange_step(struct auth_exchange *x, str line, str *challenge, struct err *e)
{
    struct buf message;
    enum sasl_next next = SASL_FAIL;
    *challenge = STR_EMPTY;
    if (x->mechanism->has_password)
        return check_password(x, sasl_server_step(&x->sasl, line, challenge, e), e);
    if (x->stage == STAGE_REFUSED) {
        *e = x->refusal;
        return SASL_FAIL;
    }
    buf_init(&message, SASL_LINE_MAX);
    if (line.n > SASL_LINE_MAX) {
        (void)ERR(e, ERR_SYNTAX, "a line of SASL has at most %d octets", SASL_LINE_MAX);
    } else if (str_eq(line, STR("*"))) {
        (void)ERR(e, ERR_CANCELLED, "the client ended the exchange");
    } else if (base64_decode(BASE64_STANDARD, line, &message, e)) {
        next = take_message(x, buf_str(&message), challenge, e);
    }
    if (message.p)
        secret_wipe_memory(message.p, message.cap);
    buf_fini(&message);
    return next;
}

enum sasl_next auth_exchange_start(struct auth_exchange *x, const str *initial, str *challenge,
                                   struct err *e)
{
    *challenge = STR_EMPTY;
    if (x->mechanism->has_password)
        return check_password(x, sasl_server_start(&x->sasl, initial, challenge, e), e);
    if (!initial)
        return SASL_CHALLENGE;
    /* "=" is how an empty message is written in front (RFC 4954 section 4). */
    return auth_exchange_step(x, str_eq(*initial, STR("=")) ? STR_EMPTY : *initial, challenge, e);
}

void auth_exchange_note_exposed(const struct auth_door *door, str mechanism, const str *initial)
{
    struct sasl_server sasl;
    enum sasl_mechanism found;
    struct err e = ERR_CLEAR;
    str challenge;
    if (!initial || !sasl_mechanism_find(mechanism, &found))
        return;
    sasl_server_init(&sasl, found);
    if (sasl_server_start(&sasl, initial, &challenge, &e) == SASL_DONE) {
        const struct auth_attempt attempt =
            attempt_of(door, secret_str(&sasl.login), secret_str(&sasl.password));
        auth_note_exposed(door->auth, &attempt);
    }
    sasl_server_fini(&sasl);
}
