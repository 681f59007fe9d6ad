/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the session itself: CAPABILITY, NOOP, CHECK, LOGOUT, ID, ENABLE, NAMESPACE. */
#include "services/imap/commands.h"
#include "services/imap/updates.h"
#include "store/share.h"

#include <stddef.h>

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

/* What a client can enable, and the field of the session that says so. */
static const struct {
    str word;
    size_t at;
} enablings[] = {
    { STR_INIT("CONDSTORE"), offsetof(struct imap_session, is_condstore) },
    { STR_INIT("QRESYNC"), offsetof(struct imap_session, is_qresync) },
    { STR_INIT("UIDONLY"), offsetof(struct imap_session, is_uidonly) },
    { STR_INIT("IMAP4rev2"), offsetof(struct imap_session, is_rev2) },
    { STR_INIT("UTF8=ACCEPT"), offsetof(struct imap_session, is_utf8) },
};

static bool *field_of(struct imap_session *s, size_t i)
{
    return (bool *)((char *)s + enablings[i].at);
}

void imap_enabled_reset(struct imap_session *s)
{
    for (size_t i = 0; i < COUNT_OF(enablings); i++)
        *field_of(s, i) = false;
}

/* RFC 5161: unknown words are ignored, and only what is new is told. */
bool imap_cmd_enable(struct imap_session *s, struct imap_command *c, struct err *e)
{
    bool wants[COUNT_OF(enablings)] = { false };
    struct imap_lexer *l = &c->args;
    do {
        str word;
        if (!imap_lexer_space(l, e) || !imap_lexer_atom(l, &word, e))
            return false;
        for (size_t i = 0; i < COUNT_OF(enablings); i++)
            wants[i] |= str_ieq(word, enablings[i].word);
    } while (!imap_lexer_is_at_end(l));
    bool had_modseqs = s->is_condstore;
    bool ok = buf_add(&s->out, STR("* ENABLED"));
    for (size_t i = 0; i < COUNT_OF(enablings); i++) {
        if (wants[i] && !*field_of(s, i))
            ok = ok && buf_addf(&s->out, " %.*s", STR_FMT(enablings[i].word));
        *field_of(s, i) |= wants[i];
    }
    if (ok && buf_add(&s->out, STR("\r\n")))
        (void)imap_send_out(s);
    bool wants_modseqs = s->is_condstore || s->is_qresync; /* RFC 7162 section 3.2.3 */
    s->is_condstore = had_modseqs;
    if (wants_modseqs)
        imap_begin_condstore(s);
    return true;
}

bool imap_cmd_namespace(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    (void)imap_send(s, STR("* NAMESPACE ((\"\" \"/\")) ((\"" STORE_OTHER_USERS
                           "/\" \"/\")) ((\"" STORE_SHARED_FOLDERS "/\" \"/\"))\r\n"));
    return true;
}
