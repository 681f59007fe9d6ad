/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP command lines to values. Pure. Not for whether a command is allowed now. */
#include "wire/smtp_command.h"

static const struct {
    str name;
    enum smtp_verb verb;
    size_t line_max; /* octets without CRLF */
} verbs[] = {
    { STR_INIT("HELO"), SMTP_HELO, SMTP_COMMAND_MAX },
    { STR_INIT("EHLO"), SMTP_EHLO, SMTP_COMMAND_MAX },
    { STR_INIT("MAIL"), SMTP_MAIL, SMTP_COMMAND_LONG_MAX },
    { STR_INIT("RCPT"), SMTP_RCPT, SMTP_COMMAND_LONG_MAX },
    { STR_INIT("DATA"), SMTP_DATA, SMTP_COMMAND_MAX },
    { STR_INIT("RSET"), SMTP_RSET, SMTP_COMMAND_MAX },
    { STR_INIT("NOOP"), SMTP_NOOP, SMTP_COMMAND_MAX },
    { STR_INIT("QUIT"), SMTP_QUIT, SMTP_COMMAND_MAX },
    { STR_INIT("VRFY"), SMTP_VRFY, SMTP_COMMAND_MAX },
    { STR_INIT("EXPN"), SMTP_EXPN, SMTP_COMMAND_MAX },
    { STR_INIT("HELP"), SMTP_HELP, SMTP_COMMAND_MAX },
    { STR_INIT("AUTH"), SMTP_AUTH, SMTP_AUTH_MAX },
    { STR_INIT("STARTTLS"), SMTP_STARTTLS, SMTP_COMMAND_MAX },
};

/* First words of HTTP requests: browsers and request forgery reach port 25 with them (S12). */
static const str foreign[] = {
    STR_INIT("GET"),   STR_INIT("POST"),   STR_INIT("PUT"),     STR_INIT("HEAD"),
    STR_INIT("PATCH"), STR_INIT("DELETE"), STR_INIT("OPTIONS"), STR_INIT("CONNECT"),
    STR_INIT("TRACE"), STR_INIT("PRI"),
};

static enum smtp_verb find_verb(str word)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (str_ieq(word, verbs[i].name))
            return verbs[i].verb;
    }
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        if (str_ieq(word, foreign[i]))
            return SMTP_FOREIGN;
    }
    return SMTP_UNKNOWN;
}

static str without_trailing_spaces(str s)
{
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

struct smtp_command smtp_command_parse(str line)
{
    struct smtp_command command = { .verb = SMTP_UNKNOWN };
    str word;
    (void)str_cut(without_trailing_spaces(line), ' ', &word, &command.argument);
    command.verb = find_verb(word);
    return command;
}

const char *smtp_verb_name(enum smtp_verb verb)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (verbs[i].verb == verb)
            return verbs[i].name.p;
    }
    return "?";
}

size_t smtp_verb_line_max(enum smtp_verb verb)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (verbs[i].verb == verb)
            return verbs[i].line_max;
    }
    return SMTP_COMMAND_MAX;
}

bool smtp_is_helo_name(str argument)
{
    if (argument.n == 0 || argument.n > SMTP_DOMAIN_MAX)
        return false;
    if (argument.p[0] == '[')
        return smtp_is_address_literal(argument);
    for (size_t i = 0; i < argument.n; i++) {
        char c = argument.p[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return argument.p[0] != '.' && str_find(argument, STR("..")) < 0;
}

/* ---- MAIL and RCPT ---- */

struct mail_reading {
    const struct smtp_offer *offer;
    struct arena *a;
    struct smtp_mail *out;
};

static enum smtp_fault read_size(struct mail_reading *r, str value)
{
    if (r->out->has_size || value.n > 20 || !str_to_uint(value, UINT64_MAX, &r->out->size))
        return SMTP_FAULT_PARAMETER;
    r->out->has_size = true;
    return r->out->size > r->offer->max_size ? SMTP_FAULT_SIZE : SMTP_GOOD;
}

static enum smtp_fault read_body(struct mail_reading *r, str value)
{
    r->out->eight_bit = str_ieq(value, STR("8BITMIME"));
    return r->out->eight_bit || str_ieq(value, STR("7BIT")) ? SMTP_GOOD : SMTP_FAULT_PARAMETER;
}

static enum smtp_fault read_auth(struct mail_reading *r, str value)
{
    struct smtp_path mailbox;
    if (!r->offer->auth)
        return SMTP_FAULT_UNKNOWN_PARAMETER;
    if (r->out->has_auth)
        return SMTP_FAULT_PARAMETER;
    r->out->has_auth = true;
    if (str_eq(value, STR("<>")))
        return SMTP_GOOD;
    if (!smtp_xtext_decode(value, r->a, &r->out->auth) ||
        smtp_mailbox_parse(r->out->auth, r->a, &mailbox) != SMTP_GOOD)
        return SMTP_FAULT_PARAMETER;
    return SMTP_GOOD;
}

static enum smtp_fault read_smtputf8(struct mail_reading *r, str value)
{
    if (!r->offer->smtputf8)
        return SMTP_FAULT_UNKNOWN_PARAMETER;
    r->out->smtputf8 = true;
    return value.p ? SMTP_FAULT_PARAMETER : SMTP_GOOD;
}

static const struct {
    str keyword;
    enum smtp_fault (*read)(struct mail_reading *r, str value);
} mail_parameters[] = {
    { STR_INIT("SIZE"), read_size },
    { STR_INIT("BODY"), read_body },
    { STR_INIT("AUTH"), read_auth },
    { STR_INIT("SMTPUTF8"), read_smtputf8 },
};

/* One "keyword[=value]"; a missing value has no pointer, an empty one has. */
static enum smtp_fault read_mail_parameter(struct mail_reading *r, str parameter)
{
    str keyword;
    str value;
    if (!str_cut(parameter, '=', &keyword, &value))
        value = STR_EMPTY;
    if (keyword.n == 0)
        return SMTP_FAULT_SYNTAX;
    for (size_t i = 0; i < COUNT_OF(mail_parameters); i++) {
        if (str_ieq(keyword, mail_parameters[i].keyword))
            return mail_parameters[i].read(r, value);
    }
    return SMTP_FAULT_UNKNOWN_PARAMETER;
}

enum smtp_fault smtp_mail_parse(str argument, const struct smtp_offer *offer, struct arena *a,
                                struct smtp_mail *out)
{
    *out = (struct smtp_mail){ 0 };
    if (!str_has_iprefix(argument, STR("FROM:")))
        return SMTP_FAULT_SYNTAX;
    str rest = str_skip(argument, 5);
    enum smtp_fault fault = smtp_path_parse(&rest, SMTP_REVERSE_PATH, a, &out->sender);
    if (fault != SMTP_GOOD)
        return fault;
    struct mail_reading reading = { .offer = offer, .a = a, .out = out };
    while (rest.n > 0) {
        str parameter;
        if (rest.p[0] != ' ')
            return SMTP_FAULT_SYNTAX;
        rest = str_skip(rest, 1);
        bool more = str_cut(rest, ' ', &parameter, &rest);
        if (more)
            rest = str_of(rest.p - 1, rest.n + 1);
        fault = read_mail_parameter(&reading, parameter);
        if (fault != SMTP_GOOD)
            return fault;
    }
    return SMTP_GOOD;
}

enum smtp_fault smtp_rcpt_parse(str argument, struct arena *a, struct smtp_path *out)
{
    *out = (struct smtp_path){ 0 };
    if (!str_has_iprefix(argument, STR("TO:")))
        return SMTP_FAULT_SYNTAX;
    str rest = str_skip(argument, 3);
    enum smtp_fault fault = smtp_path_parse(&rest, SMTP_FORWARD_PATH, a, out);
    if (fault != SMTP_GOOD)
        return fault;
    if (rest.n == 0)
        return SMTP_GOOD;
    return rest.p[0] == ' ' ? SMTP_FAULT_UNKNOWN_PARAMETER : SMTP_FAULT_SYNTAX;
}

/* ---- AUTH ---- */

static bool is_mechanism(str s)
{
    if (s.n == 0 || s.n > 20)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    return true;
}

enum smtp_fault smtp_auth_parse(str argument, struct smtp_auth *out)
{
    *out = (struct smtp_auth){ 0 };
    out->has_initial = str_cut(argument, ' ', &out->mechanism, &out->initial);
    if (!is_mechanism(out->mechanism) || str_find_byte(out->initial, ' ') >= 0)
        return SMTP_FAULT_SYNTAX;
    if (out->has_initial && out->initial.n == 0)
        return SMTP_FAULT_SYNTAX;
    return SMTP_GOOD;
}
