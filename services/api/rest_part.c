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
    DECODED_MAX = 128 * 1024 * 1024,
    DECODED_PIECES = 2 * DOWNLOAD_PIECE + 4096, /* what was asked for, and one piece decoded */
    READ_MS = 30000
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
                            clock_deadline_in(READ_MS), out, e);
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

/* A part and the message it is in, in the arena. */
struct found_part {
    const struct mime_structure *structure;
    const struct mime_part *part;
};

YIELDS static bool find_part(struct api_call *call, int64_t msg_id, str part_id, struct arena *a,
                             struct found_part *out, struct err *e)
{
    uint32_t path[PART_DEPTH_MAX];
    size_t n;
    str raw;
    if (!parse_path(part_id, path, &n)) {
        (void)ERR(e, ERR_NOT_FOUND, "no part has this number");
        return false;
    }
    if (!store_fetch_body(call->app->store, call->who.account_id, msg_id, 0, SIZE_MAX, a,
                          call->deadline_ms, &raw, e))
        return false;
    out->structure = mime_structure_parse(a, raw);
    out->part = mime_structure_find(out->structure, path, n);
    if (!out->part || out->part->kind == MIME_PART_MULTIPART) {
        (void)ERR(e, ERR_NOT_FOUND, "no part has this number");
        return false;
    }
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
    struct found_part found = { NULL, NULL };
    if (!find_part(call, msg_id, part_id, call->arena, &found, e))
        return false;
    *out = (struct part_loaded){
        .octets = mime_part_decode(found.structure, found.part, call->arena, DECODED_MAX),
        .type = part_type(call->arena, found.part),
        .name = part_name(call->arena, found.part, part_id),
    };
    return true;
}

/* ---- a part piece by piece ---- */

/* A part as a source of octets for download.h, which asks from front to back. What a client that
 * reads slowly keeps here are two pieces, whatever the size of the part. */
struct part_source {
    struct api_call *call;
    int64_t msg_id;
    enum mime_encoding encoding;
    size_t start; /* of the body in the message; it is as written there */
    size_t end;
    size_t read_to; /* octets of the message up to here went into the decoder */
    struct mime_decoder decoder;
    struct buf decoded; /* not yet asked for */
    size_t at;          /* where `decoded` begins in the decoded part */
    str type;
    str name;
    size_t size; /* decoded */
};

static void rewind_part(struct part_source *s)
{
    s->read_to = s->start;
    s->at = 0;
    buf_clear(&s->decoded);
    mime_decoder_init(&s->decoder, s->encoding);
}

/* Decodes one piece more; *more is false behind the last. */
static bool decode_piece(struct part_source *s, str raw, bool *more, struct err *e)
{
    s->read_to += raw.n;
    *more = s->read_to < s->end && raw.n > 0;
    if (!mime_decoder_update(&s->decoder, raw, &s->decoded) ||
        (!*more && !mime_decoder_finish(&s->decoder, &s->decoded)))
        return ERR(e, ERR_INTERNAL, "a part grew while it was decoded");
    return true;
}

YIELDS static bool decode_next(struct part_source *s, bool *more, struct err *e)
{
    struct arena a;
    str raw = STR_EMPTY;
    size_t left = s->end - s->read_to;
    *more = false;
    if (left == 0)
        return true;
    arena_init(&a);
    bool ok = store_fetch_body(s->call->app->store, s->call->who.account_id, s->msg_id, s->read_to,
                               left < DOWNLOAD_PIECE ? left : DOWNLOAD_PIECE, &a,
                               clock_deadline_in(READ_MS), &raw, e) &&
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
    bool more = s->start < s->end;
    rewind_part(s);
    while (more) {
        size_t left = s->end - s->read_to;
        str raw = str_slice(message, s->read_to, left < DOWNLOAD_PIECE ? left : DOWNLOAD_PIECE);
        if (!decode_piece(s, raw, &more, e))
            return false;
        s->at += s->decoded.n;
        buf_clear(&s->decoded);
    }
    s->size = s->at;
    rewind_part(s);
    return true;
}

/* Finds the part. The whole message is in memory only until this returns, and of a few requests at
 * a time. */
YIELDS static bool open_part(struct part_source *s, str part_id, struct err *e)
{
    struct arena a;
    struct found_part found = { NULL, NULL };
    struct arena *keep = s->call->arena;
    struct semaphore *turn = &s->call->api->whole_messages;
    if (!semaphore_acquire(turn, s->call->deadline_ms, e))
        return false;
    arena_init(&a);
    bool ok = find_part(s->call, s->msg_id, part_id, &a, &found, e);
    if (ok) {
        s->encoding = found.part->encoding;
        s->start = found.part->body_start;
        s->end = found.part->body_end;
        s->type = part_type(keep, found.part);
        s->name = arena_str(keep, part_name(keep, found.part, part_id));
        ok = measure(s, found.structure->message, e);
    }
    arena_fini(&a);
    semaphore_release(turn);
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
        .type = source->type,
        .name = source->name,
        .is_inline =
            p->disposition == GET_MESSAGE_PART_DISPOSITION_INLINE && is_picture(source->type),
        .etag = arena_printf(call->arena, "\"%lld-%.*s\"", (long long)p->message_id,
                             STR_FMT(p->part_id)),
        .if_none_match = p->has_if_none_match ? p->if_none_match : STR_EMPTY,
        .range = p->has_range ? p->range : STR_EMPTY,
        .size = source->size,
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
    if (!find_message(call, p->message_id, &mail))
        return;
    buf_init(&source.decoded, DECODED_PIECES);
    send_part(call, p, &source);
    buf_fini(&source.decoded);
}
