/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked lists: a struct list field inside each element, one as the head.
 * Elements must not be in two lists by the same field. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/base.h"

struct list {
    struct list *next;
    struct list *prev;
};

/* An empty list, or an element that is in none. */
static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_add_tail(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

static inline void list_add_head(struct list *head, struct list *item)
{
    list_add_tail(head->next, item);
}

/* Takes the element out; harmless when it is in no list. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/* Takes the first element out, or gives NULL. */
static inline struct list *list_pop_head(struct list *head)
{
    if (list_is_empty(head))
        return NULL;
    struct list *item = head->next;
    list_remove(item);
    return item;
}

/* Visits each element; the current one may be removed inside, others may not. No yield inside. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a name that is declared cannot stand in parentheses. */
#define LIST_FOR_EACH(item, head)                                                     \
    for (struct list *item = (head)->next, *item##_next = item->next; item != (head); \
         item = item##_next, item##_next = item->next)
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
