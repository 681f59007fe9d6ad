/* SPDX-License-Identifier: Apache-2.0 */
/* A message as the verifiers look at it, and whose it says that it is. */
#include "mailauth/dkim.h"

void mailauth_message_init(struct arena *a, str raw, struct mailauth_message *out)
{
    *out = (struct mailauth_message){ .raw = raw };
    mime_header_parse(a, raw, &out->header);
    out->body = str_skip(raw, out->header.body_offset);
    /* In the whole header: behind the fields that are listed, one that counts for a reader would
     * else be none for the verifiers. */
    out->n_from = mime_field_count(raw, STR("From"), 2, &out->from);
}

/* As the DNS knows it. The root's dot says nothing that is not meant without it, and no name in the
 * DNS differs. */
static bool domain_of(struct arena *a, const struct mime_address *address, str *out)
{
    *out = address->domain;
    if (out->n > 1 && out->p[out->n - 1] == '.')
        out->n--;
    return out->n > 0 && dns_domain_to_ascii(a, *out, out, NULL);
}

str mailauth_message_author(struct arena *a, const struct mailauth_message *message)
{
    struct mime_address_list list;
    str written = STR_EMPTY;
    str author = STR_EMPTY;
    if (message->n_from != 1)
        return STR_EMPTY;
    mime_address_list_parse(a, message->from.body, &list);
    if (list.cut || list.is_ambiguous)
        return STR_EMPTY;
    for (size_t i = 0; i < list.n; i++) {
        const struct mime_address *one = &list.items[i];
        str domain;
        if (one->kind != MIME_ADDRESS_MAILBOX || (author.n && str_eq(one->domain, written)))
            continue;
        if (!domain_of(a, one, &domain) || (author.n && !str_eq(domain, author)))
            return STR_EMPTY;
        written = one->domain;
        author = domain;
    }
    return author;
}

/* Whether readers may show it as an address; the two are signs that look like '@'. */
static bool has_at(str text)
{
    return str_find_byte(text, '@') >= 0 || str_find(text, STR("\357\274\240")) >= 0 ||
           str_find(text, STR("\357\271\253")) >= 0;
}

bool mailauth_message_is_anonymous(struct arena *a, const struct mailauth_message *message)
{
    struct mime_address_list list;
    if (message->n_from != 1 || has_at(message->from.body))
        return message->n_from == 0;
    mime_address_list_parse(a, message->from.body, &list);
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].kind == MIME_ADDRESS_MAILBOX || has_at(list.items[i].name))
            return false;
    }
    return list.n > 0 && !list.cut && !list.has_junk;
}
