/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences are compared with the table one by one: those with the most letters of their own come
 * first there, and few texts of an answer are looked at. */
#include "services/api/told.h"

#include "api_routes.h"
#include "services/api/json.h"

/* "550 5.1.1 ..." or "550-...". */
static bool is_reply(str text)
{
    return text.n > 3 && ascii_is_digit(text.p[0]) && ascii_is_digit(text.p[1]) &&
           ascii_is_digit(text.p[2]) && (text.p[3] == ' ' || text.p[3] == '-');
}

/* Takes what stands before the next place, or all of it; false behind the last place. */
static bool next_place(str *sentence, str *literal, str *name)
{
    str rest;
    bool has_place = str_cut(*sentence, '{', literal, &rest);
    *sentence = STR_EMPTY;
    return has_place && str_cut(rest, '}', name, sentence);
}

static bool take_value(struct api_told *out, str name, str value)
{
    INVARIANT(out->n < API_TOLD_VALUES);
    out->values[out->n].name = name;
    out->values[out->n++].value = value;
    return value.n > 0;
}

static bool is_like(str sentence, str text, struct api_told *out)
{
    str literal;
    str name;
    str next;
    bool has_place = next_place(&sentence, &literal, &name);
    if (!has_place)
        return str_eq(text, literal);
    if (!str_has_prefix(text, literal) || (literal.n == 0 && is_reply(text)))
        return false;
    text = str_skip(text, literal.n);
    while (has_place) {
        str of = name;
        has_place = next_place(&sentence, &literal, &next);
        name = next;
        ptrdiff_t end = has_place                       ? str_find(text, literal)
                        : str_has_suffix(text, literal) ? (ptrdiff_t)(text.n - literal.n)
                                                        : -1;
        if (end < 0 || !take_value(out, of, str_slice(text, 0, (size_t)end)))
            return false;
        text = str_skip(text, (size_t)end + literal.n);
    }
    return true;
}

bool api_told_find(str text, struct api_told *out)
{
    for (size_t i = 0; i < api_n_reasons; i++) {
        *out = (struct api_told){ .code = api_reasons[i].code };
        if (is_like(str_from_cstr(api_reasons[i].sentence), text, out))
            return true;
    }
    return false;
}

static json_t *told(str text, unsigned depth)
{
    struct api_told found;
    if (depth == API_TOLD_DEPTH || !api_told_find(text, &found))
        return NULL;
    json_t *o = json_object();
    json_t *values = json_object();
    json_t *parts = json_object();
    for (size_t i = 0; i < found.n; i++) {
        str name = found.values[i].name;
        str value = found.values[i].value;
        json_t *part = NULL;
        (void)json_object_setn_new(values, name.p, name.n, api_text(value));
        if (str_eq(name, STR("cause")) || str_eq(name, STR("by")))
            part = told(value, depth + 1);
        if (part)
            (void)json_object_setn_new(parts, name.p, name.n, part);
    }
    api_set(o, "code", json_string(found.code));
    api_set(o, "values", values);
    api_set(o, "parts", parts);
    return o;
}

json_t *api_told(str text)
{
    return told(text, 0);
}

void api_set_told(json_t *object, str text)
{
    json_t *found = api_told(text);
    api_set(object, "told", found ? found : json_null());
}

json_t *api_waits(str reason)
{
    if (str_is_empty(reason))
        return json_null();
    json_t *o = json_object();
    api_set(o, "reason", api_text(reason));
    api_set_told(o, reason);
    return o;
}
