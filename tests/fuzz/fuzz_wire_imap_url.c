/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP URLs: what is read can be written, and reads as the same. */
#include "wire/imap_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    FORM_MAX = 64 * 1024
};

static void check(struct arena *a, const struct imap_url *url)
{
    struct buf text;
    struct imap_url again;
    struct err e = ERR_CLEAR;
    buf_init(&text, FORM_MAX);
    bool ok = imap_url_format(&text, url);
    INVARIANT(ok);
    if (text.n <= IMAP_URL_MAX) {
        ok = imap_url_parse(a, buf_str(&text), &again, &e);
        INVARIANT(ok && again.uid == url->uid && again.uidvalidity == url->uidvalidity);
        INVARIANT(again.has_mailbox == url->has_mailbox && str_eq(again.mailbox, url->mailbox));
        INVARIANT(again.is_absolute == url->is_absolute && str_eq(again.server, url->server));
        INVARIANT(str_eq(again.user, url->user));
        const struct imap_section *s = &url->section;
        const struct imap_section *t = &again.section;
        INVARIANT(s->kind == t->kind && s->n_parts == t->n_parts && s->n_fields == t->n_fields);
        INVARIANT(s->has_partial == t->has_partial && s->partial_from == t->partial_from);
        INVARIANT(s->partial_count == t->partial_count);
    }
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct imap_url url;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    if (imap_url_parse(&a, str_of((const char *)data, n), &url, &e))
        check(&a, &url);
    arena_fini(&a);
    return 0;
}
