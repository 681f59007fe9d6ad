/* SPDX-License-Identifier: Apache-2.0 */
/* Kind of error to status and response code. */
#include "services/imap/replies.h"

static const struct imap_reply replies[] = {
    [ERR_NONE] = { IMAP_NO, STR_INIT("SERVERBUG"), STR_INIT("Internal error") },
    [ERR_SYNTAX] = { IMAP_BAD, STR_INIT(""), STR_INIT("Syntax error") },
    [ERR_NOT_FOUND] = { IMAP_NO, STR_INIT("NONEXISTENT"), STR_INIT("No such mailbox") },
    [ERR_EXISTS] = { IMAP_NO, STR_INIT("ALREADYEXISTS"), STR_INIT("It exists already") },
    [ERR_DENIED] = { IMAP_NO, STR_INIT("NOPERM"), STR_INIT("Not allowed") },
    [ERR_LIMIT] = { IMAP_NO, STR_INIT("LIMIT"), STR_INIT("A limit was reached") },
    [ERR_CONFLICT] = { IMAP_NO, STR_INIT("INUSE"), STR_INIT("Try again") },
    [ERR_UNAVAILABLE] = { IMAP_NO, STR_INIT("UNAVAILABLE"), STR_INIT("Try again later") },
    [ERR_TIMEOUT] = { IMAP_NO, STR_INIT("UNAVAILABLE"), STR_INIT("It took too long") },
    [ERR_CANCELLED] = { IMAP_NO, STR_INIT("UNAVAILABLE"), STR_INIT("The server is ending") },
    [ERR_CLOSED] = { IMAP_NO, STR_INIT("UNAVAILABLE"), STR_INIT("Try again later") },
    [ERR_UNKNOWN_OUTCOME] = { IMAP_NO, STR_INIT("UNAVAILABLE"),
                              STR_INIT("It is not known whether this was done") },
    [ERR_UNSUPPORTED] = { IMAP_NO, STR_INIT("CANNOT"), STR_INIT("This cannot be done") },
    [ERR_INTERNAL] = { IMAP_NO, STR_INIT("SERVERBUG"), STR_INIT("Internal error") },
};

struct imap_reply imap_reply_for(const struct err *e)
{
    size_t kind = (size_t)e->kind;
    return replies[kind < COUNT_OF(replies) ? kind : ERR_INTERNAL];
}
