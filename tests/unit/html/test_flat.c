/* SPDX-License-Identifier: Apache-2.0 */
/* HTML to text in one pass, for previews and search. */
#include "html/flat.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static str html_text(struct arena *a, str html)
{
    struct buf out;
    buf_init(&out, 10000);
    html_flat_text(html, &out);
    str text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

static const struct text_case {
    const char *name;
    str html;
    str wanted;
} html_cases[] = {
    { "blocks", STR_INIT("<p>a</p><p>b<br>c</p>"), STR_INIT("a\nb\nc") },
    { "inline", STR_INIT("x<b>y</b>z <i>w</i>"), STR_INIT("xyz w") },
    { "white space", STR_INIT(" a \r\n\t b&nbsp;c "), STR_INIT("a b c") },
    { "references", STR_INIT("&lt;&amp;&gt;&auml;&#8364;&#x20AC;&#65"),
      STR_INIT("<&>\xc3\xa4\xe2\x82\xac\xe2\x82\xac"
               "A") },
    { "no references", STR_INIT("a & b &nosuch; &#; &"), STR_INIT("a & b &nosuch; &#; &") },
    { "impossible characters", STR_INIT("&#0;&#xd800;&#99999999;"),
      STR_INIT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
    { "style, script, title",
      STR_INIT("<title>t</title><style>p{}</style>a<SCRIPT>if(a<b)</script >b"), STR_INIT("ab") },
    { "comments", STR_INIT("a<!-- <p>x --><!doctype x>b"), STR_INIT("ab") },
    { "quotes in tags", STR_INIT("<a title=\"x>y\" href='>'>t</a>"), STR_INIT("t") },
    { "not tags", STR_INIT("a < b and 1<2"), STR_INIT("a < b and 1<2") },
    { "open to the end", STR_INIT("a<b c=\"d>e"), STR_INIT("a") },
    { "padding of previews",
      STR_INIT("a&zwnj;&#847;\xe2\x80\x8b"
               "b"),
      STR_INIT("ab") },
};

static void reads_html(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(html_cases); i++) {
        struct arena a;
        arena_init(&a);
        str got = html_text(&a, html_cases[i].html);
        if (!str_eq(got, html_cases[i].wanted))
            fail_msg("%s: \"%.*s\"", html_cases[i].name, STR_FMT(got));
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_html) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
