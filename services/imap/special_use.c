/* SPDX-License-Identifier: Apache-2.0 */
/* Special uses, from one table. */
#include "services/imap/special_use.h"

static const str attributes[STORE_ROLE_COUNT] = {
    [STORE_ROLE_DRAFTS] = STR_INIT("\\Drafts"),   [STORE_ROLE_SENT] = STR_INIT("\\Sent"),
    [STORE_ROLE_ARCHIVE] = STR_INIT("\\Archive"), [STORE_ROLE_JUNK] = STR_INIT("\\Junk"),
    [STORE_ROLE_TRASH] = STR_INIT("\\Trash"),     [STORE_ROLE_IMPORTANT] = STR_INIT("\\Important"),
    [STORE_ROLE_MEMOS] = STR_INIT("\\Memos"),     [STORE_ROLE_SCHEDULED] = STR_INIT("\\Scheduled"),
    [STORE_ROLE_SNOOZED] = STR_INIT("\\Snoozed"),
};

bool imap_special_use_role(str attribute, enum store_role *role)
{
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        if (attributes[i].n && str_ieq(attribute, attributes[i])) {
            *role = (enum store_role)i;
            return true;
        }
    }
    return false;
}

str imap_special_use_attribute(enum store_role role)
{
    return attributes[role];
}
