/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a message: as a page for a sandboxed frame, and as data. */
#include "api_routes.h"
#include "http/http_values.h"
#include "mailauth/authres.h"
#include "services/api/api.h"
#include "services/api/mail_text.h"
#include "services/api/one.h"

/* The second wall: whatever the page holds, nothing of it runs, loads or is sent (WEB.md 2.4). The
 * third is the frame's own sandbox. Never both allow-same-origin and allow-scripts. */
#define BODY_POLICY                                                                               \
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; " \
    "img-src data: 'self'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "      \
    "frame-ancestors 'self'"

/* Changes when the rules of cleaning do, so that no browser shows an older page. */
#define RULES "1"

/* The raw message, and its text out of that. */
YIELDS static bool make_text(struct api_call *call, struct mail_text_wanted *wanted,
                             struct mail_text *out)
{
    struct err e = ERR_CLEAR;
    if (!store_fetch_body(call->app->store, call->who.account_id, wanted->msg_id, 0, SIZE_MAX,
                          call->arena, call->deadline_ms, &wanted->message, &e))
        return call_fail(call, &e);
    if (mail_text_make(wanted, call->arena, call->deadline_ms, out, &e))
        return true;
    if (e.kind == ERR_LIMIT)
        return call_problem(call, "unavailable", "Too many messages are being opened.");
    return call_fail(call, &e);
}

void rest_get_message_body(struct api_call *call, const struct get_message_body_params *p,
                           const json_t *body)
{
    struct store_mail mail;
    struct mail_text text;
    struct mail_text_wanted wanted = { .msg_id = p->message_id,
                                       .plain = p->text == GET_MESSAGE_BODY_TEXT_PLAIN };
    str etag = arena_printf(call->arena, "\"%lld-" RULES "%c\"", (long long)p->message_id,
                            wanted.plain ? 'p' : 'h');
    (void)body;
    if (!one_message(call, p->message_id, false, &mail)) /* its octets never change */
        return;
    call_field(call, "etag", etag);
    call_field(call, "cache-control", STR("private, no-cache"));
    if (p->has_if_none_match && http_etag_matches(p->if_none_match, etag, false)) {
        call_empty(call, 304);
        return;
    }
    if (!make_text(call, &wanted, &text))
        return;
    call_field(call, "content-security-policy", STR(BODY_POLICY));
    call_field(call, "x-frame-options", STR("SAMEORIGIN"));
    call_octets(call, "text/html; charset=utf-8", text.document);
}

static json_t *shape_remote(const struct html_report *report)
{
    json_t *o = json_object();
    json_t *hosts = json_array();
    for (size_t i = 0; i < report->n_hosts && i < 50; i++)
        api_add(hosts, api_text(report->hosts[i].name));
    api_set(o, "count", json_integer(report->remote));
    api_set(o, "pixels", json_integer(report->trackers));
    api_set(o, "hosts", hosts);
    return o;
}

static bool is_same_link(const struct html_misleading_link *a, const struct html_misleading_link *b)
{
    return str_ieq(a->shown, b->shown) && str_ieq(a->target, b->target);
}

/* Each pair once, in the order of the text. */
static json_t *shape_misleading(const struct html_report *report)
{
    json_t *links = json_array();
    for (size_t i = 0; i < report->n_misleading; i++) {
        const struct html_misleading_link *link = &report->misleading[i];
        size_t first = 0;
        while (!is_same_link(&report->misleading[first], link))
            first++;
        if (first < i)
            continue;
        json_t *o = json_object();
        api_set(o, "shown", api_text(link->shown));
        api_set(o, "target", api_text(link->target));
        api_add(links, o);
    }
    return links;
}

static json_t *shape_result(enum mailauth_result result)
{
    return json_string(mailauth_result_name(result));
}

/* What we found out about the sender when the message came in; null when it came another way. */
static json_t *shape_authentication(struct api_call *call, str message)
{
    struct mailauth_told told;
    if (!mailauth_authres_find(message, str_from_cstr(call->app->hostname), call->arena, &told))
        return json_null();
    json_t *o = json_object();
    json_t *signers = json_array();
    for (size_t i = 0; i < told.n_signers; i++)
        api_add(signers, api_text(told.signers[i]));
    api_set(o, "spf", shape_result(told.spf));
    api_set(o, "sender", api_text(told.sender));
    api_set(o, "dkim", shape_result(told.dkim));
    api_set(o, "signers", signers);
    api_set(o, "dmarc", shape_result(told.dmarc));
    api_set(o, "author", api_text(told.author));
    return o;
}

void rest_get_message_content(struct api_call *call, const struct get_message_content_params *p,
                              const json_t *body)
{
    struct mail_text_wanted wanted = { .msg_id = p->message_id };
    struct mail_text text;
    struct store_mail mail;
    (void)body;
    if (!one_message(call, p->message_id, false, &mail) || !make_text(call, &wanted, &text))
        return;
    json_t *o = json_object();
    api_set(o, "hasHtml", json_boolean(text.has_html));
    api_set(o, "html", api_text(text.fragment));
    api_set(o, "text", api_text(text.text));
    api_set(o, "isCut", json_boolean(text.is_cut));
    api_set(o, "remote", shape_remote(&text.report));
    api_set(o, "misleadingLinks", shape_misleading(&text.report));
    api_set(o, "authentication", shape_authentication(call, wanted.message));
    call_json(call, 200, o);
}
