/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the contract to and from JSON. */
#include "services/api/json.h"

#include "base/date.h"
#include "base/utf8.h"

enum {
    TIME_TEXT = 40
};

/* Copies, each wrong byte as U+FFFD; rare, as what is stored is UTF-8. */
static json_t *mended(str s)
{
    struct buf out;
    buf_init(&out, 3 * s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        str one = str_slice(s, i, 1);
        (void)buf_add(&out, (unsigned char)one.p[0] < 128 ? one : STR("\xef\xbf\xbd"));
    }
    json_t *text = json_stringn_nocheck(out.p ? out.p : "", out.n);
    buf_fini(&out);
    return text;
}

json_t *api_text(str s)
{
    return utf8_is_valid(s) ? json_stringn_nocheck(s.p ? s.p : "", s.n) : mended(s);
}

json_t *api_text_or_null(str s)
{
    return s.n ? api_text(s) : json_null();
}

json_t *api_id(int64_t id)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)id);
    return json_stringn_nocheck(text, (size_t)n);
}

json_t *api_id_or_null(int64_t id)
{
    return id ? api_id(id) : json_null();
}

json_t *api_time(int64_t at_us)
{
    struct buf text;
    buf_init(&text, TIME_TEXT);
    (void)date_format_rfc3339(at_us, 0, &text);
    json_t *value = json_stringn_nocheck(text.p ? text.p : "", text.n);
    buf_fini(&text);
    return value;
}

json_t *api_time_or_null(int64_t at_us)
{
    return at_us && at_us != INT64_MAX ? api_time(at_us) : json_null();
}

void api_set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new_nocheck(object, name, value);
}

void api_add(json_t *array, json_t *value)
{
    (void)json_array_append_new(array, value);
}

str api_str(const json_t *text)
{
    return json_is_string(text) ? str_of(json_string_value(text), json_string_length(text))
                                : STR_EMPTY;
}

str api_get_text(const json_t *object, const char *name)
{
    return api_str(json_object_get(object, name));
}

int64_t api_id_parse(str text)
{
    int64_t id = 0;
    return str_to_int(text, 1, INT64_MAX, &id) ? id : 0;
}

int64_t api_get_id(const json_t *object, const char *name)
{
    return api_id_parse(api_get_text(object, name));
}

bool api_get_bool(const json_t *object, const char *name, bool otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

int64_t api_get_time(const json_t *object, const char *name, int64_t otherwise)
{
    int64_t at_us = otherwise;
    str text = api_get_text(object, name);
    return text.n && date_parse_rfc3339(text, &at_us, NULL) ? at_us : otherwise;
}

bool api_has(const json_t *object, const char *name)
{
    return json_object_get(object, name) != NULL;
}
