/* SPDX-License-Identifier: Apache-2.0 */
/* HTML laid out as text, and text as HTML. */
#include "html/html.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define LINK "\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">"

static const struct {
    const char *name;
    str html;
    str text;
    struct html_text_options options;
} to_cases[] = {
    { "paragraphs",
      STR_INIT("<h1>T</h1>\n<p>a\n b<br>c</p><p>d<div>e</div>f"),
      STR_INIT("T\n\na b\nc\n\nd\n\ne\nf"),
      { 0 } },
    { "links",
      STR_INIT("<a href='https://x.example/a'>here</a> <a href='https://y.example/'>"
               "https://y.example/</a><a href='mailto:a@b.c'>a@b.c</a>"),
      STR_INIT("here <https://x.example/a> https://y.example/a@b.c"),
      { .links = true } },
    { "lists",
      STR_INIT("x<ul><li>a<li>b<ol start=3><li>c<li>d</ol></ul>y"),
      STR_INIT("x\n\n- a\n- b\n  3. c\n  4. d\n\ny"),
      { 0 } },
    { "quotes",
      STR_INIT("<p>a</p><blockquote><p>b</p><p>c</p><blockquote>d</blockquote>"
               "</blockquote><p>e</p>"),
      STR_INIT("a\n\n> b\n>\n> c\n>\n> > d\n\ne"),
      { 0 } },
    { "tables",
      STR_INIT("<table><tr><td>a</td><td>b</td></tr><tr><td>c<td>d</table>"),
      STR_INIT("a  b\nc  d"),
      { 0 } },
    { "pre", STR_INIT("<p>a<pre> x\n  y\n\nz</pre>b"), STR_INIT("a\n\n x\n  y\n\nz\n\nb"), { 0 } },
    { "hidden",
      STR_INIT("<div style='color:red;display : none'>x</div><p hidden>y</p>"
               "<style>z</style><img alt=pic>"),
      STR_INIT("pic"),
      { 0 } },
    { "wrapped",
      STR_INIT("<blockquote>one two three four</blockquote>"),
      STR_INIT("> one two\n> three\n> four"),
      { .columns = 10 } },
    { "words longer than a line",
      STR_INIT("aaaaaaaaaaaaaaa b"),
      STR_INIT("aaaaaaaaaaaaaaa\nb"),
      { .columns = 10 } },
};

static void lays_out_html(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(to_cases); i++) {
        struct buf out;
        buf_init(&out, 10000);
        assert_true(html_to_text(to_cases[i].html, &to_cases[i].options, &out));
        if (!str_eq(buf_str(&out), to_cases[i].text))
            fail_msg("%s:\n%.*s", to_cases[i].name, STR_FMT(buf_str(&out)));
        buf_fini(&out);
    }
}

static const struct {
    const char *name;
    str text;
    str html;
    struct html_from_text_options options;
} from_cases[] = {
    { "lines", STR_INIT("a\r\nb\n\nc\n"), STR_INIT("a<br>\nb<br>\n<br>\nc"), { 0 } },
    { "marks",
      STR_INIT("<b> & \"x\" 'y' `z` \x01"),
      STR_INIT("&lt;b&gt; &amp; &quot;x&quot; &#39;y&#39; &#96;z&#96; "),
      { 0 } },
    { "spaces", STR_INIT(" a  b\tc"), STR_INIT("&nbsp;a&nbsp; b&nbsp;&nbsp;&nbsp;c"), { 0 } },
    { "quotes",
      STR_INIT("x\n> a\n>> b\n> > c\ny"),
      STR_INIT("x<blockquote type=\"cite\">a<blockquote type=\"cite\">b<br>\nc</blockquote>"
               "</blockquote>y"),
      { 0 } },
    { "web link",
      STR_INIT("see https://a.example/x(y)?b=1&c. Or (www.b.example)!"),
      STR_INIT("see <a href=\"https://a.example/x(y)?b=1&amp;c" LINK
               "https://a.example/x(y)?b=1&amp;c</a>. Or (<a href=\"https://www.b.example/" LINK
               "www.b.example</a>)!"),
      { 0 } },
    { "mail link",
      STR_INIT("<a.b@c.example>, x@y and @z"),
      STR_INIT("&lt;<a href=\"mailto:a.b@c.example" LINK "a.b@c.example</a>&gt;, x@y and @z"),
      { 0 } },
    { "no link",
      STR_INIT("javascript:x http:// xhttp://a"),
      STR_INIT("javascript:x http:// xhttp://a"),
      { 0 } },
    { "links left out",
      STR_INIT("www.a.example"),
      STR_INIT("www.a.example"),
      { .no_links = true } },
    { "flowed",
      STR_INIT("a \nb\n> c \n> d\n >x\n-- \ne"),
      STR_INIT("a b<blockquote type=\"cite\">c d</blockquote>&gt;x<br>\n-- <br>\ne"),
      { .flowed = true } },
    { "flowed, spaces deleted",
      STR_INIT("Wort \nende"),
      STR_INIT("Wortende"),
      { .flowed = true, .delsp = true } },
    { "wrong bytes",
      STR_INIT("a\xff"
               "b"),
      STR_INIT("a\xef\xbf\xbd"
               "b"),
      { 0 } },
};

static void turns_text_into_html(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(from_cases); i++) {
        struct buf out;
        buf_init(&out, 10000);
        assert_true(html_from_text(from_cases[i].text, &from_cases[i].options, &out));
        if (!str_eq(buf_str(&out), from_cases[i].html))
            fail_msg("%s:\n%.*s", from_cases[i].name, STR_FMT(buf_str(&out)));
        buf_fini(&out);
    }
}

static void stops_when_full(void **state)
{
    (void)state;
    const struct html_from_text_options from = { 0 };
    const struct html_text_options to = { 0 };
    struct buf out;
    buf_init(&out, 4);
    assert_false(html_from_text(STR("abcdef"), &from, &out));
    assert_false(html_to_text(STR("<p>abcdef"), &to, &out));
    assert_false(html_escape(STR("&&"), &out));
    assert_true(out.n <= 4);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lays_out_html),
        cmocka_unit_test(turns_text_into_html),
        cmocka_unit_test(stops_when_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
