/* SPDX-License-Identifier: Apache-2.0 */
/* One small reader for each format, and the table of them. */
#include "services/api/format.h"

#include "base/address.h"
#include "base/date.h"

#include <assert.h>

/* ---- sets of octets ---- */

/* Whether every octet of a non-empty text is a letter, a digit or one of `more`. */
static bool is_made_of(str text, str more)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!ascii_is_alnum(text.p[i]) && str_find_byte(more, text.p[i]) < 0)
            return false;
    }
    return text.n > 0;
}

static bool is_printable(str text, char first)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < first || text.p[i] > '~')
            return false;
    }
    return true;
}

static bool is_any(str text)
{
    (void)text;
    return true;
}

/* Without C0 and C1 controls and DEL; the latter ones are C2 80 .. C2 9F in UTF-8. Line and
 * paragraph separators (E2 80 A8, A9) end lines too. */
static bool is_line(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        unsigned char next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;
        if (c < ' ' || c == 0x7f || (c == 0xc2 && next < 0xa0))
            return false;
        if (str_has_prefix(str_skip(text, i), STR("\xe2\x80\xa8")) ||
            str_has_prefix(str_skip(text, i), STR("\xe2\x80\xa9")))
            return false;
    }
    return true;
}

/* ---- names ---- */

static bool is_id(str text)
{
    uint64_t value;
    return text.n > 0 && text.p[0] != '0' && str_to_uint(text, INT64_MAX, &value);
}

static bool is_state(str text)
{
    uint64_t value;
    return str_to_uint(text, INT64_MAX, &value);
}

static bool is_key(str text)
{
    return is_made_of(text, STR("-_."));
}

static bool is_cursor(str text)
{
    return is_made_of(text, STR("-_="));
}

static bool is_queue_id(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!ascii_is_digit(text.p[i]) && (text.p[i] < 'a' || text.p[i] > 'z'))
            return false;
    }
    return text.n == 13;
}

static bool is_part(str text)
{
    str number;
    uint64_t value;
    bool more;
    do {
        more = str_cut(text, '.', &number, &text);
        if (!str_to_uint(number, UINT32_MAX, &value))
            return false;
    } while (more);
    return true;
}

/* ---- addresses ---- */

static bool is_label(str label, bool allow_utf8)
{
    if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        bool is_utf8 = (unsigned char)label.p[i] >= 0x80;
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' && !(is_utf8 && allow_utf8))
            return false;
    }
    return true;
}

static bool are_labels(str domain, bool allow_utf8)
{
    str label;
    bool more = domain.n <= 255;
    if (!more)
        return false;
    while (more) {
        more = str_cut(domain, '.', &label, &domain);
        if (!is_label(label, allow_utf8))
            return false;
    }
    return true;
}

static bool is_domain(str text)
{
    return are_labels(text, true);
}

/* A local part that needs no quotes (RFC 5321 4.1.2, RFC 6531). */
static bool is_local_part(str local)
{
    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] == ' ' || str_find_byte(STR("<>()[],;:\\@\""), local.p[i]) >= 0)
            return false;
    }
    return local.n > 0 && local.n <= 64 && is_line(local);
}

static bool is_email(str text)
{
    str local;
    str domain;
    return address_split(text, &local, &domain) && is_line(text) && is_local_part(local) &&
           are_labels(domain, true);
}

static bool is_account(str text)
{
    return is_id(text) || is_email(text);
}

/* ---- the rest ---- */

static bool is_etag(str text)
{
    return is_printable(text, ' ');
}

static bool is_token(str text)
{
    return is_printable(text, '!');
}

/* An atom (RFC 3501 section 9), which system flags begin with a "\" and those of JMAP with a "$".
 */
static bool is_keyword(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (str_find_byte(STR("(){%*\"\\]"), text.p[i]) >= 0)
            return false;
    }
    return text.n > 0 && is_printable(text, '!');
}

static bool is_mailbox_name(str text)
{
    return is_line(text) && str_find_byte(text, '/') < 0 && str_find_byte(text, '*') < 0 &&
           str_find_byte(text, '%') < 0;
}

static bool is_media_type(str text)
{
    str type;
    str subtype;
    str more = STR("!#$&-^_.+");
    return str_cut(text, '/', &type, &subtype) && is_made_of(type, more) &&
           is_made_of(subtype, more);
}

static bool is_date_time(str text)
{
    int64_t us;
    return date_parse_rfc3339(text, &us, NULL);
}

bool api_content_range_parse(str text, int64_t *first, int64_t *last, int64_t *size)
{
    str from;
    str to;
    str all;
    uint64_t n[3];
    if (!str_has_prefix(text, STR("bytes ")) ||
        !str_cut(str_skip(text, strlen("bytes ")), '/', &to, &all) || !str_cut(to, '-', &from, &to))
        return false;
    if (!str_to_uint(from, INT64_MAX, &n[0]) || !str_to_uint(to, INT64_MAX, &n[1]) ||
        !str_to_uint(all, INT64_MAX, &n[2]) || n[0] > n[1] || n[1] >= n[2])
        return false;
    *first = (int64_t)n[0];
    *last = (int64_t)n[1];
    *size = (int64_t)n[2];
    return true;
}

static bool is_content_range(str text)
{
    int64_t first;
    int64_t last;
    int64_t size;
    return api_content_range_parse(text, &first, &last, &size);
}

/* ---- table ---- */

static const struct {
    const char *name;
    bool (*check)(str text);
    const char *fault;
} formats[] = {
    [API_FORMAT_NONE] = { "", is_any, "is wrong" },
    [API_FORMAT_ACCOUNT] = { "account", is_account, "is neither an id nor an address" },
    [API_FORMAT_CONTENT_RANGE] = { "content-range", is_content_range,
                                   "is not like \"bytes 0-9/20\"" },
    [API_FORMAT_CURSOR] = { "cursor", is_cursor, "is not a cursor of ours" },
    [API_FORMAT_DATE_TIME] = { "date-time", is_date_time,
                               "is not a moment like 2026-03-01T12:00:00Z" },
    [API_FORMAT_DOMAIN] = { "domain", is_domain, "is not a domain" },
    [API_FORMAT_EMAIL] = { "email", is_email, "is not a mail address" },
    [API_FORMAT_ETAG] = { "etag", is_etag, "is not an ETag" },
    [API_FORMAT_ID] = { "id", is_id, "is not an id" },
    [API_FORMAT_KEY] = { "key", is_key, "is not an id" },
    [API_FORMAT_KEYWORD] = { "keyword", is_keyword, "is not a keyword" },
    [API_FORMAT_LINE] = { "line", is_line, "holds a control character or the end of a line" },
    [API_FORMAT_MAILBOX_NAME] = { "mailbox-name", is_mailbox_name,
                                  "holds \"/\", \"*\", \"%\" or a control character" },
    [API_FORMAT_MEDIA_TYPE] = { "media-type", is_media_type, "is not like type/subtype" },
    [API_FORMAT_PART] = { "part", is_part, "is not the number of a part" },
    [API_FORMAT_PASSWORD] = { "password", is_any, "is wrong" },
    [API_FORMAT_QUEUE_ID] = { "queue-id", is_queue_id, "is not an id of the queue" },
    [API_FORMAT_STATE] = { "state", is_state, "is not a state" },
    [API_FORMAT_TOKEN] = { "token", is_token, "holds a space or is not printable ASCII" },
};
static_assert(COUNT_OF(formats) == API_FORMAT_COUNT, "a row for each format");

bool api_format_check(enum api_format format, str text)
{
    return formats[format].check(text);
}

const char *api_format_fault(enum api_format format)
{
    return formats[format].fault;
}

const char *api_format_name(enum api_format format)
{
    return formats[format].name;
}
