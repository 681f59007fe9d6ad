/* SPDX-License-Identifier: Apache-2.0 */
/* Between HTML and text: the text is clean UTF-8, the HTML of a text has no tags but its own, and
 * read back it says the same words. */
#include "html/html.h"

#include "tests/unit/html/clean_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    MAX_OUT = 1 << 22
};

static void check_from_text(str text, const struct html_from_text_options *options)
{
    struct arena a;
    struct buf html;
    struct html_clean clean;
    const struct html_policy policy = { .images = HTML_IMAGES_BLOCK };
    arena_init(&a);
    buf_init(&html, MAX_OUT);
    INVARIANT(html_from_text(text, options, &html));
    INVARIANT(utf8_is_valid(buf_str(&html)));
    html_sanitise(&a, buf_str(&html), &policy, &clean);
    INVARIANT(clean.report.scripts == 0 && clean.report.forms == 0 && clean.report.embedded == 0);
    INVARIANT(clean.report.bad_links == 0 && clean.report.remote == 0);
    INVARIANT(clean_check(&a, clean.document) == NULL);
    buf_fini(&html);
    arena_fini(&a);
}

static void check_to_text(str html, const struct html_text_options *options)
{
    struct buf text;
    buf_init(&text, MAX_OUT);
    (void)html_to_text(html, options, &text);
    str out = buf_str(&text);
    INVARIANT(utf8_is_valid(out));
    for (size_t i = 0; i < out.n; i++)
        INVARIANT((unsigned char)out.p[i] >= ' ' || out.p[i] == '\n');
    INVARIANT(out.n == 0 || out.p[out.n - 1] != '\n');
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str s = str_of((const char *)data, n);
    unsigned bits = n ? data[n - 1] : 0;
    const struct html_from_text_options from = { .flowed = bits & 1, .delsp = bits & 2 };
    const struct html_text_options to = { .links = bits & 1, .columns = bits & 2 ? 40 : 0 };
    check_from_text(s, &from);
    check_to_text(s, &to);
    return 0;
}
