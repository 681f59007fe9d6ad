/* SPDX-License-Identifier: Apache-2.0 */
/* Address lists and single addr-specs: no CR, LF or NUL comes out; what is strict stays strict. */
#include "base/utf8.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_line(str text)
{
    for (size_t i = 0; i < text.n; i++)
        INVARIANT(text.p[i] != '\r' && text.p[i] != '\n' && text.p[i] != '\0');
}

static void check_list(struct arena *a, str body)
{
    struct mime_address_list list;
    mime_address_list_parse(a, body, &list);
    bool in_group = false;
    for (size_t i = 0; i < list.n; i++) {
        const struct mime_address *item = &list.items[i];
        check_line(item->name);
        check_line(item->raw_name);
        check_line(item->route);
        check_line(mime_address_spec(a, item));
        INVARIANT(utf8_is_valid(item->name));
        INVARIANT(item->kind != MIME_ADDRESS_GROUP_START || !in_group);
        INVARIANT(item->kind != MIME_ADDRESS_GROUP_END || in_group);
        if (item->kind != MIME_ADDRESS_MAILBOX)
            in_group = item->kind == MIME_ADDRESS_GROUP_START;
    }
    INVARIANT(!in_group || list.cut);
    INVARIANT(list.has_junk || !list.is_ambiguous);
}

/* What SMTP allows, a header allows too, and it says the same. */
static void check_spec(struct arena *a, str s)
{
    struct mime_addr_spec smtp, header, again;
    struct err e = ERR_CLEAR;
    if (!mime_address_parse_addr_spec(a, s, MIME_SPEC_SMTP, &smtp, &e))
        return;
    check_line(smtp.local);
    check_line(smtp.domain);
    INVARIANT(mime_address_parse_addr_spec(a, s, MIME_SPEC_HEADER, &header, &e));
    INVARIANT(str_eq(smtp.local, header.local) && str_eq(smtp.domain, header.domain));
    struct mime_address address = { .local = smtp.local, .domain = smtp.domain };
    str written = mime_address_spec(a, &address);
    e = ERR_CLEAR;
    bool same = mime_address_parse_addr_spec(a, written, MIME_SPEC_HEADER, &again, &e) &&
                str_eq(again.local, smtp.local) && str_eq(again.domain, smtp.domain);
    INVARIANT(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct mime_addr_spec spec;
    struct err e = ERR_CLEAR;
    str s = str_of((const char *)data, n);
    arena_init(&a);
    check_list(&a, s);
    check_spec(&a, s);
    (void)mime_address_parse_addr_spec(&a, s, MIME_SPEC_HEADER | MIME_SPEC_UTF8, &spec, &e);
    arena_fini(&a);
    return 0;
}
