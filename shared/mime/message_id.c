/* SPDX-License-Identifier: Apache-2.0 */
/* Takes what stands in angle brackets; the grammar inside does not matter for comparing ids. */
#include "mime/message_id.h"

#include "mime/header.h"

/* The next id in brackets; moves *rest behind it. An opening bracket inside begins anew, so that a
 * bracket that is never closed costs nothing but itself. */
static bool next_id(str *rest, str *id)
{
    ptrdiff_t open = -1;
    for (size_t i = 0; i < rest->n; i++) {
        if (rest->p[i] == '<')
            open = (ptrdiff_t)i;
        if (rest->p[i] != '>' || open < 0)
            continue;
        *id = str_trim(str_slice(*rest, (size_t)open + 1, i - (size_t)open - 1));
        *rest = str_skip(*rest, i + 1);
        return true;
    }
    return false;
}

static bool is_usable(str id)
{
    return id.n > 0 && id.n <= MIME_MAX_MESSAGE_ID_BYTES;
}

static size_t bare_id(str text, str *ids)
{
    if (!is_usable(text) || str_find_byte(text, ' ') >= 0 || str_find_byte(text, '<') >= 0 ||
        str_find_byte(text, '>') >= 0)
        return 0;
    ids[0] = text;
    return 1;
}

size_t mime_message_ids_parse(struct arena *a, str body, const str **out)
{
    str text = mime_field_unfold(a, body);
    str *ids = ARENA_ARRAY(a, str, MIME_MAX_MESSAGE_IDS);
    str rest = text, id = STR_EMPTY;
    size_t found = 0;
    *out = ids;
    while (next_id(&rest, &id)) {
        if (is_usable(id))
            ids[found++ % MIME_MAX_MESSAGE_IDS] = id;
    }
    if (rest.n == text.n)
        return bare_id(text, ids);
    if (found <= MIME_MAX_MESSAGE_IDS)
        return found;
    str *ordered = ARENA_ARRAY(a, str, MIME_MAX_MESSAGE_IDS);
    for (size_t i = 0; i < MIME_MAX_MESSAGE_IDS; i++)
        ordered[i] = ids[(found + i) % MIME_MAX_MESSAGE_IDS];
    *out = ordered;
    return MIME_MAX_MESSAGE_IDS;
}
