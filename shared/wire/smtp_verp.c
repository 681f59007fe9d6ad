/* SPDX-License-Identifier: Apache-2.0 */
/* The senders of VERP, with the delimiters that Postfix has by default. */
#include "wire/smtp_verp.h"

#include "wire/smtp_path.h"

str smtp_verp_sender(str sender, str recipient, struct arena *a)
{
    struct smtp_path from;
    struct smtp_path to;
    if (smtp_mailbox_parse(sender, a, &from) != SMTP_GOOD || from.is_literal ||
        smtp_mailbox_parse(recipient, a, &to) != SMTP_GOOD)
        return sender;
    from.local = arena_printf(a, "%.*s+%.*s=%.*s", STR_FMT(from.local), STR_FMT(to.local),
                              STR_FMT(to.domain));
    return from.local.n <= SMTP_LOCAL_MAX ? smtp_path_text(&from, a) : sender;
}
