/* SPDX-License-Identifier: Apache-2.0 */
/* METADATA lines with names of entries only. */
#include "services/imap/watch_metadata.h"

#include "wire/imap_format.h"
#include "wire/imap_mailbox_name.h"

struct store_annotation_marks imap_marks_copy(struct arena *a,
                                              const struct store_annotation_marks *marks)
{
    struct store_annotation_marks out = { .n = marks->n };
    out.list = ARENA_ARRAY(a, struct store_annotation_mark, marks->n);
    for (size_t i = 0; i < marks->n; i++) {
        out.list[i] = marks->list[i];
        out.list[i].name = arena_str(a, marks->list[i].name);
    }
    return out;
}

struct store_annotation_marks imap_marks_of(const struct store_annotation_marks *all,
                                            int64_t account_id, int mailbox_id)
{
    struct store_annotation_marks out = { .n = 0 };
    for (size_t i = 0; i < all->n; i++) {
        const struct store_annotation_mark *m = &all->list[i];
        if (m->account_id != account_id || m->mailbox_id != mailbox_id)
            continue;
        if (out.n++ == 0)
            out.list = &all->list[i];
    }
    return out;
}

/* Adds an entry to the line, which begins with the first one. */
static bool add_entry(struct imap_session *s, str mailbox, str name)
{
    struct buf *out = &s->out;
    bool ok = true;
    if (out->n == 0) {
        ok = buf_add(out, STR("* METADATA ")) &&
             (mailbox.n ? imap_mailbox_format(out, mailbox, imap_has_utf8(s))
                        : buf_add(out, STR("\"\"")));
    }
    return ok && buf_add_byte(out, ' ') && imap_format_astring(out, name);
}

static int order_of(const struct store_annotation_marks *a, size_t i,
                    const struct store_annotation_marks *b, size_t j)
{
    if (i == a->n)
        return 1;
    return j == b->n ? -1 : str_cmp(a->list[i].name, b->list[j].name);
}

void imap_marks_tell(struct imap_session *s, str mailbox, const struct store_annotation_marks *old,
                     const struct store_annotation_marks *new, str extra)
{
    size_t i = 0;
    size_t j = 0;
    bool ok = extra.n == 0 || add_entry(s, mailbox, extra);
    while (ok && (i < old->n || j < new->n)) {
        int order = order_of(old, i, new, j);
        if (order != 0 || old->list[i].mark != new->list[j].mark)
            ok = add_entry(s, mailbox, order <= 0 ? old->list[i].name : new->list[j].name);
        i += order <= 0;
        j += order >= 0;
    }
    if (s->out.n == 0)
        return;
    if (ok && buf_add(&s->out, STR("\r\n")))
        (void)imap_send_out(s);
    buf_clear(&s->out);
}
