/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the text of each parameter, and turns it into its field by a table of kinds. */
#include "services/api/params.h"

#include "base/date.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "http/http_values.h"

/* A parameter that was sent, and the struct that takes it. */
struct reading {
    const struct api_param *param;
    str text;
    char *out;
    struct api_faults *faults;
};

static bool fault(const struct reading *r, str detail)
{
    api_fault_add(r->faults, str_from_cstr(r->param->name), detail);
    return false;
}

/* Fields are written by their offset; memcpy keeps the compiler's rules on types. */
static void put(const struct reading *r, const void *value, size_t n)
{
    memcpy(r->out + r->param->offset, value, n);
}

/* ---- kinds ---- */

static bool read_text(const struct reading *r)
{
    size_t n = utf8_count(r->text);
    if (n < (size_t)r->param->min || (r->param->max && n > (size_t)r->param->max)) {
        return fault(r, arena_printf(r->faults->arena, "has to have %lld to %lld characters",
                                     (long long)r->param->min, (long long)r->param->max));
    }
    if (!api_format_check(r->param->format, r->text))
        return fault(r, str_from_cstr(api_format_fault(r->param->format)));
    put(r, &r->text, sizeof(r->text));
    return true;
}

/* Formats id and state; the same limits and words of fault as for the text. */
static bool read_id(const struct reading *r)
{
    uint64_t value;
    if (!api_format_check(r->param->format, r->text) || !str_to_uint(r->text, INT64_MAX, &value))
        return fault(r, str_from_cstr(api_format_fault(r->param->format)));
    put(r, &value, sizeof(value));
    return true;
}

static bool read_time(const struct reading *r)
{
    int64_t us;
    if (!date_parse_rfc3339(r->text, &us, NULL))
        return fault(r, str_from_cstr(api_format_fault(API_FORMAT_DATE_TIME)));
    put(r, &us, sizeof(us));
    return true;
}

static bool read_integer(const struct reading *r)
{
    int64_t value;
    if (!str_to_int(r->text, r->param->min, r->param->max, &value)) {
        return fault(r, arena_printf(r->faults->arena, "has to be %lld to %lld",
                                     (long long)r->param->min, (long long)r->param->max));
    }
    put(r, &value, sizeof(value));
    return true;
}

static bool read_boolean(const struct reading *r)
{
    bool value = str_eq(r->text, STR("true"));
    if (!value && !str_eq(r->text, STR("false")))
        return fault(r, STR("has to be true or false"));
    put(r, &value, sizeof(value));
    return true;
}

static bool find_word(const struct reading *r, str word, unsigned *index)
{
    str detail = STR("has to be one of ");
    for (size_t i = 0; i < r->param->n_words; i++) {
        *index = (unsigned)i;
        if (str_eq(word, str_from_cstr(r->param->words[i])))
            return true;
        detail = arena_printf(r->faults->arena, "%.*s%s%s", STR_FMT(detail), i ? ", " : "",
                              r->param->words[i]);
    }
    return fault(r, detail);
}

static bool read_choice(const struct reading *r)
{
    unsigned index;
    if (!find_word(r, r->text, &index))
        return false;
    put(r, &index, sizeof(index));
    return true;
}

static bool read_choices(const struct reading *r)
{
    unsigned bits = 0;
    unsigned index;
    str rest = r->text;
    str word;
    bool more;
    do {
        more = str_cut(rest, ',', &word, &rest);
        if (!find_word(r, word, &index))
            return false;
        if (bits & 1U << index)
            return fault(r, STR("says a word twice"));
        bits |= 1U << index;
    } while (more);
    put(r, &bits, sizeof(bits));
    return true;
}

static bool (*const readers[])(const struct reading *r) = {
    [API_PARAM_TEXT] = read_text,       [API_PARAM_INTEGER] = read_integer,
    [API_PARAM_ID] = read_id,           [API_PARAM_TIME] = read_time,
    [API_PARAM_BOOLEAN] = read_boolean, [API_PARAM_CHOICE] = read_choice,
    [API_PARAM_CHOICES] = read_choices,
};

static bool read_one(const struct reading *r)
{
    static const bool yes = true;
    if (!utf8_is_valid(r->text))
        return fault(r, STR("is not UTF-8"));
    if (!readers[r->param->kind](r))
        return false;
    if (r->param->has_offset)
        memcpy(r->out + r->param->has_offset, &yes, sizeof(yes));
    return true;
}

/* ---- places ---- */

static bool read_path(struct reading *r, const struct api_params_input *in, size_t at,
                      struct arena *a)
{
    return at < in->n_values && percent_decode(a, in->values[at], &r->text) && read_one(r);
}

/* The value of the only pair of that name. */
static bool find_in_query(struct reading *r, const struct http_query *query, bool *found)
{
    *found = false;
    for (size_t i = 0; i < query->n; i++) {
        if (!str_eq(query->list[i].name, str_from_cstr(r->param->name)))
            continue;
        if (*found)
            return fault(r, STR("is there twice"));
        *found = true;
        r->text = query->list[i].value;
    }
    return true;
}

static bool find_in_fields(struct reading *r, const struct api_params_input *in, bool *found)
{
    *found = false;
    for (size_t i = 0; i < in->n_fields; i++) {
        if (!str_eq(in->fields[i].name, str_from_cstr(r->param->name)))
            continue;
        if (*found)
            return fault(r, STR("is there twice"));
        *found = true;
        r->text = in->fields[i].value;
    }
    return true;
}

static bool read_optional(struct reading *r, const struct api_params_input *in,
                          const struct http_query *query)
{
    bool found;
    if (r->param->in == API_IN_QUERY ? !find_in_query(r, query, &found)
                                     : !find_in_fields(r, in, &found))
        return false;
    if (!found)
        return !r->param->is_required || fault(r, STR("is missing"));
    return read_one(r);
}

static bool is_known(const struct api_params *params, str name)
{
    for (size_t i = 0; i < params->n; i++) {
        if (params->list[i].in == API_IN_QUERY && str_eq(name, str_from_cstr(params->list[i].name)))
            return true;
    }
    return false;
}

static bool refuse_unknown(const struct api_params *params, const struct http_query *query,
                           struct api_faults *faults)
{
    bool ok = true;
    for (size_t i = 0; i < query->n; i++) {
        if (!is_known(params, query->list[i].name)) {
            api_fault_add(faults, utf8_cut(query->list[i].name, 64),
                          STR("there is no such parameter"));
            ok = false;
        }
    }
    return ok;
}

enum api_params_result api_params_read(const struct api_params *params,
                                       const struct api_params_input *in, struct arena *a,
                                       void **out, struct api_faults *faults)
{
    struct http_query query;
    struct err e;
    size_t path = 0;
    if (!http_query_parse(a, in->query, &query, &e)) {
        api_fault_add(faults, STR("?"), STR("the query cannot be read"));
        return API_PARAMS_WRONG;
    }
    *out = arena_alloc(a, params->size);
    if (params->size)
        memcpy(*out, params->defaults, params->size);
    bool ok = refuse_unknown(params, &query, faults);
    for (size_t i = 0; i < params->n; i++) {
        struct reading r = { .param = &params->list[i], .out = *out, .faults = faults };
        if (r.param->in != API_IN_PATH) {
            ok = read_optional(&r, in, &query) && ok;
        } else if (!read_path(&r, in, path++, a)) {
            return API_PARAMS_NOT_FOUND;
        }
    }
    return ok ? API_PARAMS_OK : API_PARAMS_WRONG;
}
