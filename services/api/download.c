/* SPDX-License-Identifier: Apache-2.0 */
/* Sends a file piece by piece. */
#include "services/api/download.h"

#include "http/http_values.h"
#include "obs/obs.h"

/* Whatever a browser makes of the octets, they may do nothing (WEB.md 3.2). */
#define FILE_POLICY "sandbox; default-src 'none'"

static void add_fields(struct api_call *call, const struct download *d)
{
    struct buf disposition;
    buf_init(&disposition, 1024);
    if (http_disposition_format(&disposition, !d->is_inline, d->name))
        call_field(call, "content-disposition", buf_str(&disposition));
    buf_fini(&disposition);
    call_field(call, "content-security-policy", STR(FILE_POLICY));
    call_field(call, "accept-ranges", STR("bytes"));
}

/* A type of a message is what its sender wrote: only its usual form is passed on. */
static const char *safe_type(struct arena *a, str type)
{
    size_t slashes = 0;
    for (size_t i = 0; i < type.n; i++) {
        char c = type.p[i];
        slashes += c == '/';
        if (!ascii_is_alnum(c) && !(c == '/' || c == '-' || c == '+' || c == '.' || c == '_'))
            return "application/octet-stream";
    }
    return slashes == 1 && type.n < 128 ? arena_cstr(a, type) : "application/octet-stream";
}

YIELDS static void send_pieces(struct api_call *call, const struct download *d, size_t from,
                               size_t count)
{
    struct arena piece;
    struct err e = ERR_CLEAR;
    bool ok = true;
    arena_init(&piece);
    while (ok && count > 0) {
        str octets = STR_EMPTY;
        size_t n = count < DOWNLOAD_PIECE ? count : DOWNLOAD_PIECE;
        ok = d->read(d->arg, from, n, &piece, &octets, &e);
        if (ok && octets.n == 0)
            ok = ERR(&e, ERR_INTERNAL, "%zu octets of a download are missing", count);
        ok = ok && http_send(call->http, octets, &e);
        from += octets.n;
        count -= octets.n;
        arena_reset(&piece);
    }
    arena_fini(&piece);
    if (ok) {
        http_end(call->http);
    } else if (e.kind != ERR_CLOSED && e.kind != ERR_CANCELLED) {
        obs_log(EV_API_REFUSED, call->id, OBS_CSTR("operation", call->route->operation_id),
                OBS_ERR(&e));
    }
}

void download_send(struct api_call *call, const struct download *d)
{
    uint64_t from = 0;
    uint64_t count = d->size;
    unsigned status = 200;
    if (d->etag.n)
        call_field(call, "etag", d->etag);
    if (d->if_none_match.n && http_etag_matches(d->if_none_match, d->etag, false)) {
        call_empty(call, 304);
        return;
    }
    switch (http_range_parse(d->range, d->size, &from, &count)) {
    case HTTP_RANGE_NONE:
        from = 0;
        count = d->size;
        break;
    case HTTP_RANGE_ONE:
        status = 206;
        call_field(call, "content-range",
                   arena_printf(call->arena, "bytes %llu-%llu/%zu", (unsigned long long)from,
                                (unsigned long long)(from + count - 1), d->size));
        break;
    case HTTP_RANGE_UNFIT:
        call_field(call, "content-range", arena_printf(call->arena, "bytes */%zu", d->size));
        (void)call_problem(call, "range", "There are %zu octets.", d->size);
        return;
    }
    add_fields(call, d);
    call_field(call, "cache-control", STR("private, no-cache"));
    call->is_answered = true;
    call->status = status;
    http_begin(call->http, status, safe_type(call->arena, d->type), (int64_t)count);
    send_pieces(call, d, (size_t)from, (size_t)count);
}
