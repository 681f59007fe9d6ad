/* SPDX-License-Identifier: Apache-2.0 */
/* Ready-made answers: problems, limits, and the way to HTTPS. */
#include "http/problem.h"

#include "base/utf8.h"
#include "http/head.h"
#include "http/private.h"

enum {
    DETAIL_MAX = 256, /* octets; each may become six */
    LOCATION_MAX = 8192
};

struct phrase {
    unsigned status;
    const char *text;
};

/* RFC 9110 15, RFC 6585. */
static const struct phrase phrases[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 423, "Locked" },
    { 425, "Too Early" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 507, "Insufficient Storage" },
};

const char *http_status_phrase(unsigned status)
{
    for (size_t i = 0; i < COUNT_OF(phrases); i++) {
        if (phrases[i].status == status)
            return phrases[i].text;
    }
    return "Unknown";
}

static void add_json_text(struct buf *out, str text)
{
    bool is_utf8 = utf8_is_valid(text);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\') {
            (void)buf_addf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            (void)buf_addf(out, "\\u%04x", c);
        } else {
            bool is_part = c < 0x80 || is_utf8;
            (void)buf_add(out, is_part ? str_slice(text, i, 1) : STR("?"));
        }
    }
}

void problem_format(struct buf *out, unsigned status, str detail)
{
    (void)buf_addf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":\"",
                   http_status_phrase(status), status);
    add_json_text(out, utf8_cut(detail, DETAIL_MAX));
    (void)buf_add(out, STR("\"}\n"));
}

void http_reply_problem(struct http_request *r, unsigned status, const char *detail)
{
    struct buf body;
    buf_init(&body, PROBLEM_MAX);
    problem_format(&body, status, str_from_cstr(detail));
    http_add_field(r, "cache-control", STR("no-store"));
    http_reply(r, status, PROBLEM_TYPE, buf_str(&body));
    buf_fini(&body);
}

void http_add_rate(struct http_request *r, const struct http_rate *rate)
{
    unsigned long long limit = rate->limit;
    unsigned long long remaining = rate->remaining;
    http_add_field(
        r, "ratelimit-policy",
        arena_printf(r->arena, "\"%s\";q=%llu;w=%u", rate->policy, limit, rate->window_s));
    http_add_field(
        r, "ratelimit",
        arena_printf(r->arena, "\"%s\";r=%llu;t=%u", rate->policy, remaining, rate->reset_s));
}

void http_add_retry(struct http_request *r, unsigned seconds)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", seconds);
    http_add_field(r, "retry-after", str_from_cstr(text));
}

void http_reply_to_https(struct http_request *r, unsigned port)
{
    struct buf location;
    buf_init(&location, LOCATION_MAX);
    if (!head_https_location(&location, r->host, r->path, r->query, port)) {
        http_reply_problem(r, 421, "This host is not served here.");
    } else {
        http_add_field(r, "location", buf_str(&location));
        http_reply(r, 308, NULL, STR_EMPTY);
    }
    buf_fini(&location);
}
