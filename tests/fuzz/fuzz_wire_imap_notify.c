/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the arguments of NOTIFY: what is taken keeps the rules of RFC 5465 section 5. */
#include "wire/imap_notify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_group(const struct imap_notify_group *g)
{
    unsigned both = IMAP_EVENT_MESSAGE_NEW | IMAP_EVENT_MESSAGE_EXPUNGE;
    bool has_names = g->filter == IMAP_FILTER_SUBTREE || g->filter == IMAP_FILTER_MAILBOXES;
    INVARIANT((g->events & both) == 0 || (g->events & both) == both);
    INVARIANT(!(g->events & IMAP_EVENT_FLAG_CHANGE) || (g->events & both) == both);
    INVARIANT(has_names == (g->n_names > 0));
    if (g->filter == IMAP_FILTER_SELECTED || g->filter == IMAP_FILTER_SELECTED_DELAYED) {
        INVARIANT(!(g->events & (IMAP_EVENT_MAILBOX_NAME | IMAP_EVENT_SUBSCRIPTION_CHANGE |
                                 IMAP_EVENT_MAILBOX_METADATA)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct imap_lexer l;
    struct err e = ERR_CLEAR;
    struct imap_notify_args *args = HEAP_NEW(struct imap_notify_args);
    arena_init(&a);
    imap_lexer_init(&l, str_of((const char *)data, n), &a);
    if (imap_notify_parse(&l, args, &e) && !args->is_none) {
        INVARIANT(args->n > 0 && args->n <= IMAP_NOTIFY_GROUPS_MAX);
        for (size_t i = 0; i < args->n; i++)
            check_group(&args->groups[i]);
        INVARIANT(args->fetch.n == 0 || args->events & IMAP_EVENT_MESSAGE_NEW);
    }
    arena_fini(&a);
    free(args);
    return 0;
}
