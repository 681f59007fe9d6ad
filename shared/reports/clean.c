/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of strangers. */
#include "reports/clean.h"

#include "base/utf8.h"
#include "dns/dns.h"

str reports_clean(struct arena *a, str text, size_t max)
{
    str cut = utf8_cut(str_trim(text), max);
    char *p = arena_cstr(a, cut);
    for (size_t i = 0; i < cut.n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c < ' ' || c == 0x7f)
            p[i] = '?';
    }
    return str_of(p, cut.n);
}

str reports_ascii(struct arena *a, str text, size_t max)
{
    str cut = str_slice(text, 0, max);
    char *p = arena_alloc(a, cut.n + 1);
    for (size_t i = 0; i < cut.n; i++)
        p[i] = (char)(cut.p[i] >= ' ' && cut.p[i] <= '~' ? cut.p[i] : '?');
    return str_of(p, cut.n);
}

str reports_clean_domain(struct arena *a, str domain)
{
    struct err ignored = ERR_CLEAR;
    str ascii;
    str text = str_trim(domain);
    if (str_has_suffix(text, STR(".")))
        text.n--;
    if (!text.n || !dns_domain_to_ascii(a, text, &ascii, &ignored))
        return STR_EMPTY;
    return ascii;
}

bool reports_check(const struct reports_received *r, struct err *e)
{
    if (!r->domain.n)
        return ERR(e, ERR_SYNTAX, "the report names no domain");
    if (!r->id.n || !r->organization.n)
        return ERR(e, ERR_SYNTAX, "the report has no id, or does not say who sends it");
    if (r->begin_s <= 0 || r->end_s < r->begin_s)
        return ERR(e, ERR_SYNTAX, "the report does not say of which time it tells");
    return true;
}
