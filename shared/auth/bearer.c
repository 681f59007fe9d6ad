/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with bearer tokens. Pure. */
#include "auth/bearer.h"

#include "base/utf8.h"

enum {
    USER_MAX = 320 /* octets: no address is longer */
};

#define KVSEP '\x01'

/* b64token of RFC 6750 section 2.1. */
static bool is_token(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (!ascii_is_alnum(c) && (c == '\0' || !strchr("-._~+/=", c)))
            return false;
    }
    return text.n > 0 && text.n <= BEARER_TOKEN_MAX;
}

static bool is_user(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return false;
    }
    return text.n > 0 && text.n <= USER_MAX && utf8_is_valid(text);
}

/* Pairs "key=value" behind each other, each with its separator, and one more at the end; keys that
 * are not known mean nothing. */
static bool parse_pairs(str rest, struct bearer_message *out, str *user)
{
    bool has_token = false;
    for (;;) {
        str pair;
        str key;
        str value;
        if (!str_cut(rest, KVSEP, &pair, &rest))
            return false;
        if (pair.n == 0)
            return rest.n == 0 && is_token(out->token);
        if (!str_cut(pair, '=', &key, &value))
            return false;
        if (user && str_eq(key, STR("user")))
            *user = value;
        if (str_ieq(key, STR("auth"))) {
            if (has_token || !str_has_iprefix(value, STR("Bearer ")))
                return false;
            has_token = true;
            out->token = str_skip(value, 7);
        }
    }
}

/* A saslname (RFC 5801 section 4): "=2C" is a comma, "=3D" an equals sign. */
static bool unescape(str text, struct arena *a, str *out)
{
    char *name = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        name[n] = text.p[i];
        if (text.p[i] == '=') {
            str code = str_slice(text, i, 3);
            if (!str_eq(code, STR("=2C")) && !str_eq(code, STR("=3D")))
                return false;
            name[n] = str_eq(code, STR("=2C")) ? ',' : '=';
            i += 2;
        }
        n++;
    }
    *out = str_of(name, n);
    return is_user(*out);
}

bool bearer_parse(str message, struct arena *a, struct bearer_message *out, struct err *e)
{
    str flag;
    str authzid = STR_EMPTY;
    str rest;
    *out = (struct bearer_message){ .token = STR_EMPTY };
    bool ok = str_cut(message, ',', &flag, &rest) &&
              (str_eq(flag, STR("n")) || str_eq(flag, STR("y"))) &&
              str_cut(rest, ',', &authzid, &rest) && rest.n > 0 && rest.p[0] == KVSEP;
    if (ok && authzid.n > 0) {
        ok = str_has_prefix(authzid, STR("a=")) && unescape(str_skip(authzid, 2), a, &out->user);
    }
    ok = ok && parse_pairs(str_skip(rest, 1), out, NULL);
    return ok || ERR(e, ERR_SYNTAX, "no message of OAUTHBEARER");
}

bool bearer_parse_xoauth2(str message, struct arena *a, struct bearer_message *out, struct err *e)
{
    str user = STR_EMPTY;
    *out = (struct bearer_message){ .token = STR_EMPTY };
    bool ok = parse_pairs(message, out, &user) && is_user(user);
    out->user = ok ? arena_str(a, user) : STR_EMPTY;
    return ok || ERR(e, ERR_SYNTAX, "no message of XOAUTH2");
}
