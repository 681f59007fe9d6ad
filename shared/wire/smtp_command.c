/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP command lines to values. Pure. Not for whether a command is allowed now. */
#include "wire/smtp_command.h"

#include "base/date.h"
#include "base/utf8.h"

static const struct {
    str name;
    enum smtp_verb verb;
    size_t line_max; /* octets without CRLF */
} verbs[] = {
    { STR_INIT("HELO"), SMTP_HELO, SMTP_COMMAND_MAX },
    { STR_INIT("EHLO"), SMTP_EHLO, SMTP_COMMAND_MAX },
    { STR_INIT("LHLO"), SMTP_LHLO, SMTP_COMMAND_MAX },
    { STR_INIT("MAIL"), SMTP_MAIL, SMTP_COMMAND_LONG_MAX },
    { STR_INIT("RCPT"), SMTP_RCPT, SMTP_COMMAND_LONG_MAX },
    { STR_INIT("DATA"), SMTP_DATA, SMTP_COMMAND_MAX },
    { STR_INIT("BDAT"), SMTP_BDAT, SMTP_COMMAND_MAX },
    { STR_INIT("RSET"), SMTP_RSET, SMTP_COMMAND_MAX },
    { STR_INIT("NOOP"), SMTP_NOOP, SMTP_COMMAND_MAX },
    { STR_INIT("QUIT"), SMTP_QUIT, SMTP_COMMAND_MAX },
    { STR_INIT("VRFY"), SMTP_VRFY, SMTP_COMMAND_MAX },
    { STR_INIT("EXPN"), SMTP_EXPN, SMTP_COMMAND_MAX },
    { STR_INIT("HELP"), SMTP_HELP, SMTP_COMMAND_MAX },
    { STR_INIT("AUTH"), SMTP_AUTH, SMTP_AUTH_MAX },
    { STR_INIT("STARTTLS"), SMTP_STARTTLS, SMTP_COMMAND_MAX },
    { STR_INIT("XCLIENT"), SMTP_XCLIENT, SMTP_COMMAND_LONG_MAX },
    { STR_INIT("XXXX"), SMTP_MASKED, SMTP_COMMAND_MAX },
};

/* RFC 3461 4.2 and 4.4. */
enum {
    ENVID_MAX = 100,
    HOLD_DIGITS = 9,    /* of HOLDFOR=, RFC 4865 */
    HOLD_TIME_MAX = 40, /* octets of HOLDUNTIL= */
    ORCPT_MAX = 500,
    ORCPT_ESCAPED_MAX = 2048 /* octets of one of UTF-8, escaped; longer than ORCPT_MAX is refused */
};

/* First words of HTTP requests: browsers and request forgery reach port 25 with them (S12); and of
 * the PROXY protocol, by somebody who is not trusted to tell for whom it speaks. */
static const str foreign[] = {
    STR_INIT("GET"),   STR_INIT("POST"),   STR_INIT("PUT"),     STR_INIT("HEAD"),
    STR_INIT("PATCH"), STR_INIT("DELETE"), STR_INIT("OPTIONS"), STR_INIT("CONNECT"),
    STR_INIT("TRACE"), STR_INIT("PRI"),    STR_INIT("PROXY"),
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
    /* A ClientHello, and the first line of SSH. */
    bool is_other = (word.n > 0 && word.p[0] == 0x16) || str_has_prefix(word, STR("SSH-"));
    return is_other ? SMTP_FOREIGN : SMTP_UNKNOWN;
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
    if (r->out->has_body)
        return SMTP_FAULT_PARAMETER;
    r->out->has_body = true;
    r->out->eight_bit = str_ieq(value, STR("8BITMIME"));
    r->out->binary = r->offer->binary && str_ieq(value, STR("BINARYMIME"));
    return r->out->eight_bit || r->out->binary || str_ieq(value, STR("7BIT"))
               ? SMTP_GOOD
               : SMTP_FAULT_PARAMETER;
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

/* "No additional parameters" (RFC 8689 section 2). */
static enum smtp_fault read_requiretls(struct mail_reading *r, str value)
{
    if (!r->offer->requiretls)
        return SMTP_FAULT_UNKNOWN_PARAMETER;
    if (r->out->requiretls || value.p)
        return SMTP_FAULT_PARAMETER;
    r->out->requiretls = true;
    return SMTP_GOOD;
}

/* With no other delimiters than ours, if any: reports would not come back. */
static enum smtp_fault read_verp(struct mail_reading *r, str value)
{
    if (!r->offer->verp)
        return SMTP_FAULT_UNKNOWN_PARAMETER;
    if (r->out->verp || (value.p && !str_eq(value, STR("+="))))
        return SMTP_FAULT_PARAMETER;
    r->out->verp = true;
    return SMTP_GOOD;
}

static enum smtp_fault read_ret(struct mail_reading *r, str value)
{
    if (!r->offer->dsn)
        return SMTP_FAULT_UNKNOWN_PARAMETER;
    if (r->out->has_ret)
        return SMTP_FAULT_PARAMETER;
    r->out->has_ret = true;
    r->out->ret_full = str_ieq(value, STR("FULL"));
    return r->out->ret_full || str_ieq(value, STR("HDRS")) ? SMTP_GOOD : SMTP_FAULT_PARAMETER;
}

/* xtext of printable characters: what it says stands in a report's header one day (ATTACKS S25). */
static bool is_clean_xtext(str value, struct arena *a)
{
    str decoded;
    if (value.n == 0 || !smtp_xtext_decode(value, a, &decoded))
        return false;
    for (size_t i = 0; i < decoded.n; i++) {
        if (decoded.p[i] < ' ' || decoded.p[i] > '~')
            return false;
    }
    return true;
}

static enum smtp_fault read_envid(struct mail_reading *r, str value)
{
    if (!r->offer->dsn)
        return SMTP_FAULT_UNKNOWN_PARAMETER;
    if (r->out->envid.n > 0 || value.n > ENVID_MAX || !is_clean_xtext(value, r->a))
        return SMTP_FAULT_PARAMETER;
    r->out->envid = arena_str(r->a, value);
    return SMTP_GOOD;
}

/* Only one of both, and only once; what is over, or too far ahead, is impossible (RFC 4865). */
static enum smtp_fault set_release(struct mail_reading *r, const char *kind, int64_t at_us,
                                   str value)
{
    int64_t wait_us = at_us - r->offer->now_us;
    if (r->out->release_us != 0 || wait_us <= 0 || wait_us > r->offer->hold_max_us)
        return SMTP_FAULT_PARAMETER;
    r->out->release_us = at_us;
    r->out->hold_request = arena_printf(r->a, "%s;%.*s", kind, STR_FMT(value));
    return SMTP_GOOD;
}

/* Seconds: one to nine digits, of which the first is none of 0. */
static enum smtp_fault read_hold_for(struct mail_reading *r, str value)
{
    uint64_t seconds;
    if (r->offer->hold_max_us == 0)
        return SMTP_FAULT_UNKNOWN_PARAMETER;
    if (value.n == 0 || value.n > HOLD_DIGITS || value.p[0] == '0' ||
        !str_to_uint(value, UINT32_MAX, &seconds))
        return SMTP_FAULT_PARAMETER;
    return set_release(r, "for", r->offer->now_us + (int64_t)seconds * 1000000, value);
}

/* A date-time of RFC 3339. */
static enum smtp_fault read_hold_until(struct mail_reading *r, str value)
{
    struct err ignored = ERR_CLEAR;
    int64_t at_us;
    if (r->offer->hold_max_us == 0)
        return SMTP_FAULT_UNKNOWN_PARAMETER;
    if (value.n > HOLD_TIME_MAX || !date_parse_rfc3339(value, &at_us, &ignored))
        return SMTP_FAULT_PARAMETER;
    return set_release(r, "until", at_us, value);
}

static const struct {
    str keyword;
    enum smtp_fault (*read)(struct mail_reading *r, str value);
} mail_parameters[] = {
    { STR_INIT("SIZE"), read_size },
    { STR_INIT("BODY"), read_body },
    { STR_INIT("AUTH"), read_auth },
    { STR_INIT("SMTPUTF8"), read_smtputf8 },
    { STR_INIT("RET"), read_ret },
    { STR_INIT("ENVID"), read_envid },
    { STR_INIT("REQUIRETLS"), read_requiretls },
    { STR_INIT("XVERP"), read_verp },
    { STR_INIT("HOLDFOR"), read_hold_for },
    { STR_INIT("HOLDUNTIL"), read_hold_until },
};

/* Takes the next " keyword[=value]" of what follows a path; a missing value has no pointer, an
 * empty one has. */
static enum smtp_fault take_parameter(str *rest, str *keyword, str *value)
{
    str parameter;
    if (rest->p[0] != ' ')
        return SMTP_FAULT_SYNTAX;
    *rest = str_skip(*rest, 1);
    bool more = str_cut(*rest, ' ', &parameter, rest);
    if (more)
        *rest = str_of(rest->p - 1, rest->n + 1);
    if (!str_cut(parameter, '=', keyword, value))
        *value = STR_EMPTY;
    return keyword->n > 0 ? SMTP_GOOD : SMTP_FAULT_SYNTAX;
}

static enum smtp_fault read_mail_parameter(struct mail_reading *r, str keyword, str value)
{
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
    struct mail_reading reading = { .offer = offer, .a = a, .out = out };
    while (fault == SMTP_GOOD && rest.n > 0) {
        str keyword;
        str value;
        fault = take_parameter(&rest, &keyword, &value);
        if (fault == SMTP_GOOD)
            fault = read_mail_parameter(&reading, keyword, value);
    }
    if (fault == SMTP_GOOD && out->sender.is_utf8 && !out->smtputf8)
        return SMTP_FAULT_NOT_ASCII;
    return fault;
}

/* NEVER stands alone; the others form a list without repetition that matters (RFC 3461 4.1). */
static enum smtp_fault read_notify(struct smtp_rcpt *out, str value)
{
    static const struct {
        str word;
        unsigned bit;
    } words[] = {
        { STR_INIT("SUCCESS"), SMTP_NOTIFY_SUCCESS },
        { STR_INIT("FAILURE"), SMTP_NOTIFY_FAILURE },
        { STR_INIT("DELAY"), SMTP_NOTIFY_DELAY },
    };
    if (out->has_notify)
        return SMTP_FAULT_PARAMETER;
    out->has_notify = true;
    if (str_ieq(value, STR("NEVER")))
        return SMTP_GOOD;
    bool more = true;
    while (more) {
        str word;
        unsigned bit = 0;
        more = str_cut(value, ',', &word, &value);
        for (size_t i = 0; i < COUNT_OF(words); i++)
            bit |= str_ieq(word, words[i].word) ? words[i].bit : 0;
        if (bit == 0)
            return SMTP_FAULT_PARAMETER;
        out->notify |= bit;
    }
    return SMTP_GOOD;
}

/* The address of "utf-8;..." with each character beyond ASCII as "\x{HEX}" (RFC 6533 3), which also
 * reports and servers without SMTPUTF8 can hold. False: no UTF-8. */
static bool escape_utf8(str address, struct arena *a, str *out)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, ORCPT_ESCAPED_MAX);
    while (ok && address.n > 0) {
        uint32_t cp;
        size_t n = utf8_decode(address, &cp);
        ok = n > 0 &&
             (n == 1 ? buf_add_byte(&b, address.p[0]) : buf_addf(&b, "\\x{%X}", (unsigned)cp));
        address = str_skip(address, n);
    }
    *out = arena_str(a, buf_str(&b));
    buf_fini(&b);
    return ok;
}

/* "addr-type;xtext" (RFC 3461 4.2). */
static enum smtp_fault read_orcpt(struct smtp_rcpt *out, str value, struct arena *a)
{
    str type;
    str address;
    if (out->orcpt.n > 0 || value.n > ORCPT_MAX || !str_cut(value, ';', &type, &address) ||
        type.n == 0)
        return SMTP_FAULT_PARAMETER;
    if (str_ieq(type, STR("utf-8")) && !utf8_is_ascii(address)) {
        if (!escape_utf8(address, a, &address))
            return SMTP_FAULT_PARAMETER;
        value = arena_printf(a, "%.*s;%.*s", STR_FMT(type), STR_FMT(address));
    }
    if (value.n > ORCPT_MAX || !is_clean_xtext(address, a))
        return SMTP_FAULT_PARAMETER;
    for (size_t i = 0; i < type.n; i++) {
        if (!ascii_is_alnum(type.p[i]) && type.p[i] != '-')
            return SMTP_FAULT_PARAMETER;
    }
    out->orcpt = arena_str(a, value);
    return SMTP_GOOD;
}

enum smtp_fault smtp_rcpt_parse(str argument, const struct smtp_offer *offer, struct arena *a,
                                struct smtp_rcpt *out)
{
    *out = (struct smtp_rcpt){ 0 };
    if (!str_has_iprefix(argument, STR("TO:")))
        return SMTP_FAULT_SYNTAX;
    str rest = str_skip(argument, 3);
    enum smtp_fault fault = smtp_path_parse(&rest, SMTP_FORWARD_PATH, a, &out->path);
    while (fault == SMTP_GOOD && rest.n > 0) {
        str keyword;
        str value;
        fault = take_parameter(&rest, &keyword, &value);
        if (fault != SMTP_GOOD)
            break;
        if (offer->dsn && str_ieq(keyword, STR("NOTIFY"))) {
            fault = read_notify(out, value);
        } else if (offer->dsn && str_ieq(keyword, STR("ORCPT"))) {
            fault = read_orcpt(out, value, a);
        } else {
            fault = SMTP_FAULT_UNKNOWN_PARAMETER;
        }
    }
    if (fault == SMTP_GOOD && out->path.is_utf8 && !offer->utf8_mail)
        return SMTP_FAULT_NOT_ASCII;
    return fault;
}

/* ---- BDAT ---- */

enum smtp_fault smtp_bdat_parse(str argument, struct smtp_bdat *out)
{
    str size;
    str word;
    *out = (struct smtp_bdat){ 0 };
    bool has_word = str_cut(argument, ' ', &size, &word);
    out->is_last = has_word && str_ieq(word, STR("LAST"));
    if (has_word && !out->is_last)
        return SMTP_FAULT_SYNTAX;
    /* A sign, a space or twenty digits more are no size: what follows would be read as commands. */
    return size.n <= 20 && str_to_uint(size, INT64_MAX, &out->size) ? SMTP_GOOD : SMTP_FAULT_SYNTAX;
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
