/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the milter protocol to values, and back. */
#include "milter/codec.h"

#include "wire/smtp_command.h"

enum {
    NAME_MAX_OCTETS = 256,
    REPLY_TEXT_MAX = 400
};

bool milter_add_number(struct buf *out, uint32_t number)
{
    const char octets[] = { (char)(number >> 24), (char)(number >> 16), (char)(number >> 8),
                            (char)number };
    return buf_add(out, str_of(octets, sizeof(octets)));
}

bool milter_add_text(struct buf *out, str text)
{
    bool more = true;
    while (more) {
        str piece;
        more = str_cut(text, '\0', &piece, &text);
        if (!buf_add(out, piece))
            return false;
    }
    return buf_add_byte(out, '\0');
}

bool milter_add_packet(struct buf *out, char command, str data)
{
    return milter_add_number(out, (uint32_t)data.n + 1) && buf_add_byte(out, command) &&
           buf_add(out, data);
}

static uint32_t number_of(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

bool milter_length_parse(const uint8_t octets[4], size_t *length, struct err *e)
{
    *length = number_of((const char *)octets);
    if (*length == 0 || *length > MILTER_PACKET_MAX)
        return ERR(e, ERR_LIMIT, "a packet of %zu octets", *length);
    return true;
}

bool milter_options_parse(str data, struct milter_options *out, struct err *e)
{
    if (data.n < 12)
        return ERR(e, ERR_SYNTAX, "options of %zu octets", data.n);
    *out = (struct milter_options){ .version = number_of(data.p),
                                    .actions = number_of(data.p + 4) & MILTER_ACTIONS,
                                    .steps = number_of(data.p + 8) & MILTER_STEPS };
    if (out->version < MILTER_VERSION_MIN || out->version > MILTER_VERSION)
        return ERR(e, ERR_UNSUPPORTED, "version %u of the protocol", out->version);
    return true;
}

/* ---- replies ---- */

str milter_clean_text(struct arena *a, str text)
{
    text = str_slice(text, 0, REPLY_TEXT_MAX);
    char *p = arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        p[i] = text.p[i];
        if (p[i] < ' ' || p[i] > '~')
            p[i] = ' ';
    }
    return str_trim(str_of(p, text.n));
}

/* "5.7.1 " of the class of the code. */
static str without_status(str text, char class)
{
    str word;
    str rest;
    (void)str_cut(text, ' ', &word, &rest);
    if (word.n < 5 || word.p[0] != class || word.p[1] != '.')
        return text;
    for (size_t i = 0; i < word.n; i++) {
        if (!ascii_is_digit(word.p[i]) && word.p[i] != '.')
            return text;
    }
    return rest;
}

bool milter_reply_parse(struct arena *a, str data, unsigned *class, str *text, struct err *e)
{
    str line;
    str ignored;
    (void)str_cut(data, '\0', &line, &ignored);
    (void)str_cut(line, '\n', &line, &ignored);
    if (line.n < 3 || (line.p[0] != '4' && line.p[0] != '5') || !ascii_is_digit(line.p[1]) ||
        !ascii_is_digit(line.p[2]) || (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-'))
        return ERR(e, ERR_SYNTAX, "a reply without a code");
    *class = (unsigned)(line.p[0] - '0');
    *text = milter_clean_text(a, without_status(str_skip(line, 4), line.p[0]));
    return true;
}

/* ---- changes ---- */

static const struct {
    char command;
    enum milter_change_kind kind;
    bool has_index;
} changes[] = {
    { 'h', MILTER_ADD, false },
    { 'i', MILTER_INSERT, true },
    { 'm', MILTER_CHANGE, true },
};

bool milter_is_change(char command)
{
    return command == 'h' || command == 'i' || command == 'm';
}

/* Printable ASCII but the colon (RFC 5322 section 3.6.8). */
bool milter_is_field_name(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
            return false;
    }
    return name.n > 0 && name.n <= NAME_MAX_OCTETS;
}

bool milter_change_parse(char command, str data, struct milter_change *out, struct err *e)
{
    str end;
    size_t i = 0;
    while (i < COUNT_OF(changes) && changes[i].command != command)
        i++;
    if (i == COUNT_OF(changes) || (changes[i].has_index && data.n < 4))
        return ERR(e, ERR_SYNTAX, "a change of the header that is none");
    *out = (struct milter_change){ .kind = changes[i].kind };
    if (changes[i].has_index) {
        out->index = number_of(data.p);
        data = str_skip(data, 4);
    }
    if (!str_cut(data, '\0', &out->name, &data) || !str_cut(data, '\0', &out->value, &end) ||
        end.n > 0 || !milter_is_field_name(out->name))
        return ERR(e, ERR_SYNTAX, "a change of the header that names no field");
    return true;
}

/* ---- the envelope ---- */

static const struct {
    char command;
    enum milter_envelope_kind kind;
    uint32_t action;
} envelope_changes[] = {
    { '+', MILTER_ADD_RECIPIENT, MILTER_ADDS_RECIPIENTS },
    { '2', MILTER_ADD_RECIPIENT, MILTER_ADDS_WITH_PARAMETERS },
    { '-', MILTER_REMOVE_RECIPIENT, MILTER_REMOVES_RECIPIENTS },
    { 'e', MILTER_SET_SENDER, MILTER_CHANGES_SENDER },
};

/* COUNT_OF(envelope_changes): none of them. */
static size_t find_envelope_change(char command)
{
    size_t i = 0;
    while (i < COUNT_OF(envelope_changes) && envelope_changes[i].command != command)
        i++;
    return i;
}

uint32_t milter_envelope_action(char command)
{
    size_t i = find_envelope_change(command);
    return i < COUNT_OF(envelope_changes) ? envelope_changes[i].action : 0;
}

bool milter_path_parse(struct arena *a, str text, enum smtp_path_kind kind, struct smtp_path *out,
                       struct err *e)
{
    if (text.n > 1 && str_has_prefix(text, STR("<")) && str_has_suffix(text, STR(">")))
        text = str_slice(text, 1, text.n - 2);
    if (text.n > SMTP_PATH_MAX)
        return ERR(e, ERR_SYNTAX, "an address of %zu octets", text.n);
    str rest = arena_printf(a, "<%.*s>", STR_FMT(text));
    if (smtp_path_parse(&rest, kind, a, out) != SMTP_GOOD || rest.n > 0)
        return ERR(e, ERR_SYNTAX, "an address that is none");
    return true;
}

static bool read_parameters(struct arena *a, str parameters, struct milter_envelope_change *out,
                            struct err *e)
{
    struct smtp_rcpt rcpt;
    const struct smtp_offer offer = { .dsn = true, .smtputf8 = true, .utf8_mail = true };
    parameters = str_trim(parameters);
    if (parameters.n == 0)
        return true;
    if (parameters.n > SMTP_COMMAND_LONG_MAX ||
        smtp_rcpt_parse(
            arena_printf(a, "TO:<%.*s> %.*s", STR_FMT(out->address), STR_FMT(parameters)), &offer,
            a, &rcpt) != SMTP_GOOD)
        return ERR(e, ERR_SYNTAX, "parameters of a recipient that are none");
    out->has_notify = rcpt.has_notify;
    out->notify = rcpt.notify;
    out->orcpt = rcpt.orcpt;
    return true;
}

bool milter_envelope_parse(struct arena *a, char command, str data,
                           struct milter_envelope_change *out, struct err *e)
{
    struct smtp_path path;
    str address;
    str parameters;
    size_t i = find_envelope_change(command);
    if (i == COUNT_OF(envelope_changes) || !str_cut(data, '\0', &address, &data))
        return ERR(e, ERR_SYNTAX, "a change of the envelope that is none");
    bool is_sender = envelope_changes[i].kind == MILTER_SET_SENDER;
    if (!milter_path_parse(a, address, is_sender ? SMTP_REVERSE_PATH : SMTP_FORWARD_PATH, &path, e))
        return false;
    *out = (struct milter_envelope_change){ .kind = envelope_changes[i].kind,
                                            .address = smtp_path_text(&path, a) };
    (void)str_cut(data, '\0', &parameters, &data);
    return command != '2' || read_parameters(a, parameters, out, e);
}
