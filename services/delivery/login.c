/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH PLAIN (RFC 4616) and LOGIN as a client. What holds the password is wiped. */
#include "services/delivery/login.h"

#include "base/base64.h"

enum {
    ANSWER_MS = 120 * 1000,
    TEXT_MAX = ACCOUNT_TRANSPORT_LOGIN_MAX + ACCOUNT_TRANSPORT_PASSWORD_MAX + 2,
    LINE_MAX_OCTETS = 2 * TEXT_MAX
};

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

bool delivery_log_in(struct delivery_session *s, struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    const struct tls_facts *facts = net_conn_tls(s->conn);
    bool answered = false;
    s->stage = "login";
    if (!facts || !facts->verified) {
        (void)ERR(&e, ERR_DENIED, "its certificate did not verify");
    } else if (!s->offers.auth_plain && !s->offers.auth_login) {
        (void)ERR(&e, ERR_UNSUPPORTED, "it offers neither AUTH PLAIN nor LOGIN");
    } else {
        answered = s->offers.auth_plain ? by_plain(s, &e) : by_login(s, &e);
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
