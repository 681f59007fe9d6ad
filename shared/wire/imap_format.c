/* SPDX-License-Identifier: Apache-2.0 */
/* Writing strings. */
#include "wire/imap_format.h"

#include "mime/envelope.h"
#include "wire/imap_lexer.h"

enum {
    TEXT_MAX = 256,
    ATOM_MAX = 64 /* longer ones are quoted: easier on old parsers */
};

bool imap_format_astring(struct buf *out, str s)
{
    bool is_atom = s.n > 0 && s.n <= ATOM_MAX && !str_ieq(s, STR("NIL"));
    for (size_t i = 0; i < s.n && is_atom; i++)
        is_atom = imap_is_astring_byte(s.p[i]);
    return is_atom ? buf_add(out, s) : mime_imap_string(s, out);
}

bool imap_format_text(struct buf *out, str s)
{
    str text = str_slice(s, 0, TEXT_MAX);
    if (text.n == 0)
        return buf_add_byte(out, '-');
    char *to = buf_reserve(out, text.n);
    if (!to)
        return false;
    for (size_t i = 0; i < text.n; i++)
        to[i] = (char)(text.p[i] < 0x20 || text.p[i] > 0x7e ? '?' : text.p[i]);
    buf_commit(out, text.n);
    return true;
}
