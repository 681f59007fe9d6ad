/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN and LOGIN between lines of base64. */
#include "auth/sasl.h"

#include "auth/password.h"
#include "base/base64.h"
#include "base/utf8.h"

enum {
    LOGIN_MAX = 320 /* octets: no address is longer */
};

static const struct {
    str name;
    enum sasl_mechanism mechanism;
} mechanisms[] = {
    { STR_INIT("PLAIN"), SASL_PLAIN },
    { STR_INIT("LOGIN"), SASL_LOGIN },
};

bool sasl_mechanism_find(str name, enum sasl_mechanism *out)
{
    for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
        if (!str_ieq(name, mechanisms[i].name))
            continue;
        *out = mechanisms[i].mechanism;
        return true;
    }
    return false;
}

void sasl_server_init(struct sasl_server *s, enum sasl_mechanism mechanism)
{
    *s = (struct sasl_server){ .mechanism = mechanism };
}

void sasl_server_fini(struct sasl_server *s)
{
    secret_wipe(&s->login);
    secret_wipe(&s->password);
}

/* ---- what a name and a password can be ---- */

static bool keep_login(struct sasl_server *s, str login, struct err *e)
{
    bool ok = login.n > 0 && login.n <= LOGIN_MAX && utf8_is_valid(login);
    for (size_t i = 0; ok && i < login.n; i++)
        ok = (unsigned char)login.p[i] >= 0x20 && login.p[i] != 0x7f;
    if (!ok)
        return ERR(e, ERR_DENIED, "nobody can have this name");
    secret_set(&s->login, login);
    return true;
}

static bool keep_password(struct sasl_server *s, str password, struct err *e)
{
    /* The cost of argon2 grows with the length, so nothing longer gets there (ATTACKS U11). */
    if (password.n == 0 || password.n > AUTH_PASSWORD_MAX || str_find_byte(password, '\0') >= 0)
        return ERR(e, ERR_DENIED, "nobody can have this password");
    secret_set(&s->password, password);
    return true;
}

/* ---- the two mechanisms, on decoded messages ---- */

/* message = [authzid] NUL authcid NUL passwd (RFC 4616 section 2). */
static enum sasl_next read_plain(struct sasl_server *s, str message, struct err *e)
{
    str authzid, login, password;
    if (!str_cut(message, '\0', &authzid, &message) || !str_cut(message, '\0', &login, &password) ||
        str_find_byte(password, '\0') >= 0) {
        (void)ERR(e, ERR_SYNTAX, "PLAIN needs exactly two NULs");
        return SASL_FAIL;
    }
    /* Acting for somebody else is a right that nobody has here. */
    if (authzid.n && !str_ieq(authzid, login)) {
        (void)ERR(e, ERR_DENIED, "the authorisation identity is not the name");
        return SASL_FAIL;
    }
    return keep_login(s, login, e) && keep_password(s, password, e) ? SASL_DONE : SASL_FAIL;
}

static enum sasl_next read_login(struct sasl_server *s, str message, str *challenge, struct err *e)
{
    if (s->has_login)
        return keep_password(s, message, e) ? SASL_DONE : SASL_FAIL;
    if (!keep_login(s, message, e))
        return SASL_FAIL;
    s->has_login = true;
    *challenge = STR("UGFzc3dvcmQ6"); /* "Password:" */
    return SASL_CHALLENGE;
}

static enum sasl_next read_message(struct sasl_server *s, str message, str *challenge,
                                   struct err *e)
{
    switch (s->mechanism) {
    case SASL_PLAIN:
        return read_plain(s, message, e);
    case SASL_LOGIN:
        return read_login(s, message, challenge, e);
    }
    return SASL_FAIL;
}

enum sasl_next sasl_server_step(struct sasl_server *s, str line, str *challenge, struct err *e)
{
    struct buf message;
    enum sasl_next next = SASL_FAIL;
    *challenge = STR_EMPTY;
    buf_init(&message, SASL_LINE_MAX);
    if (line.n > SASL_LINE_MAX) {
        (void)ERR(e, ERR_LIMIT, "a line of SASL has at most %d octets", SASL_LINE_MAX);
    } else if (str_eq(line, STR("*"))) {
        (void)ERR(e, ERR_CANCELLED, "the client ended the exchange");
    } else if (base64_decode(BASE64_STANDARD, line, &message, e)) {
        next = read_message(s, buf_str(&message), challenge, e);
    }
    if (message.p)
        secret_wipe_memory(message.p, message.cap);
    buf_fini(&message);
    return next;
}

enum sasl_next sasl_server_start(struct sasl_server *s, const str *initial, str *challenge,
                                 struct err *e)
{
    if (initial) {
        /* "=" is how an empty message is written in front (RFC 4954 section 4). */
        bool is_empty = str_eq(*initial, STR("="));
        return sasl_server_step(s, is_empty ? STR_EMPTY : *initial, challenge, e);
    }
    *challenge = s->mechanism == SASL_LOGIN ? STR("VXNlcm5hbWU6") /* "Username:" */ : STR_EMPTY;
    return SASL_CHALLENGE;
}
