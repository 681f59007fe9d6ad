/* SPDX-License-Identifier: Apache-2.0 */
/* Sends requests, and makes errors of problems. */
#include "services/cli/api.h"

#include "base/date.h"
#include "base/percent.h"
#include "crypto/secret.h"
#include "http/http_client.h"
#include "services/cli/output.h"

#include <stdlib.h>

enum {
    ANSWER_MAX = 16 << 20,
    PAGE = 200
};

/* ---- the two ways ---- */

YIELDS static bool call_remote(struct cli_session *s, const char *method, str path, str body,
                               struct app_response *out, struct err *e)
{
    struct http_fetched got;
    str bearer = arena_printf(&s->arena, "Bearer %s", s->cli->token);
    const struct http_field fields[] = {
        { STR("authorization"), bearer },
        { STR("accept"), STR("application/json") },
        { STR("content-type"), STR("application/json") },
    };
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = { { "GET", HTTP_GET },
                    { "POST", HTTP_POST },
                    { "PUT", HTTP_PUT },
                    { "PATCH", HTTP_PATCH },
                    { "DELETE", HTTP_DELETE } };
    struct http_fetch fetch = {
        .url = arena_printf(&s->arena, "%s/api/v1%.*s", s->cli->url, STR_FMT(path)),
        .fields = fields,
        .n_fields = body.n ? COUNT_OF(fields) : COUNT_OF(fields) - 1,
        .body = body,
        .max_bytes = ANSWER_MAX,
        .any_port = true,
        .allow_special = true,
    };
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (strcmp(methods[i].name, method) == 0)
            fetch.method = methods[i].method;
    }
    if (!http_client_fetch(s->remote, &fetch, &s->arena, s->deadline_ms, &got, e))
        return err_wrap(e, "%s", s->cli->url);
    *out = (struct app_response){ .status = got.status, .body = got.body };
    return true;
}

YIELDS static bool call_here(struct cli_session *s, const char *method, str path, str body,
                             struct app_response *out, struct err *e)
{
    const struct app_services *services = &s->cli->services;
    const struct app_request request = {
        .method = str_from_cstr(method),
        .path = arena_printf(&s->arena, "/api/v1%.*s", STR_FMT(path)),
        .body = body,
    };
    for (size_t i = 0; i < services->n; i++) {
        if (services->list[i]->dispatch) {
            services->list[i]->dispatch(s->app, &request, &s->arena, out);
            return true;
        }
    }
    return ERR(e, ERR_UNSUPPORTED, "this program was built without the API");
}

/* ---- problems ---- */

static const struct {
    const char *slug;
    enum err_kind kind;
} kinds[] = {
    { "not-found", ERR_NOT_FOUND },
    { "exists", ERR_EXISTS },
    { "in-use", ERR_CONFLICT },
    { "limit", ERR_LIMIT },
    { "last-administrator", ERR_DENIED },
    { "unavailable", ERR_UNAVAILABLE },
    { "too-many-requests", ERR_CONFLICT },
    { "internal", ERR_INTERNAL },
};

static enum err_kind kind_of(unsigned status, str type)
{
    str slug = str_skip(type, sizeof("/problems/") - 1);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (str_eq(slug, str_from_cstr(kinds[i].slug)))
            return kinds[i].kind;
    }
    if (status == 401 || status == 403)
        return ERR_DENIED;
    return status >= 500 ? ERR_UNAVAILABLE : ERR_SYNTAX;
}

/* What details of fields begin with when they go on from the name of the field. */
static const char *const verbs[] = { "is ",    "are ",      "has ",  "have ", "holds ",
                                     "names ", "name ",     "goes ", "make ", "cannot ",
                                     "lacks ", "leads to ", "or " };

static bool goes_on(str detail)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (str_has_prefix(detail, str_from_cstr(verbs[i])))
            return true;
    }
    return false;
}

/* "expiresAt" as an option would have it: "expires-at". */
static str option_words(struct arena *a, str field)
{
    char *words = arena_alloc(a, 2 * field.n);
    size_t n = 0;
    for (size_t i = 0; i < field.n; i++) {
        bool is_upper = field.p[i] >= 'A' && field.p[i] <= 'Z';
        if (is_upper)
            words[n++] = '-';
        words[n++] = (char)(is_upper ? field.p[i] - 'A' + 'a' : field.p[i]);
    }
    return str_of(words, n);
}

/* The word that was given for the argument of this name ("NAME" for "name"), in quotes; empty: the
 * command has none. */
static str given_for(struct cli_session *s, str field)
{
    str arguments = str_from_cstr(s->cli->command->arguments);
    str argument;
    bool more = arguments.n > 0;
    for (size_t i = 0; more && i < s->cli->n_words; i++) {
        more = str_cut(arguments, ' ', &argument, &arguments);
        if (str_ieq(argument, field))
            return arena_printf(&s->arena, "\"%s\"", s->cli->words[i]);
    }
    return STR_EMPTY;
}

/* The field of a pointer ("/to/0", or "to" in the query) by the name that the user knows: that of
 * the option which says it ("--expires" for "expiresAt"), or what was given, else its own. */
static str thing_of(struct cli_session *s, str pointer)
{
    const struct cli_command *c = s->cli->command;
    str name = str_has_prefix(pointer, STR("/")) ? str_skip(pointer, 1) : pointer;
    ptrdiff_t end = str_find_byte(name, '/');
    name = end < 0 ? name : str_slice(name, 0, (size_t)end);
    str words = option_words(&s->arena, name);
    for (size_t i = 0; i < c->n_options; i++) {
        str option = str_skip(str_from_cstr(c->options[i].name), 2);
        if (str_has_prefix(words, option) && (words.n == option.n || words.p[option.n] == '-'))
            return str_from_cstr(c->options[i].name);
    }
    str given = given_for(s, name);
    return given.n > 0 ? given : name;
}

/* The sentence about the one thing that is wrong, else what the problem says. */
static str sentence_of(struct cli_session *s, const json_t *problem)
{
    const json_t *errors = json_object_get(problem, "errors");
    const json_t *one = json_array_size(errors) == 1 ? json_array_get(errors, 0) : NULL;
    str detail = cli_field_text(one, "detail");
    str pointer = cli_field_text(one, "pointer");
    if (detail.n > 0 && pointer.n > 0) {
        str thing = thing_of(s, pointer);
        return arena_printf(&s->arena, "%.*s%s%.*s", STR_FMT(thing), goes_on(detail) ? " " : ": ",
                            STR_FMT(detail));
    }
    if (detail.n == 0)
        detail = cli_field_text(problem, "detail");
    return detail.n ? detail : cli_field_text(problem, "title");
}

static bool fail(struct cli_session *s, const struct app_response *answer, const json_t *problem,
                 struct err *e)
{
    str sentence = sentence_of(s, problem);
    if (sentence.n == 0)
        return ERR(e, ERR_UNAVAILABLE, "the server answered with status %u", answer->status);
    return ERR(e, kind_of(answer->status, cli_field_text(problem, "type")), "%.*s",
               STR_FMT(sentence));
}

bool cli_call(struct cli_session *s, const char *method, str path, json_t *body, json_t **out,
              struct err *e)
{
    struct app_response answer = { .status = 0 };
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    str sent = str_from_cstr(text);
    json_decref(body);
    *out = NULL;
    bool ok = s->remote ? call_remote(s, method, path, sent, &answer, e)
                        : call_here(s, method, path, sent, &answer, e);
    if (text)
        secret_wipe_memory(text, sent.n); /* a password or a key may be in it */
    free(text);
    if (!ok)
        return false;
    json_t *json = answer.body.n ? json_loadb(answer.body.p, answer.body.n, 0, NULL) : NULL;
    if (answer.status >= 200 && answer.status < 300) {
        *out = json;
        return true;
    }
    ok = fail(s, &answer, json, e);
    json_decref(json);
    return ok;
}

/* ---- helpers ---- */

const char *cli_encode(struct cli_session *s, const char *text)
{
    struct buf out;
    str plain = str_from_cstr(text);
    buf_init(&out, 3 * plain.n + 1);
    (void)percent_encode(&out, plain, STR("@"));
    const char *encoded = arena_cstr(&s->arena, buf_str(&out));
    buf_fini(&out);
    return encoded;
}

str cli_filter_path(struct cli_session *s, str path, const struct cli_filter *filters, size_t n)
{
    char joint = str_find_byte(path, '?') >= 0 ? '&' : '?';
    for (size_t i = 0; i < n; i++) {
        const char *value = cli_option(s->cli, filters[i].option);
        if (!value)
            continue;
        path = arena_printf(&s->arena, "%.*s%c%s=%s", STR_FMT(path), joint, filters[i].field,
                            cli_encode(s, value));
        joint = '&';
    }
    return path;
}

void cli_filter_body(const struct cli *cli, json_t *body, const struct cli_filter *filters,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *value = cli_option(cli, filters[i].option);
        if (value)
            (void)json_object_set_new(body, filters[i].field, cli_json_text(str_from_cstr(value)));
    }
}

bool cli_call_list(struct cli_session *s, str path, cli_item_fn fn, void *arg, struct err *e)
{
    const char *cursor = "";
    char joint = str_find_byte(path, '?') >= 0 ? '&' : '?';
    do {
        json_t *page = NULL;
        const char *next = *cursor ? "&cursor=" : "";
        str whole =
            arena_printf(&s->arena, "%.*s%climit=%d%s%s", STR_FMT(path), joint, PAGE, next, cursor);
        if (!cli_call(s, "GET", whole, NULL, &page, e))
            return false;
        const json_t *items = json_object_get(page, "items");
        for (size_t i = 0; i < json_array_size(items); i++)
            fn(json_array_get(items, i), arg);
        cursor = arena_cstr(&s->arena, cli_field_text(page, "nextCursor"));
        json_decref(page);
    } while (*cursor);
    return true;
}

str cli_field_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? str_of(json_string_value(value), json_string_length(value))
                                 : STR_EMPTY;
}

int64_t cli_field_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

int64_t cli_time_of(const json_t *value)
{
    int64_t us = 0;
    return json_is_string(value) &&
                   date_parse_rfc3339(str_from_cstr(json_string_value(value)), &us, NULL)
               ? us
               : 0;
}

int64_t cli_field_time(const json_t *object, const char *name)
{
    return cli_time_of(json_object_get(object, name));
}
