/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the fields of delivery status notifications as servers write them. */
#include "mime/delivery_status.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "mime/header.h"

enum {
    ESCAPE_DIGITS = 6 /* of "\x{10FFFF}" */
};

/* ---- values ---- */

/* "rfc822; leo@far.example": what stands behind the type, and the type. */
static str split_type(str value, str *type)
{
    str rest;
    if (!str_cut(value, ';', type, &rest)) {
        *type = STR_EMPTY;
        return str_trim(value);
    }
    *type = str_trim(*type);
    return str_trim(rest);
}

/* The character at the start of `text`, written as "\x{HEX}" (RFC 6533 section 3), and how many
 * octets that are; 0: it is none. */
static size_t read_escape(str text, uint32_t *cp)
{
    size_t i = 3;
    *cp = 0;
    if (!str_has_iprefix(text, STR("\\x{")))
        return 0;
    for (; i < text.n && i < 3 + ESCAPE_DIGITS && hex_digit(text.p[i]) >= 0; i++)
        *cp = *cp << 4 | (uint32_t)hex_digit(text.p[i]);
    return i > 3 && i < text.n && text.p[i] == '}' ? i + 1 : 0;
}

/* What is no character stays as it is written. */
static str decode_escapes(struct arena *a, str text)
{
    char *out = arena_alloc(a, text.n + 1);
    size_t n = 0;
    while (text.n > 0) {
        uint32_t cp;
        char octets[4];
        size_t used = read_escape(text, &cp);
        size_t size = used > 0 && cp >= ' ' && cp != 0x7f ? utf8_encode(cp, octets) : 0;
        if (size == 0) {
            octets[0] = text.p[0];
            size = used = 1;
        }
        memcpy(out + n, octets, size); /* an escape is longer than what it stands for */
        n += size;
        text = str_skip(text, used);
    }
    return str_of(out, n);
}

/* Of a type that is no address of mail: empty. */
static str read_address(struct arena *a, str value)
{
    str type;
    str address = split_type(value, &type);
    bool is_utf8 = str_ieq(type, STR("utf-8"));
    if (address.n > 2 && address.p[0] == '<' && address.p[address.n - 1] == '>')
        address = str_slice(address, 1, address.n - 2);
    if (!is_utf8 && type.n > 0 && !str_ieq(type, STR("rfc822")))
        return STR_EMPTY;
    return is_utf8 ? decode_escapes(a, address) : address;
}

static str read_typed(str value)
{
    str type;
    return split_type(value, &type);
}

/* What stands before a comment. */
static str read_word(str value)
{
    size_t n = 0;
    while (n < value.n && value.p[n] > ' ' && value.p[n] != '(' && value.p[n] != ';')
        n++;
    return str_slice(value, 0, n);
}

static size_t count_digits(str text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
        n++;
    return n;
}

/* "5.1.1" (RFC 3463 section 2); empty: it is none. */
static str read_status(str value)
{
    str word = read_word(value);
    str rest = word;
    for (int i = 0; i < 3; i++) {
        size_t n = count_digits(rest);
        if (n == 0 || n > (i == 0 ? 1 : 3) || (i < 2 && (n >= rest.n || rest.p[n] != '.')))
            return STR_EMPTY;
        rest = str_skip(rest, i < 2 ? n + 1 : n);
    }
    return rest.n == 0 ? word : STR_EMPTY;
}

static bool read_action(str value, enum mime_delivery_action *out)
{
    static const str words[] = {
        [MIME_DELIVERY_FAILED] = STR_INIT("failed"),
        [MIME_DELIVERY_DELAYED] = STR_INIT("delayed"),
        [MIME_DELIVERY_DELIVERED] = STR_INIT("delivered"),
        [MIME_DELIVERY_RELAYED] = STR_INIT("relayed"),
        [MIME_DELIVERY_EXPANDED] = STR_INIT("expanded"),
    };
    str word = read_word(value);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_ieq(word, words[i])) {
            *out = (enum mime_delivery_action)i;
            return true;
        }
    }
    return false;
}

/* ---- groups ---- */

enum field {
    REPORTING_MTA,
    ORIGINAL_RECIPIENT,
    FINAL_RECIPIENT,
    ACTION,
    STATUS,
    DIAGNOSTIC_CODE,
    REMOTE_MTA,
    N_FIELDS
};

/* The first field of each name counts. */
static void read_fields(struct arena *a, str group, str values[N_FIELDS])
{
    static const str names[N_FIELDS] = {
        [REPORTING_MTA] = STR_INIT("Reporting-MTA"),
        [ORIGINAL_RECIPIENT] = STR_INIT("Original-Recipient"),
        [FINAL_RECIPIENT] = STR_INIT("Final-Recipient"),
        [ACTION] = STR_INIT("Action"),
        [STATUS] = STR_INIT("Status"),
        [DIAGNOSTIC_CODE] = STR_INIT("Diagnostic-Code"),
        [REMOTE_MTA] = STR_INIT("Remote-MTA"),
    };
    struct mime_field_iter it;
    struct mime_field field;
    for (size_t i = 0; i < N_FIELDS; i++)
        values[i] = STR_EMPTY;
    mime_field_iter_init(&it, group);
    while (mime_field_iter_next(&it, &field)) {
        for (size_t i = 0; i < N_FIELDS; i++) {
            if (values[i].n == 0 && str_ieq(str_trim(field.name), names[i]))
                values[i] = mime_field_unfold(a, field.body);
        }
    }
}

static void read_group(struct arena *a, str group, struct mime_delivery_status *out)
{
    str values[N_FIELDS];
    struct mime_delivery_recipient r;
    read_fields(a, group, values);
    if (out->reporting_mta.n == 0)
        out->reporting_mta = read_typed(values[REPORTING_MTA]);
    r = (struct mime_delivery_recipient){
        .original = read_address(a, values[ORIGINAL_RECIPIENT]),
        .final = read_address(a, values[FINAL_RECIPIENT]),
        .status = read_status(values[STATUS]),
        .diagnostic = read_typed(values[DIAGNOSTIC_CODE]),
        .remote = read_typed(values[REMOTE_MTA]),
    };
    if (r.original.n + r.final.n > 0 && read_action(values[ACTION], &r.action))
        out->recipients[out->n++] = r;
}

static str skip_line_ends(str text)
{
    while (text.n > 0 && (text.p[0] == '\r' || text.p[0] == '\n'))
        text = str_skip(text, 1);
    return text;
}

void mime_delivery_status_parse(struct arena *a, str text, struct mime_delivery_status *out)
{
    *out = (struct mime_delivery_status){
        .recipients = ARENA_ARRAY(a, struct mime_delivery_recipient, MIME_MAX_STATUS_RECIPIENTS),
    };
    text = skip_line_ends(str_slice(text, 0, MIME_MAX_STATUS_BYTES));
    while (text.n > 0 && out->n < MIME_MAX_STATUS_RECIPIENTS) {
        size_t end = mime_header_end(text);
        read_group(a, str_slice(text, 0, end), out);
        text = skip_line_ends(str_skip(text, end));
    }
}

/* ---- the part ---- */

static bool is_status(const struct mime_part *part)
{
    return part->kind == MIME_PART_LEAF && str_eq(part->type, STR("message")) &&
           (str_eq(part->subtype, STR("delivery-status")) ||
            str_eq(part->subtype, STR("global-delivery-status")));
}

static bool is_in_message(const struct mime_part *part)
{
    for (const struct mime_part *up = part->parent; up; up = up->parent) {
        if (up->kind == MIME_PART_MESSAGE)
            return true;
    }
    return false;
}

str mime_delivery_status_text(const struct mime_structure *s, struct arena *a)
{
    for (const struct mime_part *part = s->root; part; part = mime_part_next(part)) {
        if (is_status(part) && !is_in_message(part))
            return mime_part_decode(s, part, a, MIME_MAX_STATUS_BYTES);
    }
    return STR_EMPTY;
}
