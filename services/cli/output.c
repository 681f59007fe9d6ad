/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, JSON and errors of the command line. */
#include "services/cli/output.h"

#include "base/date.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>

enum {
    OUTPUT_MAX = 256 * 1024 * 1024,
    MESSAGE_MAX = 1024
};

/* ---- foreign text ---- */

static bool is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

void cli_escape(str s, struct buf *out)
{
    while (!str_is_empty(s)) {
        uint32_t cp = 0;
        size_t n = utf8_decode(s, &cp);
        bool hide = n == 0 || is_control(cp);
        n = n ? n : 1;
        for (size_t i = 0; i < n && hide; i++)
            (void)buf_addf(out, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
        if (!hide)
            (void)buf_add(out, str_slice(s, 0, n));
        s = str_skip(s, n);
    }
}

json_t *cli_json_text(str s)
{
    struct buf text;
    buf_init(&text, 4 * s.n + 1);
    cli_escape(s, &text);
    json_t *value = json_stringn(text.p ? text.p : "", text.n);
    buf_fini(&text);
    return value;
}

json_t *cli_json_words(const char *text)
{
    json_t *list = json_array();
    str rest = str_from_cstr(text);
    while (rest.n > 0) {
        str word;
        (void)str_cut(rest, ',', &word, &rest);
        (void)json_array_append_new(list, cli_json_text(str_trim(word)));
    }
    return list;
}

json_t *cli_json_time(int64_t at_us)
{
    struct buf text;
    if (at_us == 0)
        return json_null();
    buf_init(&text, 64);
    (void)date_format_rfc3339(at_us, 0, &text);
    json_t *value = json_string(buf_cstr(&text));
    buf_fini(&text);
    return value;
}

/* ---- tables ---- */

void cli_table_init(struct cli_table *t, const char *const *titles, size_t n_columns)
{
    *t = (struct cli_table){ .titles = titles, .n_columns = n_columns };
    buf_init(&t->cells, OUTPUT_MAX);
}

static void end_cell(struct cli_table *t)
{
    (void)buf_add_byte(&t->cells, '\0');
    t->n_rows++; /* counts cells until the table is printed */
}

void cli_table_text(struct cli_table *t, str text)
{
    cli_escape(text, &t->cells);
    end_cell(t);
}

void cli_table_number(struct cli_table *t, int64_t value)
{
    (void)buf_addf(&t->cells, "%lld", (long long)value);
    end_cell(t);
}

void cli_table_size(struct cli_table *t, int64_t bytes)
{
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < COUNT_OF(units)) {
        value /= 1024;
        unit++;
    }
    (void)buf_addf(&t->cells, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    end_cell(t);
}

void cli_table_time(struct cli_table *t, int64_t at_us)
{
    struct date d;
    date_from_unix_us(at_us, &d);
    if (at_us == 0) {
        (void)buf_add_byte(&t->cells, '-');
    } else {
        (void)buf_addf(&t->cells, "%04d-%02d-%02d %02d:%02d", d.year, d.month, d.day, d.hour,
                       d.minute);
    }
    end_cell(t);
}

static void print_cell(const char *text, size_t width, bool is_last)
{
    size_t used = utf8_count(str_from_cstr(text));
    (void)fputs(text, stdout);
    for (size_t i = used; !is_last && i < width + 2; i++)
        (void)putchar(' ');
    if (is_last)
        (void)putchar('\n');
}

void cli_table_print(struct cli_table *t)
{
    struct arena a;
    INVARIANT(t->n_columns > 0);
    arena_init(&a);
    size_t n_cells = t->n_rows;
    size_t *widths = ARENA_ARRAY(&a, size_t, t->n_columns);
    for (size_t c = 0; c < t->n_columns; c++)
        widths[c] = strlen(t->titles[c]);
    const char *cell = t->cells.p;
    for (size_t i = 0; i < n_cells; i++) {
        size_t used = utf8_count(str_from_cstr(cell));
        if (used > widths[i % t->n_columns])
            widths[i % t->n_columns] = used;
        cell += strlen(cell) + 1;
    }
    bool bold = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    (void)fputs(bold ? "\033[1m" : "", stdout);
    for (size_t c = 0; c < t->n_columns; c++)
        print_cell(t->titles[c], widths[c], c + 1 == t->n_columns);
    (void)fputs(bold ? "\033[0m" : "", stdout);
    cell = t->cells.p;
    for (size_t i = 0; i < n_cells; i++) {
        size_t c = i % t->n_columns;
        print_cell(cell, widths[c], c + 1 == t->n_columns);
        cell += strlen(cell) + 1;
    }
    buf_fini(&t->cells);
    arena_fini(&a);
}

/* ---- results ---- */

void cli_dump_json(const json_t *value, size_t flags)
{
    enum {
        DEL = 0x7f,
        C1_LEAD = 0xc2, /* of U+0080 to U+00BF in UTF-8 */
        C1_END = 0xa0
    };
    char *text = json_dumps(value, flags);
    for (const char *p = text ? text : ""; *p; p++) {
        unsigned char c = (unsigned char)p[0];
        unsigned char next = (unsigned char)p[1];
        bool is_c1 = c == C1_LEAD && next < C1_END;
        if (is_c1 || c == DEL) {
            (void)printf("\\u%04X", is_c1 ? next : c);
        } else {
            (void)putchar(c);
        }
        p += is_c1;
    }
    (void)putchar('\n');
    free(text);
}

void cli_print_json(json_t **value)
{
    cli_dump_json(*value, JSON_INDENT(2));
    json_decref(*value);
    *value = NULL;
}

void cli_print_items(json_t *items)
{
    json_t *root = json_pack("{s:O}", "items", items);
    cli_print_json(&root);
}

void cli_print_answer(const char *key, const char *value, json_t **answer)
{
    json_t *done = json_object();
    (void)json_object_set_new(done, "ok", json_true());
    (void)json_object_set_new(done, key, cli_json_text(str_from_cstr(value)));
    (void)json_object_update(done, *answer);
    json_decref(*answer);
    *answer = NULL;
    cli_print_json(&done);
}

void cli_print_done(const struct cli *cli, const char *key, const char *value, const char *format,
                    ...)
{
    char text[MESSAGE_MAX];
    struct buf shown;
    va_list args;
    if (cli->json) {
        json_t *done = json_object();
        (void)json_object_set_new(done, "ok", json_true());
        if (key)
            (void)json_object_set_new(done, key, cli_json_text(str_from_cstr(value)));
        cli_print_json(&done);
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_init(&shown, OUTPUT_MAX);
    cli_escape(str_from_cstr(text), &shown);
    (void)puts(buf_cstr(&shown));
    buf_fini(&shown);
}

/* ---- failures ---- */

static const struct {
    enum cli_exit code;
    const char *meaning;
} codes[] = {
    { CLI_OK, "done" },
    { CLI_WRONG, "a check found something that is wrong" },
    { CLI_USAGE, "the command line is wrong: unknown command, option or number of arguments" },
    { CLI_DATA, "a value is malformed: an address, a domain, a size, a password" },
    { CLI_NOT_FOUND, "what was named does not exist" },
    { CLI_UNAVAILABLE, "the database or a program that is needed is not there" },
    { CLI_INTERNAL, "a fault of Heronry or of the operating system" },
    { CLI_EXISTS, "it exists already, or a port is in use" },
    { CLI_TRY_LATER, "it did not work now, but may later: busy, in conflict, timed out" },
    { CLI_DENIED, "not allowed" },
    { CLI_CONFIG, "the configuration, or the database that it names, cannot be used" },
};

void cli_print_exit_codes(void)
{
    (void)puts("Exit codes:");
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        (void)printf("  %2d  %s\n", (int)codes[i].code, codes[i].meaning);
}

enum cli_exit cli_exit_of(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return CLI_OK;
    case ERR_SYNTAX:
        return CLI_DATA;
    case ERR_NOT_FOUND:
        return CLI_NOT_FOUND;
    case ERR_EXISTS:
        return CLI_EXISTS;
    case ERR_DENIED:
        return CLI_DENIED;
    case ERR_LIMIT:
        return CLI_DATA;
    case ERR_UNAVAILABLE:
    case ERR_CLOSED:
        return CLI_UNAVAILABLE;
    case ERR_CONFLICT:
    case ERR_TIMEOUT:
    case ERR_CANCELLED:
    case ERR_UNKNOWN_OUTCOME:
        return CLI_TRY_LATER;
    case ERR_UNSUPPORTED: /* no other try will help: a supervisor of services must not go on */
        return CLI_CONFIG;
    case ERR_DAMAGED:
    case ERR_INTERNAL:
        return CLI_INTERNAL;
    }
    return CLI_INTERNAL;
}

/* "not_found", as the log says it, is "notFound" for programs. Gives. */
static json_t *camel_case(const char *words)
{
    char text[64];
    size_t n = 0;
    for (const char *p = words; *p && n < sizeof(text); p++) {
        bool is_joint = *p == '_' && p[1];
        p += is_joint;
        text[n++] = (char)(is_joint ? *p - 'a' + 'A' : *p);
    }
    return json_stringn(text, n);
}

static void print_error(const struct cli *cli, const char *kind, const char *text)
{
    struct buf shown;
    if (cli->json) {
        json_t *root = json_object();
        json_t *error = json_object();
        (void)json_object_set_new(error, "kind", camel_case(kind));
        (void)json_object_set_new(error, "message", cli_json_text(str_from_cstr(text)));
        (void)json_object_set_new(root, "error", error);
        (void)json_dumpf(root, stderr, JSON_INDENT(2));
        (void)fputc('\n', stderr);
        json_decref(root);
        return;
    }
    bool colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
    buf_init(&shown, OUTPUT_MAX);
    cli_escape(str_from_cstr(text), &shown);
    (void)fprintf(stderr, colour ? "\033[31mheronry:\033[0m %s\n" : "heronry: %s\n",
                  buf_cstr(&shown));
    buf_fini(&shown);
}

enum cli_exit cli_fail(const struct cli *cli, const struct err *e)
{
    print_error(cli, err_kind_name(e->kind), e->msg);
    return cli_exit_of(e->kind);
}

enum cli_exit cli_usage(const struct cli *cli, const char *format, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    print_error(cli, "usage", text);
    if (!cli->json) {
        (void)fprintf(stderr, "Try: heronry %s%s--help\n", cli->command ? cli->command->name : "",
                      cli->command ? " " : "");
    }
    return CLI_USAGE;
}
