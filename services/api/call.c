/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of calls: bodies, problems, cursors. */
#include "services/api/call.h"

#include "api_routes.h"
#include "audit/audit.h"
#include "base/base64.h"
#include "base/utf8.h"
#include "db/db.h"
#include "obs/obs.h"
#include "services/api/told.h"

#include <stdarg.h>
#include <stdlib.h>

enum {
    CURSOR_MAX = 512,
    RETRY_S = 5, /* what is said of something that is away */
    AUDIT_MS = 2000
};

/* ---- answers ---- */

static void reply(struct api_call *call, unsigned status, const char *type, json_t *json)
{
    call->is_answered = true;
    call->status = status;
    json_decref(call->json);
    call->json = json;
    if (!call->http)
        return;
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (status != 304)
        http_add_field(call->http, "cache-control", STR("no-store"));
    http_reply(call->http, status, text ? type : NULL, str_from_cstr(text));
    free(text);
}

void call_json(struct api_call *call, unsigned status, json_t *json)
{
    reply(call, status, "application/json", json);
}

void call_created(struct api_call *call, json_t *json, const char *path_format, ...)
{
    char path[256];
    va_list args;
    va_start(args, path_format);
    int n = vsnprintf(path, sizeof(path), path_format, args);
    va_end(args);
    size_t size = n < 0 ? 0 : (size_t)n < sizeof(path) ? (size_t)n : sizeof(path) - 1;
    call->location = arena_str(call->arena, str_of(path, size));
    call_field(call, "location", call->location);
    call_json(call, 201, json);
}

void call_items(struct api_call *call, json_t *items)
{
    json_t *o = json_object();
    api_set(o, "items", items);
    call_json(call, 200, o);
}

void call_items_page(struct api_call *call, json_t *items, const struct call_cursor *next)
{
    json_t *o = json_object();
    api_set(o, "items", items);
    api_set(o, "nextCursor", next ? call_cursor_format(call, next) : json_null());
    call_json(call, 200, o);
}

void call_empty(struct api_call *call, unsigned status)
{
    reply(call, status, NULL, NULL);
}

void call_octets(struct api_call *call, const char *type, str octets)
{
    call->is_answered = true;
    call->status = 200;
    if (call->http)
        http_reply(call->http, 200, type, octets);
}

void call_field(struct api_call *call, const char *name, str value)
{
    if (call->http)
        http_add_field(call->http, name, value);
}

void call_etag(struct api_call *call, int64_t version)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "\"%lld\"", (long long)version);
    call_field(call, "etag", str_of(text, (size_t)n));
}

/* ---- failures ---- */

static const struct api_problem *find_problem(const char *slug)
{
    for (size_t i = 0; i < api_n_problems; i++) {
        if (strcmp(api_problems[i].slug, slug) == 0)
            return &api_problems[i];
    }
    INVARIANT(!"a problem of the contract");
    return NULL;
}

static void set_detail(json_t *o, str detail)
{
    json_t *told = api_told(detail);
    api_set(o, "detail", api_text(detail));
    if (told)
        api_set(o, "told", told);
}

static void send_problem(struct api_call *call, const char *slug, str detail, json_t *errors)
{
    const struct api_problem *p = find_problem(slug);
    json_t *json = json_object();
    str type = arena_printf(call->arena, "/problems/%s", slug);
    api_set(json, "type", api_text(type));
    api_set(json, "title", json_string(p->title));
    api_set(json, "status", json_integer((json_int_t)p->status));
    if (detail.n)
        set_detail(json, detail);
    api_set(json, "requestId", api_text(call->id));
    if (errors)
        api_set(json, "errors", errors);
    if (p->status == 401)
        call_field(call, "www-authenticate", STR("Bearer realm=\"heronry\""));
    if (p->status == 503 && call->http)
        http_add_retry(call->http, RETRY_S);
    reply(call, p->status, "application/problem+json", json);
}

void call_send_problem(struct api_call *call, const char *slug, const char *format, ...)
{
    char text[512] = "";
    if (format) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
    }
    send_problem(call, slug, str_from_cstr(text), NULL);
}

static void add_fault(json_t *errors, str pointer, str detail)
{
    json_t *one = json_object();
    api_set(one, "pointer", api_text(pointer));
    set_detail(one, detail);
    api_add(errors, one);
}

void call_send_field_problem(struct api_call *call, const char *slug, const char *pointer,
                             const char *detail)
{
    json_t *errors = json_array();
    add_fault(errors, str_from_cstr(pointer), str_from_cstr(detail));
    str text = arena_printf(call->arena, "%s %s", pointer, detail);
    send_problem(call, slug, text, errors);
}

void call_send_faults(struct api_call *call, const char *slug, const struct api_faults *faults)
{
    json_t *errors = json_array();
    str detail = STR_EMPTY;
    for (size_t i = 0; i < faults->n; i++)
        add_fault(errors, faults->list[i].pointer, faults->list[i].detail);
    if (faults->n > 0) {
        detail = arena_printf(call->arena, "%.*s %.*s", STR_FMT(faults->list[0].pointer),
                              STR_FMT(faults->list[0].detail));
    }
    send_problem(call, slug, detail, errors);
}

/* Which problem a failure is. Its sentence is for operators; it is told only where it was written
 * for whoever asks. */
static const struct {
    const char *slug;
    bool is_told;
} failures[] = {
    [ERR_NONE] = { "internal", false },
    [ERR_SYNTAX] = { "invalid-fields", true },
    [ERR_NOT_FOUND] = { "not-found", false },
    [ERR_EXISTS] = { "exists", true },
    [ERR_DENIED] = { "not-found", false },
    [ERR_LIMIT] = { "limit", true },
    [ERR_CONFLICT] = { "in-use", true },
    [ERR_UNAVAILABLE] = { "unavailable", false },
    [ERR_TIMEOUT] = { "unavailable", false },
    [ERR_CANCELLED] = { "unavailable", false },
    [ERR_CLOSED] = { "unavailable", false },
    [ERR_UNKNOWN_OUTCOME] = { "unavailable", false },
    [ERR_UNSUPPORTED] = { "invalid-fields", true },
    [ERR_DAMAGED] = { "internal", false },
    [ERR_INTERNAL] = { "internal", false },
};

void call_send_failure(struct api_call *call, const struct err *e)
{
    const char *slug = failures[e->kind].slug;
    str operation = str_from_cstr(call->route ? call->route->operation_id : "");
    if (e->kind == ERR_INTERNAL || e->kind == ERR_DAMAGED || e->kind == ERR_NONE) {
        obs_log(EV_API_FAILED, call->id, OBS_STR("operation", operation), OBS_ERR(e));
    } else if (e->kind != ERR_CANCELLED) {
        obs_log(EV_API_REFUSED, call->id, OBS_STR("operation", operation), OBS_ERR(e));
    }
    bool is_told = failures[e->kind].is_told || call->is_operator;
    str detail = is_told ? str_from_cstr(e->msg) : STR_EMPTY;
    send_problem(call, slug, arena_str(call->arena, detail), NULL);
}

/* ---- what is asked ---- */

bool call_read_expiry(struct api_call *call, const json_t *body, int64_t *out_us)
{
    *out_us = api_get_time(body, "expiresAt", INT64_MAX);
    return *out_us > clock_utc_us() ||
           call_field_problem(call, "invalid-fields", "/expiresAt", "has to lie ahead");
}

/* ---- who asks ---- */

struct account_actor call_account_actor(const struct api_call *call)
{
    if (call->is_operator)
        return (struct account_actor){ .name = STR("cli") };
    return (struct account_actor){ .account_id = call->who.account_id,
                                   .name = call->who.login,
                                   .ip = call->ip };
}

struct queue_actor call_queue_actor(const struct api_call *call)
{
    const struct account_actor actor = call_account_actor(call);
    return (struct queue_actor){ actor.account_id, actor.name, actor.ip };
}

void call_audit(struct api_call *call, const char *action, str object, str detail,
                const char *result)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    const struct audit_entry entry = { .actor_id = actor.account_id,
                                       .actor = actor.name,
                                       .ip = actor.ip,
                                       .action = str_from_cstr(action),
                                       .object = object,
                                       .detail = detail,
                                       .result = str_from_cstr(result) };
    if (!audit_write(call->app->db, &entry, clock_deadline_in(AUDIT_MS), &e))
        obs_log(EV_AUTH_AUDIT_LOST, call->id, OBS_ERR(&e));
}

/* ---- cursors ---- */

/* "operation|1|2|3|text" in base64: nobody's secret, checked again when it comes back. */
json_t *call_cursor_format(struct api_call *call, const struct call_cursor *cursor)
{
    struct buf out;
    str plain = arena_printf(call->arena, "%s|%lld|%lld|%lld|%.*s", call->route->operation_id,
                             (long long)cursor->numbers[0], (long long)cursor->numbers[1],
                             (long long)cursor->numbers[2], STR_FMT(cursor->text));
    buf_init(&out, CURSOR_MAX);
    bool fits = base64_encode(BASE64_URL, plain, &out);
    INVARIANT(fits);
    json_t *json = api_text(buf_str(&out));
    buf_fini(&out);
    return json;
}

static bool parse_cursor(const struct api_call *call, str plain, struct call_cursor *out)
{
    str operation;
    str rest;
    (void)str_cut(plain, '|', &operation, &rest);
    if (!str_eq(operation, str_from_cstr(call->route->operation_id)))
        return false;
    for (size_t i = 0; i < CALL_CURSOR_NUMBERS; i++) {
        str number;
        if (!str_cut(rest, '|', &number, &rest) ||
            !str_to_int(number, INT64_MIN, INT64_MAX, &out->numbers[i]))
            return false;
    }
    out->text = arena_str(call->arena, rest);
    return utf8_is_valid(rest) && str_find_byte(rest, '\0') < 0;
}

bool call_cursor_read(struct api_call *call, str cursor, struct call_cursor *out, bool *given)
{
    struct buf plain;
    struct err ignored = ERR_CLEAR;
    *given = cursor.n > 0;
    if (!*given)
        return true;
    buf_init(&plain, CURSOR_MAX);
    bool ok = base64_decode(BASE64_URL, cursor, &plain, &ignored) &&
              parse_cursor(call, buf_str(&plain), out);
    buf_fini(&plain);
    return ok || call_problem(call, "invalid-cursor", "Begin at the first page, without a cursor.");
}
