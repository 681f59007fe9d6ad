/* SPDX-License-Identifier: Apache-2.0 */
/* A message, or a recipient, as JSON. */
#include "hook/request.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "crypto/hmac.h"
#include "mime/header.h"

#include <jansson.h>

static json_t *text(str value)
{
    struct buf clean;
    buf_init(&clean, 3 * value.n + 4);
    (void)utf8_repair(value, &clean);
    str s = buf_str(&clean);
    json_t *made = json_stringn(s.n > 0 ? s.p : "", s.n);
    buf_fini(&clean);
    return made;
}

static void set(json_t *o, const char *key, str value)
{
    if (value.n > 0)
        (void)json_object_set_new(o, key, text(value));
}

/* NULL when nothing is known of it. */
static void set_object(json_t *o, const char *key, json_t *part)
{
    if (json_object_size(part) > 0) {
        (void)json_object_set_new(o, key, part);
    } else {
        json_decref(part);
    }
}

static json_t *address_of(str address)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "address", text(address));
    return o;
}

static json_t *format_context(const struct hook_server *server, const struct hook_about *about,
                              int64_t now_utc)
{
    const struct milter_message *m = &about->message;
    json_t *context = json_object();
    json_t *client = json_object();
    json_t *sasl = json_object();
    json_t *tls = json_object();
    set(context, "stage", server->stage == HOOK_AT_RCPT ? STR("rcpt") : STR("data"));
    set(context, "mail", about->is_submission ? STR("submission") : STR("inbound"));
    set(context, "server", m->hostname);
    set(context, "session", m->session);
    set(context, "transaction", m->transaction);
    (void)json_object_set_new(context, "time", json_integer(now_utc));
    set(client, "ip", m->client_ip);
    set(client, "helo", m->helo);
    set(sasl, "login", m->login);
    set(sasl, "method", m->mechanism);
    set(tls, "version", m->tls_version);
    set(tls, "cipher", m->tls_cipher);
    set_object(context, "client", client);
    set_object(context, "sasl", sasl);
    set_object(context, "tls", tls);
    set(context, "authenticationResults", about->proven);
    if (m->is_whitelisted)
        (void)json_object_set_new(context, "whitelisted", json_true());
    return context;
}

static json_t *format_envelope(const struct milter_message *m)
{
    json_t *envelope = json_object();
    json_t *to = json_array();
    for (size_t i = 0; i < m->envelope.n; i++)
        (void)json_array_append_new(to, address_of(m->envelope.recipients[i].address));
    (void)json_object_set_new(envelope, "from", address_of(m->envelope.sender));
    (void)json_object_set_new(envelope, "to", to);
    return envelope;
}

static json_t *format_fields(const struct hook_request *r)
{
    struct mime_field_iter it;
    struct mime_field field;
    bool is_cut = r->header.n == HOOK_HEADER_MAX;
    json_t *fields = json_array();
    mime_field_iter_init(&it, r->header);
    while (json_array_size(fields) < HOOK_FIELDS_MAX && mime_field_iter_next(&it, &field)) {
        if (is_cut && field.offset + field.raw.n == r->header.n)
            break; /* half of it is missing */
        json_t *pair = json_array();
        (void)json_array_append_new(pair, text(str_trim(field.name)));
        (void)json_array_append_new(pair, text(str_trim(field.body)));
        (void)json_array_append_new(fields, pair);
    }
    return fields;
}

static json_t *format_message(const struct hook_request *r)
{
    json_t *message = json_object();
    size_t size = base64_encoded_size(BASE64_STANDARD, r->contents.n);
    struct buf encoded;
    (void)json_object_set_new(message, "headers", format_fields(r));
    (void)json_object_set_new(message, "size", json_integer((json_int_t)r->size));
    if (r->contents.n == 0)
        return message;
    buf_init(&encoded, size + 1);
    (void)base64_encode(BASE64_STANDARD, r->contents, &encoded);
    (void)json_object_set_new(message, "contents",
                              json_stringn_nocheck(buf_str(&encoded).p, buf_str(&encoded).n));
    (void)json_object_set_new(message, "isTruncated", json_boolean(r->contents.n < r->size));
    buf_fini(&encoded);
    return message;
}

static str sign(str secret, str body, struct arena *a)
{
    uint8_t mac[CRYPTO_HMAC_SIZE];
    struct buf out;
    buf_init(&out, HOOK_SIGNATURE_TEXT);
    crypto_hmac_sha256(secret, body, mac);
    (void)buf_add(&out, STR("sha256="));
    (void)hex_encode(str_of((const char *)mac, sizeof(mac)), &out);
    str made = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return made;
}

/* ---- requests ---- */

static void run(struct work *work)
{
    hook_request_build(CONTAINER_OF(work, struct hook_request, work));
}

static void end(struct work *work)
{
    struct hook_request *r = CONTAINER_OF(work, struct hook_request, work);
    json_decref(r->json);
    arena_fini(&r->a);
    free(r);
}

/* What of a message is copied: the slices of `content`. */
static str shown_header(str content)
{
    return str_slice(str_slice(content, 0, mime_header_end(content)), 0, HOOK_HEADER_MAX);
}

size_t hook_request_weigh(const struct hook_server *server, str content)
{
    if (server->stage != HOOK_AT_DATA)
        return 0;
    return shown_header(content).n + str_slice(content, 0, server->contents_max).n;
}

struct hook_request *hook_request_new(const struct hook_server *server,
                                      const struct hook_about *about, int64_t now_utc)
{
    str content = about->message.content;
    struct hook_request *r = HEAP_NEW(struct hook_request);
    r->work = (struct work){ .run = run, .done = end };
    arena_init(&r->a);
    r->secret = arena_str(&r->a, server->secret);
    r->json = json_object();
    (void)json_object_set_new(r->json, "context", format_context(server, about, now_utc));
    (void)json_object_set_new(r->json, "envelope", format_envelope(&about->message));
    r->has_message = server->stage == HOOK_AT_DATA;
    if (!r->has_message)
        return r;
    r->header = arena_str(&r->a, shown_header(content));
    r->contents = arena_str(&r->a, str_slice(content, 0, server->contents_max));
    r->size = content.n;
    r->weight = hook_request_weigh(server, content);
    return r;
}

void hook_request_build(struct hook_request *r)
{
    if (r->has_message)
        (void)json_object_set_new(r->json, "message", format_message(r));
    size_t n = json_dumpb(r->json, NULL, 0, JSON_COMPACT);
    char *bytes = arena_alloc(&r->a, n + 1);
    n = json_dumpb(r->json, bytes, n, JSON_COMPACT);
    json_decref(r->json); /* as much again */
    r->json = NULL;
    r->body = str_of(bytes, n);
    if (r->secret.n > 0)
        r->signature = sign(r->secret, r->body, &r->a);
}

str hook_url_shown(str url, struct arena *a)
{
    ptrdiff_t colon = str_find(url, STR("://"));
    size_t scheme = colon < 0 ? 0 : (size_t)colon + 3;
    str rest = str_skip(url, scheme);
    size_t host = 0;
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '?' && rest.p[end] != '#')
        end++;
    for (size_t i = 0; i < end && rest.p[i] != '/'; i++)
        host = rest.p[i] == '@' ? i + 1 : host;
    return arena_printf(a, "%.*s%.*s", STR_FMT(str_slice(url, 0, scheme)),
                        STR_FMT(str_slice(rest, host, end - host)));
}
