/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver over dns, and names in records. */
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
