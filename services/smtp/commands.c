/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: who runs each, and when it is allowed. */
#include "services/smtp/commands.h"

enum {
    NEEDS_HELO = 1,
    NEEDS_LOGIN = 2,     /* on submission */
    NEEDS_SENDER = 4,    /* after MAIL */
    NEEDS_RECIPIENT = 8, /* after a good RCPT */
    NOT_IN_MAIL = 16,    /* not after MAIL */
    NO_ARGUMENT = 32,    /* RFC 5321 4.1.1 */
    ENDS_GROUP = 64,     /* nothing may be sent before its reply, RFC 2920 3.1 */
    IS_JUNK = 128,       /* brings no mail: counted between messages (S11) */
    NOT_IN_STRESS = 256, /* refused when there is too much to do */
    NOT_IN_CHUNKS = 512, /* not between the chunks of a message, RFC 3030 section 2 */
    ONLY_LMTP = 2048,    /* unknown elsewhere */
    NOT_IN_LMTP = 4096,  /* RFC 2033 section 4.1; and there is nobody to log in */
    HAS_CHUNK = 1024     /* octets follow that are no commands, also where it is refused */
};

static const struct command_row {
    enum smtp_verb verb;
    enum net_next (*run)(struct smtp_session *s, str argument);
    unsigned flags;
} rows[] = {
    { SMTP_EHLO, smtp_cmd_ehlo, ENDS_GROUP | IS_JUNK | NOT_IN_LMTP },
    { SMTP_HELO, smtp_cmd_helo, ENDS_GROUP | IS_JUNK | NOT_IN_LMTP },
    { SMTP_LHLO, smtp_cmd_ehlo, ENDS_GROUP | IS_JUNK | ONLY_LMTP },
    { SMTP_STARTTLS, smtp_cmd_starttls, NO_ARGUMENT | NOT_IN_MAIL },
    { SMTP_XCLIENT, smtp_cmd_xclient, NOT_IN_MAIL | ENDS_GROUP | IS_JUNK | NOT_IN_LMTP },
    { SMTP_AUTH, smtp_cmd_auth, NEEDS_HELO | NOT_IN_MAIL | ENDS_GROUP | IS_JUNK | NOT_IN_LMTP },
    { SMTP_MAIL, smtp_cmd_mail, NEEDS_HELO | NEEDS_LOGIN },
    { SMTP_RCPT, smtp_cmd_rcpt, NEEDS_HELO | NEEDS_LOGIN | NEEDS_SENDER | NOT_IN_CHUNKS },
    { SMTP_DATA, smtp_cmd_data,
      NEEDS_HELO | NEEDS_LOGIN | NEEDS_SENDER | NEEDS_RECIPIENT | NO_ARGUMENT | ENDS_GROUP |
          NOT_IN_CHUNKS },
    { SMTP_BDAT, smtp_cmd_bdat,
      NEEDS_HELO | NEEDS_LOGIN | NEEDS_SENDER | NEEDS_RECIPIENT | HAS_CHUNK },
    { SMTP_RSET, smtp_cmd_rset, NO_ARGUMENT | IS_JUNK },
    { SMTP_NOOP, smtp_cmd_noop, IS_JUNK },
    { SMTP_VRFY, smtp_cmd_vrfy, IS_JUNK | NOT_IN_STRESS },
    { SMTP_EXPN, smtp_cmd_expn, IS_JUNK | NOT_IN_STRESS },
    { SMTP_HELP, smtp_cmd_help, IS_JUNK | NOT_IN_STRESS },
    { SMTP_QUIT, smtp_cmd_quit, NO_ARGUMENT },
};

static const struct command_row *find(enum smtp_verb verb)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].verb == verb)
            return &rows[i];
    }
    return NULL;
}

static bool is_of_this_door(const struct smtp_session *s, unsigned flags)
{
    return !(flags & (smtp_is_lmtp(s) ? NOT_IN_LMTP : ONLY_LMTP));
}

static bool is_offered(const struct smtp_session *s, const struct command_row *row)
{
    if (row->verb == SMTP_AUTH && s->front->policy != SMTP_SUBMISSION)
        return false;
    if (row->verb == SMTP_XCLIENT && !smtp_offers_xclient(s))
        return false;
    return is_of_this_door(s, row->flags);
}

void smtp_list_commands(const struct smtp_session *s, struct buf *out)
{
    const char *gap = "";
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!is_offered(s, &rows[i]))
            continue;
        (void)buf_addf(out, "%s%s", gap, smtp_verb_name(rows[i].verb));
        gap = " ";
    }
}

/* What stands against running the command now, in the order a client must hear of it. */
static bool is_allowed(const struct smtp_session *s, unsigned flags, str argument,
                       enum smtp_answer *why)
{
    const struct {
        bool applies;
        enum smtp_answer answer;
    } obstacles[] = {
        { flags & NO_ARGUMENT && argument.n > 0, ANSWER_NO_ARGUMENT },
        { flags & NOT_IN_STRESS && smtp_is_stressed(s), ANSWER_NOT_IMPLEMENTED },
        { flags & NEEDS_HELO && s->helo.n == 0, ANSWER_HELO_FIRST },
        { flags & NEEDS_LOGIN && s->front->requires_tls && !smtp_has_tls(s),
          ANSWER_STARTTLS_FIRST },
        { flags & NEEDS_LOGIN && s->front->policy == SMTP_SUBMISSION && s->account_id == 0,
          ANSWER_AUTH_FIRST },
        { flags & NEEDS_SENDER && !s->has_sender, ANSWER_MAIL_FIRST },
        { flags & NEEDS_RECIPIENT && s->recipients.n == 0,
          smtp_is_lmtp(s) ? ANSWER_RCPT_FIRST_LMTP : ANSWER_RCPT_FIRST },
        { flags & NOT_IN_MAIL && s->has_sender, ANSWER_NOT_NOW },
        { flags & NOT_IN_CHUNKS && s->chunked, ANSWER_NOT_IN_CHUNKS },
    };
    for (size_t i = 0; i < COUNT_OF(obstacles); i++) {
        if (obstacles[i].applies) {
            *why = obstacles[i].answer;
            return false;
        }
    }
    return true;
}

/* Whether the client has to wait for the reply: also where no EHLO told it of PIPELINING. */
static bool ends_group(const struct smtp_session *s, unsigned flags)
{
    return flags & ENDS_GROUP || (!s->is_esmtp && !(flags & HAS_CHUNK));
}

enum net_next smtp_run_command(struct smtp_session *s, const struct smtp_command *command)
{
    const struct command_row *row = find(command->verb);
    bool is_first = !s->seen_command;
    s->seen_command = true;
    if (!row && is_first && command->verb != SMTP_MASKED) /* no server of mail begins like that */
        return smtp_say(s, ANSWER_UNKNOWN_FIRST);
    if (!row || !is_of_this_door(s, row->flags))
        return smtp_say(s, ANSWER_UNKNOWN_COMMAND);
    if (row->flags & IS_JUNK && ++s->junk > SMTP_JUNK_MAX)
        return smtp_say(s, ANSWER_TOO_MUCH_JUNK);
    if (ends_group(s, row->flags) && net_buffered(s->conn) > 0)
        return smtp_say(s, ANSWER_EARLY_TALKER);
    enum smtp_answer why;
    if (!is_allowed(s, row->flags, command->argument, &why)) {
        return row->flags & HAS_CHUNK ? smtp_refuse_chunk(s, command->argument, why)
                                      : smtp_say(s, why);
    }
    return row->run(s, command->argument);
}
