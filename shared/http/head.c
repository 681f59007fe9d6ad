/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of a request's head. Strict: what it lets pass means the same to every server. */
#include "http/head.h"

struct seen {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    unsigned fields;
    bool is_1_0;
};

static bool refuse(struct head *out, unsigned status, const char *why)
{
    out->fault = status;
    out->why = why;
    return true;
}

/* RFC 9110 5.6.2. */
static bool is_token(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alnum(s.p[i]) && str_find_byte(STR("!#$%&'*+-.^_`|~"), s.p[i]) < 0)
            return false;
    }
    return s.n > 0;
}

/* Visible ASCII; browsers encode the rest. */
static bool is_target(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    }
    return s.n > 0 && s.p[0] == '/';
}

static bool is_field_value(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_number(str s)
{
    uint64_t n;
    return str_to_uint(s, INT64_MAX, &n);
}

bool head_is_host(str host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (!ascii_is_alnum(host.p[i]) && str_find_byte(STR(".-_:[]"), host.p[i]) < 0)
            return false;
    }
    return host.n > 0 && host.n <= 262 && host.p[0] != ':';
}

static bool check_request_line(str line, struct seen *seen, struct head *out)
{
    str method;
    str target;
    str version;
    if (!str_cut(line, ' ', &method, &line) || !str_cut(line, ' ', &target, &version))
        return refuse(out, 400, "The request line is not well formed.");
    if (!is_token(method) || method.n > 32)
        return refuse(out, 400, "The request line is not well formed.");
    if (target.n > HEAD_TARGET_MAX)
        return refuse(out, 414, "The address is too long.");
    if (!str_has_prefix(version, STR("HTTP/")))
        return refuse(out, 400, "The request line is not well formed.");
    seen->is_1_0 = str_eq(version, STR("HTTP/1.0"));
    if (!seen->is_1_0 && !str_eq(version, STR("HTTP/1.1")))
        return refuse(out, 505, "Only version 1.1 of HTTP is spoken here.");
    if (!is_target(target))
        return refuse(out, 400, "The request target must be a path.");
    return false;
}

static bool check_framing(str name, str value, struct seen *seen, struct head *out)
{
    if (str_ieq(name, STR("host"))) {
        seen->hosts++;
        if (!head_is_host(value))
            return refuse(out, 400, "The Host field holds no host.");
    } else if (str_ieq(name, STR("content-length"))) {
        seen->lengths++;
        if (!is_number(value))
            return refuse(out, 400, "The Content-Length field holds no number.");
    } else if (str_ieq(name, STR("transfer-encoding"))) {
        seen->codings++;
        if (!str_ieq(value, STR("chunked")))
            return refuse(out, 400, "Of the transfer codings only chunked is understood.");
    }
    return false;
}

static bool check_field(str line, struct seen *seen, struct head *out)
{
    str name;
    str value;
    if (++seen->fields > HEAD_FIELDS_MAX)
        return refuse(out, 431, "There are too many header fields.");
    if (!str_cut(line, ':', &name, &value) || !is_token(name) || !is_field_value(value))
        return refuse(out, 400, "A header field is not well formed.");
    return check_framing(name, str_trim(value), seen, out);
}

static bool check_all(const struct seen *seen, struct head *out)
{
    out->has_body = seen->lengths > 0 || seen->codings > 0;
    if (seen->hosts != 1)
        return refuse(out, 400, "There must be exactly one Host field.");
    if (seen->lengths > 1 || seen->codings > 1 || (seen->lengths > 0 && seen->codings > 0))
        return refuse(out, 400, "The length of the body is not clear.");
    if (seen->codings > 0 && seen->is_1_0)
        return refuse(out, 400, "HTTP/1.0 has no transfer codings.");
    return false;
}

/* The next line up to its CRLF. A line feed alone, and a carriage return inside, are faults. */
static bool next_line(str *rest, str *line, struct head *out)
{
    ptrdiff_t at = str_find_byte(*rest, '\n');
    if (at < 0)
        return false;
    *line = str_slice(*rest, 0, (size_t)at);
    *rest = str_skip(*rest, (size_t)at + 1);
    if (line->n == 0 || line->p[line->n - 1] != '\r')
        return refuse(out, 400, "Lines must end in CR LF.");
    line->n--;
    if (str_find_byte(*line, '\r') >= 0)
        return refuse(out, 400, "Lines must end in CR LF.");
    return true;
}

bool head_check(str input, struct head *out)
{
    struct seen seen = { 0 };
    str rest = str_slice(input, 0, HEAD_MAX);
    str line;
    *out = (struct head){ 0 };
    for (bool is_first = true;; is_first = false) {
        if (!next_line(&rest, &line, out)) {
            if (input.n < HEAD_MAX)
                return false;
            return refuse(out, is_first ? 414 : 431, "The head of the request is too long.");
        }
        if (out->fault != 0)
            return true;
        if (is_first) {
            if (check_request_line(line, &seen, out))
                return true;
        } else if (line.n == 0) {
            break;
        } else if (check_field(line, &seen, out)) {
            return true;
        }
    }
    out->n = (input.n < HEAD_MAX ? input.n : HEAD_MAX) - rest.n;
    (void)check_all(&seen, out);
    return true;
}

/* The colons of an IPv6 address stand in brackets. */
static str without_port(str host)
{
    ptrdiff_t colon = str_rfind_byte(host, ':');
    bool has_port = colon > 0 && str_find_byte(str_skip(host, (size_t)colon), ']') < 0;
    return has_port ? str_slice(host, 0, (size_t)colon) : host;
}

str head_host_name(str host)
{
    host = without_port(host);
    bool has_brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    return has_brackets ? str_slice(host, 1, host.n - 2) : host;
}

bool head_https_location(struct buf *out, str host, str path, str query, unsigned port)
{
    if (!head_is_host(host))
        return false;
    bool fits = buf_add(out, STR("https://")) && buf_add(out, without_port(host));
    if (port != 443)
        fits = fits && buf_addf(out, ":%u", port);
    fits = fits && buf_add(out, path);
    if (query.n > 0)
        fits = fits && buf_add_byte(out, '?') && buf_add(out, query);
    return fits;
}

void head_forwarded_for(str field, const struct net_networks *trusted, struct net_address *peer)
{
    while (field.n > 0) {
        ptrdiff_t comma = str_rfind_byte(field, ',');
        str one = str_trim(str_skip(field, (size_t)(comma + 1)));
        struct net_address address;
        if (!net_address_parse_ip(one, &address, NULL))
            return;
        *peer = address;
        if (comma < 0 || !net_networks_contain(trusted, &address))
            return;
        field.n = (size_t)comma;
    }
}
