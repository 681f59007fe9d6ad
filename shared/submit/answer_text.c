/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody wrote in an answer, of all that a message can hold. */
#include "submit/answer_text.h"

#include "html/to_text.h"
#include "mime/structure.h"
#include "submit/answer.h"

enum {
    HTML_MAX =
        64 * 1024 /* octets of HTML that are laid out: programs write much around few words */
};

static bool is_text(const struct mime_part *part, const char *subtype)
{
    return part->kind == MIME_PART_LEAF && str_eq(part->type, STR("text")) &&
           str_eq(part->subtype, str_from_cstr(subtype)) && !mime_part_is_attachment(part);
}

/* The next part that is in no message inside of this one. */
static const struct mime_part *next_own(const struct mime_part *part)
{
    if (part->kind != MIME_PART_MESSAGE)
        return mime_part_next(part);
    while (part && !part->next)
        part = part->parent;
    return part ? part->next : NULL;
}

/* The first text of the subtype that says anything. */
static str first_text(const struct mime_structure *s, struct arena *a, const char *subtype,
                      size_t max)
{
    for (const struct mime_part *part = s->root; part; part = next_own(part)) {
        str text = is_text(part, subtype) ? mime_part_text(s, part, a, max) : STR_EMPTY;
        if (str_trim(text).n > 0)
            return text;
    }
    return STR_EMPTY;
}

str answer_text_of(struct arena *a, str content)
{
    static const struct html_text_options options = { .tight = true };
    const struct mime_structure *s = mime_structure_parse(a, content);
    struct buf laid_out;
    str text = first_text(s, a, "plain", ANSWER_TEXT_MAX);
    if (text.n > 0)
        return text;
    buf_init(&laid_out, ANSWER_TEXT_MAX);
    (void)html_to_text(first_text(s, a, "html", HTML_MAX), &options, &laid_out);
    text = arena_str(a, buf_str(&laid_out));
    buf_fini(&laid_out);
    return text;
}
