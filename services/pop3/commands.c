/* SPDX-License-Identifier: Apache-2.0 */
/* The table, in the order of RFC 1939, and what CAPA tells of it (RFC 2449). */
#include "services/pop3/commands.h"

enum {
    ANY = POP3_AUTHORIZATION | POP3_TRANSACTION
};

enum {
    NO_ARGUMENT = 1,
    NEEDS_ARGUMENT = 2
};

static const struct command_row {
    enum pop3_verb verb;
    void (*run)(struct pop3_session *s, str argument);
    unsigned states; /* enum pop3_state bits */
    unsigned flags;
    unsigned rfc; /* number of the one that defines it */
} rows[] = {
    { POP3_CAPA, pop3_cmd_capa, ANY, NO_ARGUMENT, 2449 },
    { POP3_STLS, pop3_cmd_stls, POP3_AUTHORIZATION, NO_ARGUMENT, 2595 },
    { POP3_USER, pop3_cmd_user, POP3_AUTHORIZATION, NEEDS_ARGUMENT, 1939 },
    { POP3_PASS, pop3_cmd_pass, POP3_AUTHORIZATION, NEEDS_ARGUMENT, 1939 },
    { POP3_APOP, pop3_cmd_apop, POP3_AUTHORIZATION, 0, 1939 },
    { POP3_AUTH, pop3_cmd_auth, POP3_AUTHORIZATION, 0, 5034 },
    { POP3_UTF8, pop3_cmd_utf8, POP3_AUTHORIZATION, NO_ARGUMENT, 6856 },
    { POP3_STAT, pop3_cmd_stat, POP3_TRANSACTION, NO_ARGUMENT, 1939 },
    { POP3_LIST, pop3_cmd_list, POP3_TRANSACTION, 0, 1939 },
    { POP3_UIDL, pop3_cmd_uidl, POP3_TRANSACTION, 0, 1939 },
    { POP3_RETR, pop3_cmd_retr, POP3_TRANSACTION, NEEDS_ARGUMENT, 1939 },
    { POP3_TOP, pop3_cmd_top, POP3_TRANSACTION, NEEDS_ARGUMENT, 1939 },
    { POP3_DELE, pop3_cmd_dele, POP3_TRANSACTION, NEEDS_ARGUMENT, 1939 },
    { POP3_RSET, pop3_cmd_rset, POP3_TRANSACTION, NO_ARGUMENT, 1939 },
    { POP3_NOOP, pop3_cmd_noop, POP3_TRANSACTION, NO_ARGUMENT, 1939 },
    { POP3_QUIT, pop3_cmd_quit, ANY, NO_ARGUMENT, 1939 },
};

static const struct command_row *find(enum pop3_verb verb)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].verb == verb)
            return &rows[i];
    }
    return NULL;
}

void pop3_run_command(struct pop3_session *s, const struct pop3_command *command)
{
    const struct command_row *row = find(command->verb);
    bool has_argument = str_trim(command->argument).n > 0;
    if (command->verb == POP3_FOREIGN) {
        pop3_err(s, "", "This is POP3");
        pop3_end(s, "foreign_protocol");
    } else if (!row) {
        pop3_bad(s, "Unknown command");
    } else if ((row->states & s->state) == 0) {
        pop3_bad(s, s->state == POP3_AUTHORIZATION ? "Log in first" : "You are logged in already");
    } else if (row->flags & NO_ARGUMENT && has_argument) {
        pop3_bad(s, "This command has no argument");
    } else if (row->flags & NEEDS_ARGUMENT && !has_argument) {
        pop3_bad(s, "This command needs an argument");
    } else {
        row->run(s, command->argument);
    }
}

bool pop3_command_describe(size_t n, struct app_command *out)
{
    if (n >= COUNT_OF(rows))
        return false;
    *out = (struct app_command){ .name = str_from_cstr(pop3_verb_name(rows[n].verb)),
                                 .rfc = rows[n].rfc };
    out->states[0] = rows[n].states & POP3_AUTHORIZATION ? "authorization" : NULL;
    out->states[1] = rows[n].states & POP3_TRANSACTION ? "transaction" : NULL;
    return true;
}

/* ---- CAPA ---- */

static bool has_tls(const struct pop3_session *s)
{
    return net_conn_tls(s->conn) != NULL;
}

static bool offers_stls(const struct pop3_session *s)
{
    return s->state == POP3_AUTHORIZATION && s->app->tls && !has_tls(s);
}

/* Both lists stay the same after login, so that clients may keep them (RFC 2449 section 5). There
 * is no EXPIRE: how long mail stays is each mailbox's own, and may change meanwhile. */
static const struct {
    const char *words;
    bool (*is_offered)(const struct pop3_session *s); /* NULL: always */
} capabilities[] = {
    { "TOP", NULL },
    { "UIDL", NULL },
    { "RESP-CODES", NULL },
    { "AUTH-RESP-CODE", NULL },
    { "PIPELINING", NULL },
    { "UTF8 USER", NULL },
    { "STLS", offers_stls },
    { "USER", has_tls },
    { "IMPLEMENTATION Heronry", NULL },
};

bool pop3_capabilities_format(const struct pop3_session *s, struct buf *out)
{
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(capabilities); i++) {
        if (!capabilities[i].is_offered || capabilities[i].is_offered(s))
            ok = ok && buf_addf(out, "%s\r\n", capabilities[i].words);
    }
    if (has_tls(s)) {
        ok = ok && buf_add(out, STR("SASL")) && auth_mechanisms_add(s->conn, " ", out) &&
             buf_add(out, STR("\r\n"));
    }
    return ok;
}
