/* SPDX-License-Identifier: Apache-2.0 */
/* The server side of SASL PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login), as a pure state
 * machine between lines of base64. It finds name and password; it does not check them.
 *
 * struct sasl_server s;
 * sasl_server_init(&s, mechanism);
 * next = sasl_server_start(&s, initial_response_or_NULL, &challenge, &e);
 * while (next == SASL_CHALLENGE) { send challenge; next = sasl_server_step(&s, line, ...); }
 * on SASL_DONE use s.login and s.password; always sasl_server_fini(&s). */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "crypto/secret.h"

enum sasl_mechanism {
    SASL_PLAIN,
    SASL_LOGIN
};

enum {
    SASL_LINE_MAX = 12288 /* octets of a client's line (RFC 4954 section 4) */
};

/* Finds one of these two by its name in any case; false when it is none of them. */
bool sasl_mechanism_find(str name, enum sasl_mechanism *out);

enum sasl_next {
    SASL_CHALLENGE, /* send the challenge, read a line, call sasl_server_step */
    SASL_DONE,      /* login and password are known */
    SASL_FAIL       /* the error is filled */
};

struct sasl_server {
    enum sasl_mechanism mechanism;
    bool has_login;         /* LOGIN: the name has come */
    struct secret login;    /* UTF-8, not empty, without control characters */
    struct secret password; /* not empty, without NUL, at most 1024 octets; not prepared */
};

/* An exchange that has not begun. */
void sasl_server_init(struct sasl_server *s, enum sasl_mechanism mechanism);
/* Wipes what it learnt. */
void sasl_server_fini(struct sasl_server *s);

/* Begins; `initial` is the initial response as written ("=" for an empty one), or NULL when the
 * client sent none. *challenge is static base64, to be sent as it is (empty for PLAIN).
 * Errors: ERR_CANCELLED ("*"), ERR_SYNTAX (no base64, wrong number of NULs), ERR_LIMIT (line longer
 * than SASL_LINE_MAX), ERR_DENIED (an authorisation identity that is not the name, a password or
 * name that nobody can have). */
enum sasl_next sasl_server_start(struct sasl_server *s, const str *initial, str *challenge,
                                 struct err *e);
/* Goes on with the client's next line, without its line end. The same errors. */
enum sasl_next sasl_server_step(struct sasl_server *s, str line, str *challenge, struct err *e);

#endif
