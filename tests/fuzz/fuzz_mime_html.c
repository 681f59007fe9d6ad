/* SPDX-License-Identifier: Apache-2.0 */
/* HTML to text, charsets: valid UTF-8 out, never longer than it was. */
#include "base/utf8.h"
#include "html/flat.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const str labels[] = { STR_INIT("utf-8"),  STR_INIT("iso-2022-jp"), STR_INIT("utf-7"),
                                  STR_INIT("utf-16"), STR_INIT("shift_jis"),   STR_INIT("no-such"),
                                  STR_INIT("koi8-r"), STR_INIT("gb18030") };
    struct arena a;
    struct buf text;
    arena_init(&a);
    str label = labels[n ? data[0] % COUNT_OF(labels) : 0];
    str html = mime_charset_to_utf8(&a, label, str_of((const char *)data, n), 4 * n + 16);
    INVARIANT(utf8_is_valid(html) && html.n <= 4 * n + 16);
    buf_init(&text, html.n + 1);
    html_flat_text(html, &text);
    INVARIANT(utf8_is_valid(buf_str(&text)) && text.n <= html.n);
    buf_fini(&text);
    arena_fini(&a);
    return 0;
}
