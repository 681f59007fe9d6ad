/* SPDX-License-Identifier: Apache-2.0 */
/* Octets of messages: the source, and single parts decoded. Sent in pieces. */
#include "api_routes.h"
#include "http/http_values.h"
#include "services/api/api.h"
#include "services/api/download.h"
#include "services/api/one.h"
#include "services/api/part_places.h"
#include "services/api/shape_message.h"
#include "store/mail.h"

#include "mime/structure.h"

enum {
    PART_DEPTH_MAX = 100,
    MESSAGE_MAX = 128 * 1024 * 1024,
    MESSAGE_PIECE = 1024 * 1024, /* of a message that is read as a whole */
    DECODED_MAX = 128 * 1024 * 1024,
    DECODED_PIECES = 2 * DOWNLOAD_PIECE + 4096, /* what was asked for, and one piece decoded */
    READ_MS = 30000
};

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
                            clock_deadline_in(READ_MS), out, e);
}

void rest_get_message_source(struct api_call *call, const struct get_message_source_params *p,
                             const json_t *body)
{
    struct store_mail mail;
    struct source source = { call, p->message_id };
    (void)body;
    if (!one_message(call, p->message_id, false, &mail))
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

/* A part and the message it is in. */
struct found_part {
    struct buf message; /* what the structure points into */
    const struct mime_structure *structure;
    const struct mime_part *part;
};

static void found_init(struct found_part *found)
{
    *found = (struct found_part){ .part = NULL };
    buf_init(&found->message, MESSAGE_MAX);
}

/* The whole message, piece by piece: in one answer of the database it would be in memory twice. */
YIELDS static bool read_message(struct api_call *call, int64_t msg_id, struct buf *out,
                                struct err *e)
{
    struct arena piece;
    bool ok = true;
    bool more = true;
    arena_init(&piece);
    while (ok && more) {
        str octets = STR_EMPTY;
        ok = store_fetch_body(call->app->store, call->who.account_id, msg_id, buf_str(out).n,
                              MESSAGE_PIECE, &piece, call->deadline_ms, &octets, e) &&
             (buf_add(out, octets) || ERR(e, ERR_LIMIT, "the message is too large"));
        more = octets.n == MESSAGE_PIECE;
        arena_reset(&piece);
    }
    arena_fini(&piece);
    return ok;
}

YIELDS static bool find_part(struct api_call *call, int64_t msg_id, str number, struct arena *a,
                             struct found_part *out, struct err *e)
{
    uint32_t path[PART_DEPTH_MAX];
    size_t n;
    if (!parse_path(number, path, &n))
        return ERR(e, ERR_NOT_FOUND, "no part has this number");
    if (!read_message(call, msg_id, &out->message, e))
        return false;
    out->structure = mime_structure_parse(a, buf_str(&out->message));
    out->part = mime_structure_find(out->structure, path, n);
    if (!out->part || out->part->kind == MIME_PART_MULTIPART)
        return ERR(e, ERR_NOT_FOUND, "no part has this number");
    return true;
}

static str part_type(struct arena *a, const struct mime_part *part)
{
    return arena_printf(a, "%.*s/%.*s", STR_FMT(part->type), STR_FMT(part->subtype));
}

static str part_name(struct arena *a, const struct mime_part *part, str part_id)
{
    str name = mime_part_filename(part);
    return name.n ? shape_file_name(a, name) : arena_printf(a, "attachment-%.*s", STR_FMT(part_id));
}

bool part_load(struct api_call *call, int64_t msg_id, str part_id, struct part_loaded *out,
               struct err *e)
{
    struct found_part found;
    found_init(&found);
    bool ok = find_part(call, msg_id, part_id, call->arena, &found, e);
    if (ok) {
        *out = (struct part_loaded){
            .octets = mime_part_decode(found.structure, found.part, call->arena, DECODED_MAX),
            .type = part_type(call->arena, found.part),
            .name = part_name(call->arena, found.part, part_id),
        };
    }
    buf_fini(&found.message);
    return ok;
}

/* ---- a part piece by piece ---- */

/* A part as a source of octets for download.h, which asks from front to back. What a client that
 * reads slowly keeps here are two pieces, whatever the size of the part. */
struct part_source {
    struct api_call *call;
    int64_t msg_id;
    struct part_place place;
    size_t read_to; /* octets of the message up to here went into the decoder */
    struct mime_decoder decoder;
    struct buf decoded; /* not yet asked for */
    size_t at;          /* where `decoded` begins in the decoded part */
};

static void rewind_part(struct part_source *s)
{
    s->read_to = s->place.start;
    s->at = 0;
    buf_clear(&s->decoded);
    mime_decoder_init(&s->decoder, s->place.encoding);
}

/* Decodes one piece more; *more is false behind the last. */
static bool decode_piece(struct part_source *s, str raw, bool *more, struct err *e)
{
    s->read_to += raw.n;
    *more = s->read_to < s->place.end && raw.n > 0;
    if (!mime_decoder_update(&s->decoder, raw, &s->decoded) ||
        (!*more && !mime_decoder_finish(&s->decoder, &s->decoded)))
        return ERR(e, ERR_INTERNAL, "a part grew while it was decoded");
    return true;
}

YIELDS static bool decode_next(struct part_source *s, bool *more, struct err *e)
{
    struct arena a;
    str raw = STR_EMPTY;
    size_t left = s->place.end - s->read_to;
    size_t n = DOWNLOAD_PIECE - s->read_to % DOWNLOAD_PIECE; /* to the end of a stored frame */
    *more = false;
    if (left == 0)
        return true;
    arena_init(&a);
    bool ok = store_fetch_body(s->call->app->store, s->call->who.account_id, s->msg_id, s->read_to,
                               left < n ? left : n, &a, clock_deadline_in(READ_MS), &raw, e) &&
              decode_piece(s, raw, more, e);
    arena_fini(&a);
    return ok;
}

YIELDS static bool read_part(void *arg, size_t from, size_t n, struct arena *a, str *out,
                             struct err *e)
{
    struct part_source *s = arg;
    bool more = true;
    if (from < s->at)
        rewind_part(s);
    while (more && s->at + s->decoded.n < from + n) {
        size_t before = from - s->at; /* a range begins later */
        before = before < s->decoded.n ? before : s->decoded.n;
        s->at += before;
        buf_consume(&s->decoded, before);
        if (!decode_next(s, &more, e))
            return false;
    }
    *out = arena_str(a, str_slice(buf_str(&s->decoded), from - s->at, n));
    return true;
}

/* The size of a decoded body is only known when it was decoded once. */
static bool measure(struct part_source *s, str message, struct err *e)
{
    bool more = s->place.start < s->place.end;
    rewind_part(s);
    while (more) {
        size_t left = s->place.end - s->read_to;
        str raw = str_slice(message, s->read_to, left < DOWNLOAD_PIECE ? left : DOWNLOAD_PIECE);
        if (!decode_piece(s, raw, &more, e))
            return false;
        s->at += s->decoded.n;
        buf_clear(&s->decoded);
    }
    s->place.size = s->at;
    return true;
}

/* Finds the part in the whole message, which is in memory only until this returns. */
YIELDS static bool locate_part(struct part_source *s, str number, struct err *e)
{
    struct arena a;
    struct arena *keep = s->call->arena;
    struct found_part found;
    found_init(&found);
    arena_init(&a);
    bool ok = find_part(s->call, s->msg_id, number, &a, &found, e);
    if (ok) {
        s->place =
            (struct part_place){ .start = found.part->body_start,
                                 .end = found.part->body_end,
                                 .encoding = found.part->encoding,
                                 .type = part_type(keep, found.part),
                                 .name = arena_str(keep, part_name(keep, found.part, number)) };
        ok = measure(s, found.structure->message, e);
    }
    arena_fini(&a);
    buf_fini(&found.message);
    return ok;
}

/* Few requests at a time hold a whole message; who waited for one may find its work done. */
YIELDS static bool open_part(struct part_source *s, str number, struct err *e)
{
    struct api *api = s->call->api;
    const struct part_id id = { s->call->who.account_id, s->msg_id, number };
    bool ok = part_places_find(api->part_places, &id, s->call->arena, &s->place);
    if (!ok) {
        if (!semaphore_acquire(&api->whole_messages, s->call->deadline_ms, e))
            return false;
        ok = part_places_find(api->part_places, &id, s->call->arena, &s->place);
        if (!ok) {
            ok = locate_part(s, number, e);
            if (ok)
                part_places_add(api->part_places, &id, &s->place);
        }
        semaphore_release(&api->whole_messages);
    }
    rewind_part(s);
    return ok;
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

YIELDS static void send_part(struct api_call *call, const struct get_message_part_params *p,
                             struct part_source *source)
{
    struct err e = ERR_CLEAR;
    if (!open_part(source, p->part_id, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    const struct download d = {
        .type = source->place.type,
        .name = source->place.name,
        .is_inline =
            p->disposition == GET_MESSAGE_PART_DISPOSITION_INLINE && is_picture(source->place.type),
        .etag = arena_printf(call->arena, "\"%lld-%.*s\"", (long long)p->message_id,
                             STR_FMT(p->part_id)),
        .if_none_match = p->has_if_none_match ? p->if_none_match : STR_EMPTY,
        .range = p->has_range ? p->range : STR_EMPTY,
        .size = source->place.size,
        .read = read_part,
        .arg = source,
    };
    download_send(call, &d);
}

void rest_get_message_part(struct api_call *call, const struct get_message_part_params *p,
                           const json_t *body)
{
    struct store_mail mail;
    struct part_source source = { .call = call, .msg_id = p->message_id };
    (void)body;
    if (!one_message(call, p->message_id, false, &mail))
        return;
    buf_init(&source.decoded, DECODED_PIECES);
    send_part(call, p, &source);
    buf_fini(&source.decoded);
}
