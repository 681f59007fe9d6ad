/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of spam: what speaks for and against the client that brings a message, before its
 * content is seen. It gives answers with reasons; what is done with them is said in deliver. */
#ifndef SPAM_SPAM_H
#define SPAM_SPAM_H

#include "base/base.h"

struct db;
struct notify;
struct spam;

/* Keeps db and notify (NULL: nobody is told of changes, and what others change is seen within a
 * minute). Gives. */
struct spam *spam_new(struct db *db, struct notify *notify);
/* Before notify_free and db_free. Harmless for NULL. */
void spam_free(struct spam **s);

#endif
