/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over a value and its schema. The way to where it is stands in a list on the stack, and
 * becomes a JSON pointer only when there is something to say. */
#include "services/api/validate.h"

#include "base/utf8.h"

/* ---- faults ---- */

void api_fault_add(struct api_faults *faults, str pointer, str detail)
{
    if (faults->n == API_FAULTS_MAX)
        return;
    faults->list[faults->n++] =
        (struct api_fault){ arena_str(faults->arena, pointer), arena_str(faults->arena, detail) };
}

/* One step from the body to a value in it: the key, or the index when there is none. */
struct step_in {
    const struct step_in *up; /* NULL at the body itself */
    const char *key;
    size_t index;
};

enum {
    POINTER_MAX = 1024
};

static void add_pointer(struct buf *out, const struct step_in *at)
{
    if (!at)
        return;
    add_pointer(out, at->up);
    (void)buf_add_byte(out, '/');
    if (!at->key)
        (void)buf_add_uint(out, at->index);
    for (const char *c = at->key; c && *c; c++) {
        if (*c == '~' || *c == '/') {
            (void)buf_add(out, *c == '~' ? STR("~0") : STR("~1"));
        } else {
            (void)buf_add_byte(out, *c);
        }
    }
}

static bool fault(struct api_faults *faults, const struct step_in *at, str detail)
{
    struct buf pointer;
    buf_init(&pointer, POINTER_MAX);
    add_pointer(&pointer, at);
    api_fault_add(faults, utf8_cut(buf_str(&pointer), POINTER_MAX), detail);
    buf_fini(&pointer);
    return false;
}

/* ---- reading ---- */

/* Looks at brackets and commas before jansson does, which goes down 2048 levels on our small
 * stack. What is in quotes is skipped; nothing else has to be right here. */
static bool check_shape(str body, struct err *e)
{
    size_t depth = 0;
    size_t values = 1;
    bool in_text = false;
    for (size_t i = 0; i < body.n; i++) {
        char c = body.p[i];
        if (in_text) {
            in_text = c != '"';
            i += c == '\\';
            continue;
        }
        in_text = c == '"';
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
        values += c == ',' || c == ':' || c == '{' || c == '[';
        if (depth > API_JSON_DEPTH_MAX)
            return ERR(e, ERR_LIMIT, "more than %d levels", API_JSON_DEPTH_MAX);
        if (values > API_JSON_VALUES_MAX)
            return ERR(e, ERR_LIMIT, "more than %d values", API_JSON_VALUES_MAX);
    }
    return true;
}

bool api_json_read(str body, json_t **out, struct err *e)
{
    json_error_t why;
    if (!check_shape(body, e))
        return false;
    *out = json_loadb(body.p ? body.p : "", body.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (*out)
        return true;
    bool is_nul = json_error_code(&why) == json_error_null_character ||
                  json_error_code(&why) == json_error_null_byte_in_key;
    return ERR(e, is_nul ? ERR_UNSUPPORTED : ERR_SYNTAX, "%s (line %d, column %d)", why.text,
               why.line, why.column);
}

/* ---- judging ---- */

static unsigned type_of(json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return API_TYPE_NULL;
    case JSON_FALSE:
        return API_TYPE_FALSE;
    case JSON_TRUE:
        return API_TYPE_TRUE;
    case JSON_INTEGER:
        return API_TYPE_INTEGER | API_TYPE_NUMBER;
    case JSON_REAL:
        return API_TYPE_NUMBER;
    case JSON_STRING:
        return API_TYPE_TEXT;
    case JSON_ARRAY:
        return API_TYPE_ARRAY;
    case JSON_OBJECT:
        return API_TYPE_OBJECT;
    }
    return 0;
}

static bool fault_type(unsigned types, const struct step_in *at, struct api_faults *faults)
{
    static const struct {
        unsigned types;
        const char *name;
    } names[] = {
        { API_TYPE_TEXT, "a text" },     { API_TYPE_INTEGER, "a whole number" },
        { API_TYPE_NUMBER, "a number" }, { API_TYPE_BOOLEAN, "true or false" },
        { API_TYPE_TRUE, "true" },       { API_TYPE_FALSE, "false" },
        { API_TYPE_ARRAY, "a list" },    { API_TYPE_OBJECT, "an object" },
        { API_TYPE_NULL, "null" },
    };
    str detail = STR("has to be ");
    bool first = true;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if ((names[i].types & types) != names[i].types)
            continue;
        detail = arena_printf(faults->arena, "%.*s%s%s", STR_FMT(detail), first ? "" : " or ",
                              names[i].name);
        types &= ~names[i].types;
        first = false;
    }
    return fault(faults, at, detail);
}

static bool check_count(const struct api_schema *s, size_t n, const char *what,
                        const struct step_in *at, struct api_faults *faults)
{
    if (n < s->least) {
        return fault(faults, at,
                     arena_printf(faults->arena, "has to have at least %zu %s", s->least, what));
    }
    if (s->most && n > s->most) {
        return fault(faults, at,
                     arena_printf(faults->arena, "has to have at most %zu %s", s->most, what));
    }
    return true;
}

static bool check_word(const struct api_schema *s, str text, const struct step_in *at,
                       struct api_faults *faults)
{
    str detail = STR("has to be one of ");
    for (size_t i = 0; i < s->n_words; i++) {
        if (str_eq(text, str_from_cstr(s->words[i])))
            return true;
        detail =
            arena_printf(faults->arena, "%.*s%s%s", STR_FMT(detail), i ? ", " : "", s->words[i]);
    }
    return fault(faults, at, detail);
}

static bool check_text(const struct api_schema *s, str text, const struct step_in *at,
                       struct api_faults *faults)
{
    if (s->words)
        return check_word(s, text, at, faults);
    if (!check_count(s, utf8_count(text), "characters", at, faults))
        return false;
    return api_format_check(s->format, text) ||
           fault(faults, at, str_from_cstr(api_format_fault(s->format)));
}

static bool check_integer(const struct api_schema *s, int64_t value, const struct step_in *at,
                          struct api_faults *faults)
{
    if (value >= s->min && value <= s->max)
        return true;
    return fault(faults, at,
                 arena_printf(faults->arena, "has to be %lld to %lld", (long long)s->min,
                              (long long)s->max));
}

static bool check(const struct api_schema *s, json_t *value, const struct step_in *at,
                  struct api_faults *faults);

static bool holds_twice(json_t *array, size_t *at)
{
    for (size_t i = 1; i < json_array_size(array); i++) {
        for (size_t k = 0; k < i; k++) {
            if (json_equal(json_array_get(array, i), json_array_get(array, k))) {
                *at = i;
                return true;
            }
        }
    }
    return false;
}

static bool check_array(const struct api_schema *s, json_t *array, const struct step_in *at,
                        struct api_faults *faults)
{
    struct step_in in = { .up = at };
    bool ok = true;
    if (!check_count(s, json_array_size(array), "items", at, faults))
        return false;
    for (in.index = 0; in.index < json_array_size(array) && faults->n < API_FAULTS_MAX; in.index++)
        ok = check(s->items, json_array_get(array, in.index), &in, faults) && ok;
    if (ok && s->is_unique && holds_twice(array, &in.index))
        return fault(faults, &in, STR("stands in the list twice"));
    return ok;
}

static const struct api_property *find_property(const struct api_schema *s, const char *name)
{
    for (size_t i = 0; i < s->n_properties; i++) {
        if (strcmp(s->properties[i].name, name) == 0)
            return &s->properties[i];
    }
    return NULL;
}

static bool check_property(const struct api_schema *s, const char *name, json_t *value,
                           const struct step_in *at, struct api_faults *faults)
{
    struct step_in in = { .up = at, .key = name };
    const struct api_property *property = find_property(s, name);
    const struct api_schema *schema = property ? property->schema : s->others;
    if (!schema)
        return fault(faults, &in, STR("there is no such field"));
    if (!property && s->names && !check_text(s->names, str_from_cstr(name), &in, faults))
        return false;
    return check(schema, value, &in, faults);
}

static bool check_object(const struct api_schema *s, json_t *object, const struct step_in *at,
                         struct api_faults *faults)
{
    struct step_in in = { .up = at };
    const char *key;
    json_t *value;
    bool ok = true;
    for (size_t i = 0; i < s->n_properties; i++) {
        in.key = s->properties[i].name;
        if (s->properties[i].is_required && !json_object_get(object, in.key))
            ok = fault(faults, &in, STR("is missing"));
    }
    json_object_foreach(object, key, value)
    {
        if (faults->n < API_FAULTS_MAX)
            ok = check_property(s, key, value, at, faults) && ok;
    }
    return check_count(s, json_object_size(object), "fields", at, faults) && ok;
}

static bool check(const struct api_schema *s, json_t *value, const struct step_in *at,
                  struct api_faults *faults)
{
    unsigned type = type_of(value) & s->types;
    if (type == 0)
        return fault_type(s->types, at, faults);
    if (type & API_TYPE_TEXT) {
        return check_text(s, str_of(json_string_value(value), json_string_length(value)), at,
                          faults);
    }
    if (type & API_TYPE_INTEGER)
        return check_integer(s, json_integer_value(value), at, faults);
    if (type & API_TYPE_ARRAY)
        return check_array(s, value, at, faults);
    if (type & API_TYPE_OBJECT)
        return check_object(s, value, at, faults);
    return true;
}

bool api_validate(const struct api_schema *schema, json_t *value, struct api_faults *faults)
{
    return check(schema, value, NULL, faults);
}
