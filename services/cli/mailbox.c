/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes by name. */
#include "services/cli/mailbox.h"

bool cli_find_mailbox(struct cli_session *s, const char *name, str *id, struct err *e)
{
    json_t *found = NULL;
    str wanted = str_from_cstr(name);
    str path =
        arena_printf(&s->arena, "/admin/accounts/%s/mailboxes", cli_encode(s, s->cli->words[0]));
    if (!cli_call(s, "GET", path, NULL, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    const json_t *items = json_object_get(found, "items");
    *id = STR_EMPTY;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        str there = cli_field_text(item, "path");
        bool is_inbox = str_eq(there, STR("INBOX")) && str_ieq(wanted, there);
        if (is_inbox || str_eq(there, wanted))
            *id = arena_str(&s->arena, cli_field_text(item, "id"));
    }
    json_decref(found);
    return id->n > 0 || ERR(e, ERR_NOT_FOUND, "%s has no mailbox \"%s\"", s->cli->words[0], name);
}
