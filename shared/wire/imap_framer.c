/* SPDX-License-Identifier: Apache-2.0 */
/* The literal at the end of a line is found from behind ("{12+}"), because a quoted string cannot
 * end in '}' at the end of a line. RFC 9051 section 4.3, RFC 7888. */
#include "wire/imap_framer.h"

enum {
    KEEP_BYTES = 4096,   /* of the buffer between two commands */
    LINE_ENDS_MAX = 4096 /* octets of the CRLFs between a command's lines */
};

void imap_framer_init(struct imap_framer *f)
{
    *f = (struct imap_framer){ .state = IMAP_FRAME_LINE };
    buf_init(&f->text, IMAP_COMMAND_MAX_PREAUTH);
}

void imap_framer_fini(struct imap_framer *f)
{
    buf_fini(&f->text);
}

void imap_framer_begin(struct imap_framer *f, const struct imap_framer_limits *limits)
{
    buf_trim(&f->text, KEEP_BYTES);
    f->limits = *limits;
    /* Each line but the last keeps its CRLF; those are not the client's to spend. */
    f->text.max = limits->command + LINE_ENDS_MAX;
    f->used = 0;
    f->messages = 0;
    f->takes_messages = false;
    f->literal_left = 0;
    f->is_dropping = false;
    f->state = IMAP_FRAME_LINE;
}

void imap_framer_drop(struct imap_framer *f)
{
    buf_trim(&f->text, 0);
    f->is_dropping = true;
}

bool imap_framer_wants_go_ahead(const struct imap_framer *f)
{
    return f->state == IMAP_FRAME_LITERAL && f->is_synchronising;
}

str imap_framer_text(const struct imap_framer *f)
{
    return buf_str(&f->text);
}

struct announced {
    bool is_literal;
    bool is_huge; /* the number does not fit any integer */
    bool is_synchronising;
    uint64_t n;
};

static struct announced find_literal(str line)
{
    struct announced found = { .is_literal = false };
    ptrdiff_t open = str_rfind_byte(line, '{');
    if (open < 0 || !str_has_suffix(line, STR("}")))
        return found;
    str digits = str_slice(line, (size_t)open + 1, line.n - (size_t)open - 2);
    found.is_synchronising = !str_has_suffix(digits, STR("+"));
    if (!found.is_synchronising)
        digits.n--;
    for (size_t i = 0; i < digits.n; i++) {
        if (!ascii_is_digit(digits.p[i]))
            return found;
    }
    found.is_literal = digits.n > 0;
    found.is_huge = !str_to_uint(digits, SIZE_MAX / 2, &found.n);
    return found;
}

/* The commands whose literals may be messages. */
static bool takes_messages(str text)
{
    static const str names[] = { STR_INIT("APPEND "), STR_INIT("REPLACE "),
                                 STR_INIT("UID REPLACE ") };
    str tag;
    str rest;
    if (!str_cut(text, ' ', &tag, &rest))
        return false;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_has_iprefix(rest, names[i]))
            return true;
    }
    return false;
}

static bool fits(struct imap_framer *f, const struct announced *literal)
{
    if (literal->is_huge)
        return false;
    if (!f->takes_messages) {
        if (literal->n > f->limits.command || f->used + literal->n > f->limits.command)
            return false;
        f->used += literal->n;
        return true;
    }
    if (literal->n > f->limits.message || f->messages + literal->n > f->limits.total)
        return false;
    f->messages += literal->n;
    f->text.max += literal->n; /* not more: a buffer grows in big steps, up to this */
    return true;
}

enum imap_frame imap_framer_line(struct imap_framer *f, str line)
{
    bool is_first = f->used == 0;
    bool ok = line.n <= f->limits.command && f->used + line.n <= f->limits.command &&
              buf_add(&f->text, line);
    if (!ok)
        return f->state = IMAP_FRAME_TOO_BIG;
    f->used += line.n;
    if (is_first)
        f->takes_messages = f->limits.message && takes_messages(line);
    struct announced literal = find_literal(line);
    if (!literal.is_literal)
        return f->state = IMAP_FRAME_COMPLETE;
    f->is_synchronising = literal.is_synchronising;
    if (!fits(f, &literal)) {
        bool stoppable = literal.is_synchronising && !f->limits.is_strict;
        return f->state = stoppable ? IMAP_FRAME_REFUSED : IMAP_FRAME_TOO_BIG;
    }
    if (!buf_add(&f->text, STR("\r\n")))
        return f->state = IMAP_FRAME_TOO_BIG;
    f->literal_left = (size_t)literal.n;
    return f->state = IMAP_FRAME_LITERAL;
}

enum imap_frame imap_framer_literal(struct imap_framer *f, str octets)
{
    INVARIANT(octets.n <= f->literal_left);
    if (!f->is_dropping && !buf_add(&f->text, octets))
        return f->state = IMAP_FRAME_TOO_BIG;
    f->is_synchronising = false;
    f->literal_left -= octets.n;
    return f->state = f->literal_left ? IMAP_FRAME_LITERAL : IMAP_FRAME_LINE;
}
