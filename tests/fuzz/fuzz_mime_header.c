/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields: raw slices are the header, edits keep the rest, texts are clean. */
#include "base/utf8.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_text(str text)
{
    INVARIANT(utf8_is_valid(text));
    for (size_t i = 0; i < text.n; i++)
        INVARIANT((unsigned char)text.p[i] >= ' ');
}

static void check_edit(struct arena *a, str message, const struct mime_header *h)
{
    struct err e = ERR_CLEAR;
    struct buf edited, picked;
    struct mime_header again;
    str name = h->n ? h->fields[0].name : STR("x");
    buf_init(&edited, message.n * 2 + 100);
    buf_init(&picked, message.n + 100);
    INVARIANT(mime_header_remove(message, name, &edited, &e));
    if (name.n) {
        mime_header_parse(a, buf_str(&edited), &again);
        INVARIANT(h->cut || mime_header_count(&again, name) == 0);
    }
    buf_clear(&edited);
    INVARIANT(mime_header_insert(message, STR("X-Fuzz-Field: y\r\n"), &edited, &e));
    mime_header_parse(a, buf_str(&edited), &again);
    INVARIANT(again.cut || mime_header_count(&again, STR("x-fuzz-field")) > 0);
    INVARIANT(mime_header_pick(message, &name, 1, true, &picked));
    buf_fini(&edited);
    buf_fini(&picked);
}

/* Without a list as many are found as are in it. */
static void check_count(str message, const struct mime_header *h)
{
    struct mime_field first;
    for (size_t i = 0; i < h->n && i < 10 && !h->cut; i++) {
        if (!h->fields[i].name.n)
            continue;
        size_t n = mime_field_count(message, h->fields[i].name, SIZE_MAX, &first);
        INVARIANT(n == mime_header_count(h, h->fields[i].name));
        INVARIANT(first.offset == mime_header_find(h, h->fields[i].name, 0)->offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct mime_header h;
    str message = str_of((const char *)data, n);
    size_t at = 0;
    arena_init(&a);
    mime_header_parse(&a, message, &h);
    for (size_t i = 0; i < h.n; i++) {
        INVARIANT(h.fields[i].offset == at);
        at += h.fields[i].raw.n;
        check_text(mime_text_decode(&a, h.fields[i].body));
    }
    INVARIANT(h.cut || at == h.raw.n);
    INVARIANT(h.body_offset <= n && h.body_offset == mime_header_end(message));
    check_count(message, &h);
    check_edit(&a, message, &h);
    arena_fini(&a);
    return 0;
}
