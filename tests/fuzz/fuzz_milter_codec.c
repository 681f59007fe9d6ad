/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter says: no data makes more of a message, or of its envelope, than its changes allow.
 * The input is a message, a NUL, and packets: a letter, two octets of a length, the data. */
#include "milter/edit.h"
#include "milter/envelope.h"
#include "mime/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t count_fields(str message)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t n = 0;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field))
        n++;
    return n;
}

static void check_reply(str data, struct arena *a)
{
    struct err e = ERR_CLEAR;
    unsigned class;
    str text;
    struct milter_options options;
    if (milter_reply_parse(a, data, &class, &text, &e)) {
        INVARIANT(class == 4 || class == 5);
        for (size_t i = 0; i < text.n; i++)
            INVARIANT(text.p[i] >= ' ' && text.p[i] <= '~');
    }
    e = ERR_CLEAR;
    if (milter_options_parse(data, &options, &e))
        INVARIANT((options.actions & ~(uint32_t)MILTER_ACTIONS) == 0);
}

/* What is taken for an address is one line, and is read as the same address again. */
static void check_address(const struct milter_envelope_change *c, struct arena *a)
{
    struct smtp_path path;
    struct err e = ERR_CLEAR;
    bool is_sender = c->kind == MILTER_SET_SENDER;
    INVARIANT(str_find_byte(c->address, '\n') < 0 && str_find_byte(c->orcpt, '\n') < 0);
    INVARIANT(milter_path_parse(a, c->address, is_sender ? SMTP_REVERSE_PATH : SMTP_FORWARD_PATH,
                                &path, &e));
    INVARIANT(str_eq(smtp_path_text(&path, a), c->address));
}

static void check_envelope(char command, str data, struct arena *a,
                           struct milter_envelope *envelope)
{
    struct err e = ERR_CLEAR;
    struct milter_envelope_change c;
    size_t before = envelope->n;
    if (!milter_envelope_parse(a, command, data, &c, &e))
        return;
    INVARIANT(milter_envelope_action(command) & MILTER_ACTIONS);
    check_address(&c, a);
    milter_envelope_edit(a, envelope, &c, 1);
    INVARIANT(envelope->is_changed && envelope->n <= before + (c.kind == MILTER_ADD_RECIPIENT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct milter_envelope envelope = { .sender = STR("s@x.test") };
    struct milter_change changes[32];
    size_t n_changes = 0;
    str message;
    str rest;
    struct arena a;
    (void)str_cut(str_of((const char *)data, n), '\0', &message, &rest);
    arena_init(&a);
    while (rest.n >= 3 && n_changes < COUNT_OF(changes)) {
        struct err e = ERR_CLEAR;
        char command = rest.p[0];
        size_t length = (size_t)(unsigned char)rest.p[1] << 8 | (unsigned char)rest.p[2];
        str part = str_slice(rest, 3, length);
        rest = str_skip(rest, 3 + part.n);
        check_reply(part, &a);
        check_envelope(command, part, &a, &envelope);
        n_changes += milter_change_parse(command, part, &changes[n_changes], &e);
    }
    size_t before = count_fields(message);
    str edited = milter_edit(&a, message, changes, n_changes, NULL);
    INVARIANT(count_fields(edited) <= before + n_changes);
    str body = str_skip(message, mime_header_end(message));
    str edited_body = str_skip(edited, mime_header_end(edited));
    INVARIANT(str_eq(body, edited_body));
    str other = milter_edit(&a, message, changes, n_changes, &body);
    for (size_t i = mime_header_end(other); i < other.n; i++)
        INVARIANT(other.p[i] != '\0' && (other.p[i] != '\n' || other.p[i - 1] == '\r'));
    arena_fini(&a);
    return 0;
}
