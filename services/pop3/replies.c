/* SPDX-License-Identifier: Apache-2.0 */
/* Kind of error to code and text. SYS/TEMP: try later; SYS/PERM: that does not help; AUTH: name and
 * password are the reason (RFC 3206). */
#include "services/pop3/replies.h"

static const struct pop3_refusal refusals[] = {
    [ERR_NONE] = { "SYS/PERM", "Internal error" },
    [ERR_SYNTAX] = { "", "Syntax error" },
    [ERR_NOT_FOUND] = { "SYS/PERM", "It is gone" },
    [ERR_EXISTS] = { "SYS/PERM", "It exists already" },
    [ERR_DENIED] = { "SYS/PERM", "Not allowed" },
    [ERR_LIMIT] = { "SYS/TEMP", "A limit was reached, try again later" },
    [ERR_CONFLICT] = { "SYS/TEMP", "Try again" },
    [ERR_UNAVAILABLE] = { "SYS/TEMP", "Try again later" },
    [ERR_TIMEOUT] = { "SYS/TEMP", "It took too long, try again later" },
    [ERR_CANCELLED] = { "SYS/TEMP", "The server is going down, try again" },
    [ERR_CLOSED] = { "SYS/TEMP", "Try again later" },
    [ERR_UNKNOWN_OUTCOME] = { "SYS/TEMP", "It is not known whether this was done" },
    [ERR_UNSUPPORTED] = { "SYS/PERM", "This cannot be done" },
    [ERR_DAMAGED] = { "SYS/PERM", "What is stored of this message is damaged" },
    [ERR_INTERNAL] = { "SYS/PERM", "Internal error" },
};

struct pop3_refusal pop3_refusal_for(enum err_kind kind)
{
    size_t i = (size_t)kind;
    return refusals[i < COUNT_OF(refusals) ? i : ERR_INTERNAL];
}

struct pop3_refusal pop3_login_refusal_for(enum err_kind kind)
{
    if (kind == ERR_DENIED)
        return (struct pop3_refusal){ "AUTH", "Wrong name or password" };
    if (kind == ERR_LIMIT)
        return (struct pop3_refusal){ "SYS/TEMP", "Too many failures, try again later" };
    return pop3_refusal_for(kind);
}
