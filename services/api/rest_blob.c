/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads, in one request or in parts. */
#include "api_routes.h"
#include "compose/upload.h"
#include "services/api/api.h"
#include "services/api/download.h"

static json_t *shape_blob(const struct compose_upload *u)
{
    json_t *o = json_object();
    api_set(o, "id", api_text(u->id));
    api_set(o, "name", api_text(u->name));
    api_set(o, "type", api_text(u->type));
    api_set(o, "size", json_integer(u->size));
    api_set(o, "received", json_integer(u->received));
    api_set(o, "isComplete", json_boolean(u->received == u->size));
    api_set(o, "expiresAt", api_time(u->expires_us));
    return o;
}

void rest_upload_blob(struct api_call *call, const struct upload_blob_params *p, const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct compose_upload u = { .name = p->name,
                                .type = p->type,
                                .size = p->has_size ? p->size : (int64_t)call->body.n };
    (void)body;
    if ((int64_t)call->body.n > u.size) {
        (void)call_field_problem(call, "invalid-fields", "size", "is less than what was sent");
        return;
    }
    if (!compose_upload_begin(call->app->db, call->who.account_id, &u, call->body, call->arena,
                              call->deadline_ms, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_created(call, shape_blob(&u), "/api/v1/blobs/%.*s", STR_FMT(u.id));
}

void rest_upload_blob_part(struct api_call *call, const struct upload_blob_part_params *p,
                           const json_t *body)
{
    int64_t first = 0;
    int64_t last = 0;
    struct err e = ERR_CLEAR;
    struct compose_upload u = { .id = p->blob_id };
    (void)body;
    if (!api_content_range_parse(p->content_range, &first, &last, &u.size) ||
        last - first + 1 != (int64_t)call->body.n) {
        struct api_faults faults = { .arena = call->arena };
        api_fault_add(&faults, STR("Content-Range"), STR("is not what was sent"));
        (void)call_faults(call, "invalid-parameter", &faults);
        return;
    }
    if (compose_upload_add(call->app->db, call->who.account_id, &u, first, call->body, call->arena,
                           call->deadline_ms, &e)) {
        call_json(call, 200, shape_blob(&u));
    } else if (e.kind == ERR_CONFLICT) {
        (void)call_problem(call, "incomplete", "Go on where `received` says.");
    } else {
        (void)call_fail(call, &e);
    }
}

YIELDS static bool find_upload(struct api_call *call, str id, struct compose_upload *out)
{
    struct err e = ERR_CLEAR;
    return compose_upload_get(call->app->db, call->who.account_id, id, call->arena,
                              call->deadline_ms, out, &e) ||
           call_fail(call, &e);
}

void rest_get_blob_info(struct api_call *call, const struct get_blob_info_params *p,
                        const json_t *body)
{
    struct compose_upload u;
    (void)body;
    if (find_upload(call, p->blob_id, &u))
        call_json(call, 200, shape_blob(&u));
}

/* An upload as a source of octets for download.h. */
struct source {
    struct api_call *call;
    str id;
};

YIELDS static bool read_upload(void *arg, size_t from, size_t n, struct arena *a, str *out,
                               struct err *e)
{
    const struct source *s = arg;
    return compose_upload_read(s->call->app->db, s->call->who.account_id, s->id, from, n, a,
                               clock_deadline_in(30000), out, e);
}

void rest_get_blob(struct api_call *call, const struct get_blob_params *p, const json_t *body)
{
    struct compose_upload u;
    struct source source = { call, p->blob_id };
    (void)body;
    if (!find_upload(call, p->blob_id, &u))
        return;
    if (u.received != u.size) {
        (void)call_problem(call, "incomplete", NULL);
        return;
    }
    const struct download d = {
        .type = u.type,
        .name = u.name,
        .range = p->has_range ? p->range : STR_EMPTY,
        .size = (size_t)u.size,
        .read = read_upload,
        .arg = &source,
    };
    download_send(call, &d);
}

void rest_delete_blob(struct api_call *call, const struct delete_blob_params *p, const json_t *body)
{
    struct err e = ERR_CLEAR;
    (void)body;
    if (compose_upload_drop(call->app->db, call->who.account_id, p->blob_id, call->arena,
                            call->deadline_ms, &e)) {
        call_empty(call, 204);
    } else {
        (void)call_fail(call, &e);
    }
}
