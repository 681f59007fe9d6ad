/* SPDX-License-Identifier: Apache-2.0 */
/* Puts found messages in order: SORT and THREAD. Keys are read from the index, from headers where
 * it has none yet; long lists are sorted in the offload pool. */
#ifndef IMAP_ORDER_H
#define IMAP_ORDER_H

#include "services/imap/search_run.h"
#include "services/imap/thread.h"

/* Sorts what was found by the criteria of the arguments (RFC 5256, 5957, 6203), in place. Errors as
 * imap_search_find. Yields. */
YIELDS bool imap_order_sort(const struct imap_search *search, const struct imap_search_args *args,
                            struct imap_found *found, struct err *e);

/* Threads what was found, and sends "* THREAD ..." with message numbers or UIDs. Yields. */
YIELDS bool imap_order_thread(const struct imap_search *search, enum imap_thread_by by, bool is_uid,
                              const struct imap_found *found, struct err *e);

#endif
