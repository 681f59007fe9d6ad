/* SPDX-License-Identifier: Apache-2.0 */
/* Doubled dots, and the top of a message. Pure. */
#include "wire/pop3_message.h"

void pop3_stuffer_init(struct pop3_stuffer *s)
{
    memcpy(s->last, "\r\n", sizeof(s->last));
}

bool pop3_stuff(struct pop3_stuffer *s, str in, struct buf *out)
{
    while (in.n > 0) {
        if (s->last[1] == '\n' && in.p[0] == '.' && !buf_add_byte(out, '.'))
            return false;
        /* As far as the next line that begins with a dot, in one piece: most messages have none. */
        ptrdiff_t next = str_find(in, STR("\n."));
        size_t n = next < 0 ? in.n : (size_t)next + 1;
        if (!buf_add(out, str_slice(in, 0, n)))
            return false;
        s->last[0] = s->last[1];
        if (n > 1)
            s->last[0] = in.p[n - 2];
        s->last[1] = in.p[n - 1];
        in = str_skip(in, n);
    }
    return true;
}

bool pop3_stuff_end(const struct pop3_stuffer *s, struct buf *out)
{
    bool is_ended = s->last[0] == '\r' && s->last[1] == '\n';
    return buf_add(out, is_ended ? STR(".\r\n") : STR("\r\n.\r\n"));
}

str pop3_top(str message, size_t header, uint32_t lines)
{
    size_t end = header < message.n ? header : message.n;
    for (uint32_t i = 0; i < lines && end < message.n; i++) {
        ptrdiff_t at = str_find_byte(str_skip(message, end), '\n');
        end = at < 0 ? message.n : end + (size_t)at + 1;
    }
    return str_slice(message, 0, end);
}
