/* SPDX-License-Identifier: Apache-2.0 */
/* Octets of messages: the source, and single parts decoded. Sent in pieces. */
#include "api_routes.h"
#include "http/http_values.h"
#include "services/api/api.h"
#include "services/api/download.h"
#include "services/api/shape_message.h"
#include "store/mail.h"

#include "mime/structure.h"

enum {
    PART_DEPTH_MAX = 100,
    DECODED_MAX = 128 * 1024 * 1024
};

YIELDS static bool find_message(struct api_call *call, int64_t id, struct store_mail *out)
{
    struct store_mails mails;
    struct err e = ERR_CLEAR;
    const struct store_wanted wanted = { .account_id = call->who.account_id, .ids = &id, .n = 1 };
    if (!store_mail_get(call->app->store, &wanted, call->arena, call->deadline_ms, &mails, &e))
        return call_fail(call, &e);
    if (mails.n == 0)
        return call_problem(call, "not-found", NULL);
    *out = mails.list[0];
    return true;
}

/* ---- the source ---- */

/* A message as a source of octets for download.h. */
struct source {
    struct api_call *call;
    int64_t msg_id;
};

YIELDS static bool read_source(void *arg, size_t from, size_t n, struct arena *a, str *out,
                               struct err *e)
{
    const struct source *s = arg;
    return store_fetch_body(s->call->app->store, s->call->who.account_id, s->msg_id, from, n, a,
                            clock_deadline_in(30000), out, e);
}

void rest_get_message_source(struct api_call *call, const struct get_message_source_params *p,
                             const json_t *body)
{
    struct store_mail mail;
    struct source source = { call, p->message_id };
    (void)body;
    if (!find_message(call, p->message_id, &mail))
        return;
    const struct download d = {
        .type = STR("message/rfc822"),
        .name = arena_printf(call->arena, "message-%lld.eml", (long long)p->message_id),
        .etag = arena_printf(call->arena, "\"%lld\"", (long long)p->message_id),
        .if_none_match = p->has_if_none_match ? p->if_none_match : STR_EMPTY,
        .range = p->has_range ? p->range : STR_EMPTY,
        .size = mail.size,
        .read = read_source,
        .arg = &source,
    };
    download_send(call, &d);
}

/* ---- parts ---- */

static bool parse_path(str text, uint32_t path[PART_DEPTH_MAX], size_t *n)
{
    bool more = true;
    *n = 0;
    while (more) {
        str one;
        uint64_t number;
        more = str_cut(text, '.', &one, &text);
        if (*n == PART_DEPTH_MAX || !str_to_uint(one, 100000, &number) || number == 0)
            return false;
        path[(*n)++] = (uint32_t)number;
    }
    return true;
}

bool part_load(struct api_call *call, int64_t msg_id, str part_id, struct part_loaded *out,
               struct err *e)
{
    uint32_t path[PART_DEPTH_MAX];
    size_t n;
    str raw;
    if (!parse_path(part_id, path, &n))
        return ERR(e, ERR_NOT_FOUND, "no part has this number");
    if (!store_fetch_body(call->app->store, call->who.account_id, msg_id, 0, SIZE_MAX, call->arena,
                          call->deadline_ms, &raw, e))
        return false;
    const struct mime_structure *s = mime_structure_parse(call->arena, raw);
    const struct mime_part *part = mime_structure_find(s, path, n);
    if (!part || part->kind == MIME_PART_MULTIPART)
        return ERR(e, ERR_NOT_FOUND, "no part has this number");
    str name = mime_part_filename(part);
    *out = (struct part_loaded){
        .octets = mime_part_decode(s, part, call->arena, DECODED_MAX),
        .type = arena_printf(call->arena, "%.*s/%.*s", STR_FMT(part->type), STR_FMT(part->subtype)),
        .name = name.n ? shape_file_name(call->arena, name)
                       : arena_printf(call->arena, "attachment-%.*s", STR_FMT(part_id)),
    };
    return true;
}

static bool read_memory(void *arg, size_t from, size_t n, struct arena *a, str *out, struct err *e)
{
    const str *octets = arg;
    (void)a;
    (void)e;
    *out = str_slice(*octets, from, n);
    return true;
}

/* Pictures that browsers show without running anything. */
static bool is_picture(str type)
{
    static const char *const types[] = { "image/png", "image/jpeg", "image/gif", "image/webp" };
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (str_ieq(type, str_from_cstr(types[i])))
            return true;
    }
    return false;
}

void rest_get_message_part(struct api_call *call, const struct get_message_part_params *p,
                           const json_t *body)
{
    struct store_mail mail;
    struct part_loaded part = { .octets = STR_EMPTY };
    struct err e = ERR_CLEAR;
    (void)body;
    if (!find_message(call, p->message_id, &mail))
        return;
    if (!part_load(call, p->message_id, p->part_id, &part, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    const struct download d = {
        .type = part.type,
        .name = part.name,
        .is_inline = p->disposition == GET_MESSAGE_PART_DISPOSITION_INLINE && is_picture(part.type),
        .etag = arena_printf(call->arena, "\"%lld-%.*s\"", (long long)p->message_id,
                             STR_FMT(p->part_id)),
        .if_none_match = p->has_if_none_match ? p->if_none_match : STR_EMPTY,
        .range = p->has_range ? p->range : STR_EMPTY,
        .size = part.octets.n,
        .read = read_memory,
        .arg = &part.octets,
    };
    download_send(call, &d);
}
