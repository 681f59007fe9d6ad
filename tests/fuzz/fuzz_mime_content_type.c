/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Type, Content-Disposition, lists and message ids: limits hold, outputs are clean. */
#include "base/utf8.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_text(str text)
{
    INVARIANT(utf8_is_valid(text));
    for (size_t i = 0; i < text.n; i++)
        INVARIANT((unsigned char)text.p[i] >= ' ');
}

static void check_type(const struct mime_content_type *ct)
{
    INVARIANT(ct->n_params <= MIME_MAX_PARAMS);
    check_text(ct->type);
    check_text(ct->subtype);
    for (size_t i = 0; i < ct->n_params; i++) {
        const struct mime_param *p = &ct->params[i];
        check_text(p->name);
        check_text(p->value);
        INVARIANT(p->name.n > 0);
        INVARIANT(str_has_prefix(p->wire_name, p->name));
        INVARIANT(str_find_byte(p->wire_value, '\n') < 0 && str_find_byte(p->wire_value, '\r') < 0);
        INVARIANT(mime_content_type_find(ct, p->name) == p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct mime_content_type ct;
    const str *words = NULL;
    str body = str_of((const char *)data, n);
    arena_init(&a);
    mime_content_type_parse(&a, body, &ct);
    check_type(&ct);
    mime_disposition_parse(&a, body, &ct);
    check_type(&ct);
    size_t count = mime_list_parse(&a, body, &words);
    for (size_t i = 0; i < count; i++)
        check_text(words[i]);
    INVARIANT(mime_message_ids_parse(&a, body, &words) <= MIME_MAX_MESSAGE_IDS);
    (void)mime_encoding_parse(body);
    arena_fini(&a);
    return 0;
}
