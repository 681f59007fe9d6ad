/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the milter protocol to values, and back. */
#include "milter/codec.h"

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
