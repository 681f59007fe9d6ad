/* SPDX-License-Identifier: Apache-2.0 */
/* redis://, rediss:// and unix:// URLs. */
#include "redis/url.h"

#include "base/percent.h"

/* Percent-decodes into a C string. False: too long, a bad escape, or a NUL. */
static bool decode(str s, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int octet = percent_octet(str_skip(s, i));
            if (octet < 0)
                return false;
            c = (char)octet;
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static bool parse_login(str login, struct redis_url *out, struct err *e)
{
    str user;
    str pass;
    str_cut(login, ':', &user, &pass);
    if (!decode(user, out->user, sizeof(out->user)) || !decode(pass, out->pass, sizeof(out->pass)))
        return ERR(e, ERR_SYNTAX, "Redis URL: bad user or password");
    return true;
}

static bool parse_database(str text, struct redis_url *out, struct err *e)
{
    uint64_t n = 0;
    if (!str_is_empty(text) && !str_to_uint(text, 65535, &n))
        return ERR(e, ERR_SYNTAX, "Redis URL: the database must be a number");
    out->database = (unsigned)n;
    return true;
}

static bool parse_host(str text, struct redis_url *out, struct err *e)
{
    str host = text;
    str port = STR_EMPTY;
    ptrdiff_t bracket = str_find_byte(text, ']');
    if (text.n > 0 && text.p[0] == '[' && bracket > 0) {
        host = str_slice(text, 1, (size_t)bracket - 1);
        str after = str_skip(text, (size_t)bracket + 1);
        if (!str_is_empty(after) && after.p[0] != ':')
            return ERR(e, ERR_SYNTAX, "Redis URL: text after ]");
        port = str_skip(after, 1);
    } else {
        str_cut(text, ':', &host, &port);
    }
    uint64_t number = 6379;
    if (!str_is_empty(port) && (!str_to_uint(port, UINT16_MAX, &number) || number == 0))
        return ERR(e, ERR_SYNTAX, "Redis URL: bad port");
    out->port = (uint16_t)number;
    if (str_is_empty(host) || !decode(host, out->host, sizeof(out->host)))
        return ERR(e, ERR_SYNTAX, "Redis URL: bad host");
    return true;
}

static bool parse_unix(str rest, struct redis_url *out, struct err *e)
{
    str path;
    str query;
    str_cut(rest, '?', &path, &query);
    if (!str_is_empty(query) && !str_has_prefix(query, STR("db=")))
        return ERR(e, ERR_SYNTAX, "Redis URL: only ?db=N is known");
    if (path.n < 2 || path.p[0] != '/' || !decode(path, out->path, sizeof(out->path)))
        return ERR(e, ERR_SYNTAX, "Redis URL: bad path of the socket");
    return parse_database(str_skip(query, 3), out, e);
}

bool redis_url_parse(str url, struct redis_url *out, struct err *e)
{
    *out = (struct redis_url){ .port = 0 };
    bool is_unix = str_has_prefix(url, STR("unix://"));
    out->is_tls = str_has_prefix(url, STR("rediss://"));
    if (!is_unix && !out->is_tls && !str_has_prefix(url, STR("redis://")))
        return ERR(e, ERR_SYNTAX, "Redis URL: must begin with redis://, rediss:// or unix://");
    str rest = str_skip(url, (size_t)str_find(url, STR("://")) + 3);
    ptrdiff_t at = str_rfind_byte(rest, '@');
    if (at >= 0) {
        if (!parse_login(str_slice(rest, 0, (size_t)at), out, e))
            return false;
        rest = str_skip(rest, (size_t)at + 1);
    }
    if (is_unix)
        return parse_unix(rest, out, e);
    str host;
    str database;
    str_cut(rest, '/', &host, &database);
    return parse_host(host, out, e) && parse_database(database, out, e);
}
