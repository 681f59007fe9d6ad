/* SPDX-License-Identifier: Apache-2.0 */
/* Formats log lines that nobody who controls a value can forge (PROMISES R32). */
#include "obs/line.h"

#include "base/date.h"
#include "base/utf8.h"

enum {
    END_SPACE = 32 /* kept free for the end of the line: cut=true, brace, line feed */
};

const char *obs_level_name(enum obs_level level)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    return names[level];
}

/* Characters that terminals or viewers obey instead of showing: C0, C1, line and paragraph
 * separators, and the marks that turn the direction of text. */
static bool is_dangerous(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x2028 || cp == 0x2029 ||
           (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x061c ||
           cp == 0x200e || cp == 0x200f || cp == 0xfeff;
}

/* Appends the inside of a quoted string. The escapes of text are those of JSON, and \xNN for a byte
 * that is no UTF-8; JSON has no word for such a byte, so it becomes U+FFFD. */
static bool add_escaped(struct buf *out, enum obs_format format, str value)
{
    bool ok = true;
    while (ok && value.n) {
        uint32_t cp = 0;
        size_t n = utf8_decode(value, &cp);
        if (n == 0) {
            ok = format == OBS_JSON ? buf_add(out, STR("\xef\xbf\xbd"))
                                    : buf_addf(out, "\\x%02x", (unsigned char)value.p[0]);
        } else if (cp == '"' || cp == '\\') {
            ok = buf_addf(out, "\\%c", (char)cp);
        } else if (is_dangerous(cp)) {
            ok = buf_addf(out, "\\u%04x", cp);
        } else {
            ok = buf_add(out, str_of(value.p, n));
        }
        value = str_skip(value, n ? n : 1);
    }
    return ok;
}

static bool is_bare(str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (!ascii_is_alnum(c) && (c == '\0' || !strchr("-_.:/@+[]<>,*", c)))
            return false;
    }
    return value.n > 0;
}

static bool add_text(struct buf *out, enum obs_format format, str value)
{
    str head = utf8_cut(value, OBS_VALUE_MAX);
    if (format == OBS_TEXT && head.n == value.n && is_bare(value))
        return buf_add(out, value);
    return buf_add_byte(out, '"') && add_escaped(out, format, head) &&
           (head.n == value.n || buf_add(out, STR("..."))) && buf_add_byte(out, '"');
}

static bool add_value(struct buf *out, enum obs_format format, const struct obs_field *field)
{
    switch (field->type) {
    case OBS_FIELD_STR:
        return add_text(out, format, field->text);
    case OBS_FIELD_INT:
        return buf_addf(out, "%lld", (long long)field->number);
    case OBS_FIELD_BOOL:
        return buf_add(out, field->number ? STR("true") : STR("false"));
    }
    return false;
}

static bool add_field(struct buf *out, enum obs_format format, const struct obs_field *field)
{
    bool ok = format == OBS_JSON ? buf_addf(out, ",\"%s\":", field->key)
                                 : buf_addf(out, " %s=", field->key);
    return ok && add_value(out, format, field);
}

/* What every line has. It is short, so it always fits. */
static void add_head(struct buf *out, enum obs_format format, const struct obs_line *line)
{
    str session = line->session.n ? line->session : STR("-");
    if (format == OBS_TEXT) {
        (void)date_format_rfc3339(line->at_us, 3, out);
        (void)buf_addf(out, " %s ", obs_level_name(line->level));
        (void)add_text(out, format, session);
        (void)buf_addf(out, " %s", line->event);
    } else {
        (void)buf_add(out, STR("{\"ts\":\""));
        (void)date_format_rfc3339(line->at_us, 6, out);
        (void)buf_addf(out, "\",\"seq\":%llu,\"level\":\"%s\",\"session\":",
                       (unsigned long long)line->seq, obs_level_name(line->level));
        (void)add_text(out, format, session);
        (void)buf_addf(out, ",\"event\":\"%s\",\"component\":\"%s\"", line->event, line->component);
    }
    struct obs_field process = OBS_CSTR("process", line->process);
    if (line->process[0])
        (void)add_field(out, format, &process);
}

void obs_line_format(const struct obs_line *line, enum obs_format format, struct buf *out)
{
    const struct obs_field cut = OBS_BOOL("cut", true);
    size_t max = out->max;
    bool fits = true;
    out->max = max - END_SPACE;
    add_head(out, format, line);
    for (size_t i = 0; fits && i < line->n; i++) {
        size_t before = out->n;
        fits = add_field(out, format, &line->fields[i]);
        if (!fits)
            buf_truncate(out, before);
    }
    out->max = max;
    if (!fits)
        (void)add_field(out, format, &cut);
    (void)buf_add(out, format == OBS_JSON ? STR("}\n") : STR("\n"));
}
