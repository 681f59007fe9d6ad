/* SPDX-License-Identifier: Apache-2.0 */
/* Kind of error to status and response code. */
#include "services/imap/replies.h"

#include "db/db.h"

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
    [ERR_DAMAGED] = { IMAP_NO, STR_INIT("CORRUPTION"),
                      STR_INIT("What is stored of a message is damaged") },
    [ERR_INTERNAL] = { IMAP_NO, STR_INIT("SERVERBUG"), STR_INIT("Internal error") },
};

/* ---- sentences that clients may read ---- */

enum {
    DETAIL_MAX = 160 /* octets of a sentence */
};

/* Kinds and places whose sentences tell only of what the client sent, and of limits. Those of the
 * database and of others are for operators. */
static bool is_for_clients(const struct err *e)
{
    static const char *const places[] = { "shared/wire/", "shared/store/", "shared/search/",
                                          "services/imap/" };
    if (e->kind != ERR_SYNTAX && e->kind != ERR_LIMIT && e->kind != ERR_UNSUPPORTED)
        return false;
    for (size_t i = 0; e->file && i < COUNT_OF(places); i++) {
        if (strstr(e->file, places[i]))
            return true;
    }
    return false;
}

/* The sentence as resp-text: printable ASCII, so that nothing quoted in it can end the line (I19).
 */
static str clean(struct arena *a, const char *msg)
{
    str all = str_slice(str_from_cstr(msg), 0, DETAIL_MAX);
    char *to = arena_alloc(a, all.n + 1);
    for (size_t i = 0; i < all.n; i++)
        to[i] = (char)(all.p[i] >= 0x20 && all.p[i] < 0x7f ? all.p[i] : '?');
    return str_of(to, all.n);
}

struct imap_reply imap_reply_for(const struct err *e, struct arena *a)
{
    size_t kind = (size_t)e->kind;
    struct imap_reply reply = replies[kind < COUNT_OF(replies) ? kind : ERR_INTERNAL];
    if (db_is_timeout(e))
        reply.text = STR("It took too long and was stopped; ask for less at once");
    if (is_for_clients(e)) {
        str detail = clean(a, e->msg);
        reply.text = arena_printf(a, "%.*s: %.*s", STR_FMT(reply.text), STR_FMT(detail));
    }
    return reply;
}

bool imap_is_refusal(const struct err *e, enum err_kind kind)
{
    return e->kind == kind && !db_is_timeout(e) && !db_is_deadlock(e);
}
