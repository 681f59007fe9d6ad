/* SPDX-License-Identifier: Apache-2.0 */
/* Mailbox names in both encodings: what is accepted has one spelling and is read back as itself. */
#include "wire/imap_list.h"
#include "wire/imap_mailbox_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_name(struct arena *a, str name, bool is_utf8)
{
    struct buf text;
    struct imap_lexer l;
    struct err e = ERR_CLEAR;
    str sent;
    str again;
    buf_init(&text, 4096);
    bool ok = imap_mailbox_format(&text, name, is_utf8);
    INVARIANT(ok);
    imap_lexer_init(&l, buf_str(&text), a);
    ok = imap_lexer_astring(&l, &sent, &e) && imap_lexer_end(&l, &e) &&
         imap_mailbox_parse(a, sent, is_utf8, &again, &e);
    INVARIANT(ok && str_eq(name, again));
    INVARIANT(imap_list_match(name, name));
    INVARIANT(imap_list_match(STR("*"), name));
    (void)imap_mailbox_check_new(name, &e);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    str name;
    str pattern;
    str rest;
    str in = str_of((const char *)data, n);
    if (n > 4096)
        return 0;
    arena_init(&a);
    for (int is_utf8 = 0; is_utf8 < 2; is_utf8++) {
        if (imap_mailbox_parse(&a, in, is_utf8, &name, &e)) {
            check_name(&a, name, is_utf8);
            check_name(&a, name, !is_utf8);
        }
    }
    if (str_cut(in, '\n', &pattern, &rest))
        (void)imap_list_match(pattern, rest);
    arena_fini(&a);
    return 0;
}
