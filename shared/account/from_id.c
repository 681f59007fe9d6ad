/* SPDX-License-Identifier: Apache-2.0 */
/* Senders that name their message, made and found again with the key of the cluster. */
#include "account/directory.h"
#include "wire/smtp_from_id.h"
#include "wire/smtp_path.h"

bool account_from_id_sender(struct account_directory *d, str sender, int64_t queue_id,
                            struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    str key;
    if (!directory_sender_key(d, a, deadline_ms, &key, e))
        return false;
    *out = smtp_from_id_sender(key, sender, queue_id, a);
    return true;
}

bool account_from_id_base(struct account_directory *d, str local, struct arena *a,
                          int64_t deadline_ms, struct account_from_id *out, struct err *e)
{
    str key;
    *out = (struct account_from_id){ .base = local };
    if (!smtp_from_id_is_tagged(local))
        return true;
    if (!directory_sender_key(d, a, deadline_ms, &key, e))
        return false;
    (void)smtp_from_id_restore(key, local, a, &out->base, &out->queue_id);
    return true;
}

bool account_from_id_find(struct account_directory *d, str address, struct arena *a,
                          int64_t deadline_ms, int64_t *queue_id, struct err *e)
{
    struct smtp_path path;
    struct account_from_id found;
    *queue_id = 0;
    if (smtp_mailbox_parse(address, a, &path) != SMTP_GOOD)
        return true;
    if (!account_from_id_base(d, path.local, a, deadline_ms, &found, e))
        return false;
    *queue_id = found.queue_id;
    return true;
}
