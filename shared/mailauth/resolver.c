/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver over dns, and TXT records as text. */
#include "mailauth/resolver.h"

static bool ask(void *arg, str name, enum dns_type type, struct arena *a, int64_t deadline_ms,
                struct dns_answer *out, struct err *e)
{
    return dns_query(arg, name, type, a, deadline_ms, out, e);
}

struct mailauth_resolver mailauth_resolver_of(struct dns *dns)
{
    return (struct mailauth_resolver){ .query = ask, .arg = dns };
}

str mailauth_txt_join(struct arena *a, str rdata)
{
    if (rdata.n > MAILAUTH_TXT_MAX)
        return STR_EMPTY;
    char *p = arena_alloc(a, rdata.n + 1);
    size_t n = 0;
    for (size_t at = 0; at < rdata.n;) {
        size_t length = (unsigned char)rdata.p[at++];
        if (length > rdata.n - at)
            return STR_EMPTY;
        memcpy(p + n, rdata.p + at, length);
        n += length;
        at += length;
    }
    return str_of(p, n);
}

str mailauth_name_of(struct arena *a, str rdata, size_t at)
{
    struct buf text;
    size_t rest;
    buf_init(&text, MAILAUTH_NAME_MAX);
    bool ok = dns_parse_name(rdata, at, &text, &rest);
    str name = ok ? arena_str(a, buf_str(&text)) : STR_EMPTY;
    buf_fini(&text);
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    return name;
}
