/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an operation: who asks, what with, and how it is answered. Handlers (rest_*.c) see
 * this and shared modules only; whether the request came over HTTP or from the command line in the
 * same process makes no difference to them. */
#ifndef API_CALL_H
#define API_CALL_H

#include "account/account.h"
#include "auth/grant.h"
#include "http/http_server.h"
#include "queue/queue.h"
#include "services/api/json.h"
#include "services/api/route.h"
#include "services/app/app.h"

struct api;

struct api_call {
    struct api *api;
    struct app *app;
    struct arena *arena;
    struct http_request *http; /* NULL: called in process */
    const struct api_route *route;
    str path;              /* as sent */
    str body;              /* octets as sent */
    str ip;                /* of the client; empty in process */
    str id;                /* request id */
    int64_t deadline_ms;   /* for what waits */
    bool is_operator;      /* called in process by the operator: no account, all rights */
    bool is_signed_in;     /* `who` is filled */
    struct auth_grant who; /* */
    /* The answer, kept for callers in process and for the Idempotency-Key. */
    bool is_answered;
    unsigned status;
    json_t *json;   /* owned; NULL without a JSON body */
    str location;   /* of a 201 */
    bool is_secret; /* the answer is never kept */
};

/* Answers with a JSON body (takes the reference). */
void call_json(struct api_call *call, unsigned status, json_t *json);
/* The same with 201 and the path of what was made: "/api/v1/mailboxes/9". */
void call_created(struct api_call *call, json_t *json, const char *path_format, ...)
    __attribute__((format(printf, 3, 4)));
/* Answers 200 with a whole list: {"items": [...]}. Takes the reference. */
void call_items(struct api_call *call, json_t *items);
/* Answers without a body: 204, 304. */
void call_empty(struct api_call *call, unsigned status);
/* Answers 200 with octets of that type. The caller says whether they may be kept (cache-control).
 */
void call_octets(struct api_call *call, const char *type, str octets);
/* Adds a header field to the answer that will come. `name` is static, lower case. */
void call_field(struct api_call *call, const char *name, str value);
/* The field "ETag" of a number: "\"1042\"". */
void call_etag(struct api_call *call, int64_t version);

/* ---- failures ---- */

/* Answers with the problem of that slug (x-problems of the contract); `format` is the detail for
 * people, or NULL. */
void call_send_problem(struct api_call *call, const char *slug, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with one field that is wrong: 422 invalid-fields mostly. `pointer` "/to/0/address". */
void call_send_field_problem(struct api_call *call, const char *slug, const char *pointer,
                             const char *detail);
/* The same with all faults found. */
void call_send_faults(struct api_call *call, const char *slug, const struct api_faults *faults);
/* Answers a failure of a module, by its kind; one of our own is logged. */
void call_send_failure(struct api_call *call, const struct err *e);

/* The four as the end of a check: always false, and compilers and readers see it. */
/* NOLINTNEXTLINE(readability-identifier-naming): it reads as the call it is */
#define call_problem(...) (call_send_problem(__VA_ARGS__), false)
static inline bool call_field_problem(struct api_call *call, const char *slug, const char *pointer,
                                      const char *detail)
{
    call_send_field_problem(call, slug, pointer, detail);
    return false;
}
static inline bool call_faults(struct api_call *call, const char *slug,
                               const struct api_faults *faults)
{
    call_send_faults(call, slug, faults);
    return false;
}
static inline bool call_fail(struct api_call *call, const struct err *e)
{
    call_send_failure(call, e);
    return false;
}

/* ---- what is asked ---- */

/* When what is made is to end, `expiresAt` of a judged body; INT64_MAX for never. Answers 422 and
 * gives false for a moment that has passed. */
bool call_read_expiry(struct api_call *call, const json_t *body, int64_t *out_us);

/* ---- who asks ---- */

/* For changes of directory and queue: who did it, from where. */
struct account_actor call_account_actor(const struct api_call *call);
struct queue_actor call_queue_actor(const struct api_call *call);
/* Writes an audit row for an act that has none yet; its failure is logged only. Yields. */
YIELDS void call_audit(struct api_call *call, const char *action, str object, str detail,
                       const char *result);

/* ---- pages ---- */

enum {
    CALL_CURSOR_NUMBERS = 3
};

/* A place in a list: some numbers and a text. */
struct call_cursor {
    int64_t numbers[CALL_CURSOR_NUMBERS];
    str text;
};

/* Reads a cursor that call_cursor_format made for the same operation; an empty one leaves *out as
 * it is, with *given false. Answers 400 and gives false for any other text. */
bool call_cursor_read(struct api_call *call, str cursor, struct call_cursor *out, bool *given);
/* The text of the place for `nextCursor`. Gives. */
json_t *call_cursor_format(struct api_call *call, const struct call_cursor *cursor);
/* Answers 200 with a page of a list: {"items": [...], "nextCursor": ...}; `next` is NULL behind the
 * last one. Takes the reference. */
void call_items_page(struct api_call *call, json_t *items, const struct call_cursor *next);

#endif
