/* SPDX-License-Identifier: Apache-2.0 */
/* From lines of base64 to an identity. */
#include "auth/exchange.h"

#include "net/net.h"

#include <stdlib.h>

enum {
    STEP_MS = 30 * 1000 /* hashing and the delays of failures */
};

struct auth_exchange {
    struct auth_door door;
    struct arena arena;      /* challenges and the identity */
    struct sasl_server sasl; /* PLAIN and LOGIN */
    struct auth_identity identity;
};

bool auth_mechanisms_add(const struct net_conn *c, const char *before, struct buf *out)
{
    str names = str_from_cstr(sasl_mechanism_names());
    bool ok = true;
    while (net_conn_tls(c) && names.n > 0) {
        str name;
        (void)str_cut(names, ' ', &name, &names);
        ok = ok && buf_addf(out, "%s%.*s", before, STR_FMT(name));
    }
    return ok;
}

struct auth_exchange *auth_exchange_new(const struct auth_door *door, str mechanism)
{
    enum sasl_mechanism found;
    if (!sasl_mechanism_find(mechanism, &found))
        return NULL;
    struct auth_exchange *x = HEAP_NEW(struct auth_exchange);
    x->door = *door;
    arena_init(&x->arena);
    sasl_server_init(&x->sasl, found);
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

static struct auth_attempt attempt_of(const struct auth_door *door, const struct sasl_server *sasl)
{
    return (struct auth_attempt){ .login = secret_str(&sasl->login),
                                  .password = secret_str(&sasl->password),
                                  .peer = net_conn_peer(door->conn),
                                  .protocol = door->protocol,
                                  .session = net_conn_id(door->conn) };
}

/* Name and password are known, or the mechanism goes on. */
static enum sasl_next follow(struct auth_exchange *x, enum sasl_next next, struct err *e)
{
    if (next == SASL_FAIL && e->kind == ERR_LIMIT)
        e->kind = ERR_SYNTAX; /* a line too long: ERR_LIMIT is of too many failures */
    if (next != SASL_DONE)
        return next;
    const struct auth_attempt attempt = attempt_of(&x->door, &x->sasl);
    bool ok =
        auth_login(x->door.auth, &attempt, &x->arena, clock_deadline_in(STEP_MS), &x->identity, e);
    return ok ? SASL_DONE : SASL_FAIL;
}

enum sasl_next auth_exchange_start(struct auth_exchange *x, const str *initial, str *challenge,
                                   struct err *e)
{
    return follow(x, sasl_server_start(&x->sasl, initial, challenge, e), e);
}

enum sasl_next auth_exchange_step(struct auth_exchange *x, str line, str *challenge, struct err *e)
{
    return follow(x, sasl_server_step(&x->sasl, line, challenge, e), e);
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
        const struct auth_attempt attempt = attempt_of(door, &sasl);
        auth_note_exposed(door->auth, &attempt);
    }
    sasl_server_fini(&sasl);
}
