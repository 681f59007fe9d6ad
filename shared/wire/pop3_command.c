/* SPDX-License-Identifier: Apache-2.0 */
/* POP3 command lines to values. Pure. */
#include "wire/pop3_command.h"

enum {
    MECHANISM_MAX = 20 /* octets (RFC 4422 section 3.1) */
};

static const struct {
    str name;
    enum pop3_verb verb;
} verbs[] = {
    { STR_INIT("CAPA"), POP3_CAPA }, { STR_INIT("STLS"), POP3_STLS },
    { STR_INIT("USER"), POP3_USER }, { STR_INIT("PASS"), POP3_PASS },
    { STR_INIT("APOP"), POP3_APOP }, { STR_INIT("AUTH"), POP3_AUTH },
    { STR_INIT("UTF8"), POP3_UTF8 }, { STR_INIT("STAT"), POP3_STAT },
    { STR_INIT("LIST"), POP3_LIST }, { STR_INIT("UIDL"), POP3_UIDL },
    { STR_INIT("RETR"), POP3_RETR }, { STR_INIT("TOP"), POP3_TOP },
    { STR_INIT("DELE"), POP3_DELE }, { STR_INIT("RSET"), POP3_RSET },
    { STR_INIT("NOOP"), POP3_NOOP }, { STR_INIT("QUIT"), POP3_QUIT },
};

/* First words of HTTP requests, with which browsers and request forgery come. */
static const str foreign[] = {
    STR_INIT("GET"),     STR_INIT("POST"),   STR_INIT("PUT"),
    STR_INIT("HEAD"),    STR_INIT("DELETE"), STR_INIT("OPTIONS"),
    STR_INIT("CONNECT"), STR_INIT("PATCH"),  STR_INIT("PRI"),
};

static enum pop3_verb find_verb(str word)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (str_ieq(word, verbs[i].name))
            return verbs[i].verb;
    }
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        if (str_ieq(word, foreign[i]))
            return POP3_FOREIGN;
    }
    return POP3_UNKNOWN;
}

struct pop3_command pop3_command_parse(str line)
{
    struct pop3_command command;
    str word;
    (void)str_cut(line, ' ', &word, &command.argument);
    command.verb = find_verb(word);
    return command;
}

const char *pop3_verb_name(enum pop3_verb verb)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (verbs[i].verb == verb)
            return verbs[i].name.p;
    }
    return "?";
}

/* Clients send spaces behind arguments; no message number has one. */
static str without_trailing_spaces(str s)
{
    while (s.n > 0 && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

bool pop3_number_parse(str argument, uint32_t *out, struct err *e)
{
    uint64_t number = 0;
    if (!str_to_uint(without_trailing_spaces(argument), INT32_MAX, &number) || number == 0)
        return ERR(e, ERR_SYNTAX, "a message number is 1 or more");
    *out = (uint32_t)number;
    return true;
}

bool pop3_top_parse(str argument, uint32_t *number, uint32_t *lines, struct err *e)
{
    str first;
    str second;
    uint64_t count = 0;
    (void)str_cut(argument, ' ', &first, &second);
    if (!pop3_number_parse(first, number, e))
        return false;
    if (!str_to_uint(without_trailing_spaces(second), INT32_MAX, &count))
        return ERR(e, ERR_SYNTAX, "TOP needs a message number and a number of lines");
    *lines = (uint32_t)count;
    return true;
}

static bool is_mechanism(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    return s.n > 0 && s.n <= MECHANISM_MAX;
}

bool pop3_auth_parse(str argument, struct pop3_auth *out, struct err *e)
{
    *out = (struct pop3_auth){ .has_initial = false };
    argument = without_trailing_spaces(argument);
    if (argument.n == 0)
        return true;
    out->has_initial = str_cut(argument, ' ', &out->mechanism, &out->initial);
    if (!is_mechanism(out->mechanism) || str_find_byte(out->initial, ' ') >= 0)
        return ERR(e, ERR_SYNTAX, "AUTH takes a mechanism and at most one response");
    return true;
}
