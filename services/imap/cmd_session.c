/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the session itself: CAPABILITY, NOOP, CHECK, LOGOUT, ID, ENABLE, NAMESPACE. */
#include "services/imap/commands.h"

enum {
    NOOP_PAUSE_MS = 100
};

bool imap_cmd_capability(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    bool ok = buf_add(&s->out, STR("* CAPABILITY ")) && imap_capabilities_format(s, &s->out) &&
              buf_add(&s->out, STR("\r\n"));
    return ok ? (void)imap_send_out(s), true : ERR(e, ERR_INTERNAL, "no room for CAPABILITY");
}

/* The news come with the answer (IMAP_LOOKS). A flood of NOOPs is slowed (ATTACKS I12). */
bool imap_cmd_noop(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    return s->noops < IMAP_NOOPS_AT_ONCE || fiber_sleep_until(clock_deadline_in(NOOP_PAUSE_MS), e);
}

bool imap_cmd_logout(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    imap_bye(s, "", "Good-bye", "logout");
    (void)imap_reply(s, IMAP_OK, STR_EMPTY, "LOGOUT completed");
    (void)imap_send_reply(s, c->tag);
    return true;
}

/* RFC 2971. Nothing that the client says of itself matters to us; we tell our name only. */
bool imap_cmd_id(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_id_args args;
    if (!imap_parse_id(&c->args, &args, e))
        return false;
    (void)imap_send(s, STR("* ID (\"name\" \"Heronry\")\r\n"));
    return true;
}

/* RFC 5161: unknown words are ignored, and only what is new is told. */
bool imap_cmd_enable(struct imap_session *s, struct imap_command *c, struct err *e)
{
    bool wants_rev2 = false;
    bool wants_condstore = false;
    struct imap_lexer *l = &c->args;
    do {
        str word;
        if (!imap_lexer_space(l, e) || !imap_lexer_atom(l, &word, e))
            return false;
        wants_rev2 |= str_ieq(word, STR("IMAP4rev2"));
        wants_condstore |= str_ieq(word, STR("CONDSTORE"));
    } while (!imap_lexer_is_at_end(l));
    const char *rev2 = wants_rev2 && !s->is_rev2 ? " IMAP4rev2" : "";
    const char *condstore = wants_condstore && !s->is_condstore ? " CONDSTORE" : "";
    s->is_rev2 |= wants_rev2;
    s->is_condstore |= wants_condstore;
    (void)imap_sendf(s, "* ENABLED%s%s\r\n", condstore, rev2);
    return true;
}

bool imap_cmd_namespace(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    (void)imap_send(s, STR("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"));
    return true;
}
