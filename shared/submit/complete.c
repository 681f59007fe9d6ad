/* SPDX-License-Identifier: Apache-2.0 */
/* A message as it leaves: completed and cleaned (RFC 6409 8). Pure. */
#include "mime/compose.h"
#include "mime/header.h"
#include "submit/submit.h"

enum {
    ADDED_MAX = 8192 /* octets of the fields we add */
};

/* Blind copies, and trace fields of the final delivery that a client has no business with. */
static const str not_to_leave[] = {
    STR_INIT("Bcc"),
    STR_INIT("Resent-Bcc"),
    STR_INIT("Delivered-To"),
};

static bool has_field(str content, str name)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, content);
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(str_trim(field.name), name))
            return true;
    }
    return false;
}

bool submit_complete(str content, const struct submit_completion *c, struct buf *out, struct err *e)
{
    struct arena a;
    struct buf added;
    arena_init(&a);
    buf_init(&added, ADDED_MAX);
    bool good = true;
    if (!has_field(content, STR("Date")))
        good = mime_compose_date_field(&added, c->now_utc, 0);
    if (good && !has_field(content, STR("Message-ID")))
        good = mime_compose_message_id_field(&added, c->unique1, c->unique2, c->hostname);
    if (good && c->writer.n > 0)
        good = mime_compose_mailbox_field(&added, STR("Sender"), c->writer_name, c->writer);
    str clean = smtp_trace_strip(content, c->hostname, not_to_leave, COUNT_OF(not_to_leave), &a);
    const struct mime_header_edit edit = { .prepend = c->received, .append = buf_str(&added) };
    if (!good) {
        (void)ERR(e, ERR_LIMIT, "the added fields are too long");
    } else {
        good = mime_header_apply(clean, &edit, out, e);
    }
    buf_fini(&added);
    arena_fini(&a);
    return good;
}
