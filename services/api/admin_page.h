/* SPDX-License-Identifier: Apache-2.0 */
/* What lists for administrators have in common: where a page begins, and its answer. */
#ifndef API_ADMIN_PAGE_H
#define API_ADMIN_PAGE_H

#include "account/account.h"
#include "account/lists.h"
#include "services/api/call.h"

struct admin_page {
    size_t limit;
    json_t *items; /* taken by the reply */
    bool has_next;
    struct call_cursor next;
    bool has_total;
    int64_t total;
};

/* Reads a cursor whose numbers are the key and the order, and whose text is the name. A cursor of
 * another order is not one of this list: 400. False: answered. */
bool admin_page_place(struct api_call *call, str cursor, unsigned order, struct account_place *out);
/* Answers with items, nextCursor and total. */
void admin_page_reply(struct api_call *call, struct admin_page *page);
/* Answers an act on something that is named in the path: a name that cannot be one (ERR_SYNTAX) is
 * of something that is not there. Gives false. */
bool admin_fail(struct api_call *call, const struct err *e);
/* The account that an administrator names by id or address. False: answered. Yields. */
YIELDS bool admin_find_account(struct api_call *call, str name, struct account *out);
/* What takes away the thing of that name in the directory, with its audit row. */
typedef bool (*admin_remove_fn)(struct account_directory *d, const struct account_actor *actor,
                                str name, struct arena *a, int64_t deadline_ms, struct err *e);
/* Takes it away in the name of who calls, and answers. Yields. */
YIELDS void admin_delete(struct api_call *call, admin_remove_fn remove, str name);
/* Answers a deletion: 204, or what went wrong. */
void admin_reply_deleted(struct api_call *call, bool is_done, const struct err *e);
/* A domain as the directory writes it; what is none stays as it is, and nobody has it. */
str admin_domain(struct api_call *call, str domain);
/* What a list of the queue is asked for. */
struct admin_queue_query {
    str domain, sender, recipient; /* empty: any */
    bool has_status;
    unsigned status; /* enum list_queue_status: those of the other lists are the same */
    int64_t limit;
};
/* The queue's filter of it, from the first row on. Texts of the query and in the arena. */
struct queue_filter admin_queue_filter(struct api_call *call, const struct admin_queue_query *q);
/* The status of that name; any for no name. Pure. */
enum queue_status admin_queue_status(str name);

#endif
