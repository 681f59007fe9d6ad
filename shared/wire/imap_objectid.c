/* SPDX-License-Identifier: Apache-2.0 */
/* Object identifiers. */
#include "wire/imap_objectid.h"

static const char prefixes[] = { [IMAP_OBJECT_EMAIL] = 'M', [IMAP_OBJECT_THREAD] = 'T' };

bool imap_objectid_format(struct buf *out, enum imap_object object, int64_t id)
{
    return buf_add_byte(out, prefixes[object]) && buf_add_uint(out, (uint64_t)id);
}

bool imap_objectid_parse(str text, enum imap_object object, int64_t *id)
{
    uint64_t number = 0;
    if (text.n < 2 || text.p[0] != prefixes[object] || !ascii_is_digit(text.p[1]) ||
        text.p[1] == '0' || !str_to_uint(str_skip(text, 1), INT64_MAX, &number))
        return false;
    *id = (int64_t)number;
    return true;
}

bool imap_mailboxid_format(struct buf *out, int64_t account_id, int mailbox_id)
{
    return buf_addf(out, "F%lld-%d", (long long)account_id, mailbox_id);
}
