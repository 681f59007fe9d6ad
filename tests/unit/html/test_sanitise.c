/* SPDX-License-Identifier: Apache-2.0 */
/* HTML made safe to show: what is kept and how it is written, what goes, and what is reported. The
 * attacks are in tests/web/hostile. */
#include "html/html.h"

#include "tests/unit/html/clean_check.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define LINK " target=\"_blank\" rel=\"noopener noreferrer nofollow\""

static const struct html_part parts[] = {
    { STR_INIT("logo@example.org"), STR_INIT("/part/1") },
    { STR_INIT("unused@example.org"), STR_INIT("/part/2") },
};

/* Refuses one host; the address itself goes through, so that tests can see it. */
static bool proxy(void *arg, str url, struct buf *out)
{
    unsigned *asked = arg;
    (*asked)++;
    return str_find(url, STR("refused.example")) < 0 && buf_addf(out, "/proxy/%.*s", STR_FMT(url));
}

struct shown {
    struct arena a;
    struct html_clean clean;
    unsigned asked;
    str head; /* the rules of the style element */
    str body; /* what stands in the body element */
};

static str between(str text, str begin, str end)
{
    ptrdiff_t at = str_find(text, begin);
    if (at < 0)
        return STR_EMPTY;
    text = str_skip(text, (size_t)at + begin.n);
    ptrdiff_t stop = str_find(text, end);
    return str_slice(text, 0, stop < 0 ? text.n : (size_t)stop);
}

static void show(struct shown *s, str html, enum html_images images)
{
    *s = (struct shown){ 0 };
    arena_init(&s->a);
    const struct html_policy policy = { .images = images,
                                        .proxy = proxy,
                                        .proxy_arg = &s->asked,
                                        .parts = parts,
                                        .n_parts = COUNT_OF(parts) };
    html_sanitise(&s->a, html, &policy, &s->clean);
    const char *bad = clean_check(&s->a, s->clean.document);
    if (bad)
        fail_msg("%s in %.*s", bad, STR_FMT(s->clean.document));
    s->head = between(s->clean.document, STR("<style>\n"), STR("</style>"));
    s->body = between(s->clean.document, STR("<body>"), STR("</body>"));
}

static void hide(struct shown *s)
{
    arena_fini(&s->a);
}

static const struct {
    const char *name;
    str html;
    str body;
} body_cases[] = {
    { "text", STR_INIT("a &amp; b &lt;c&gt; \"d\""),
      STR_INIT("a &amp; b &lt;c&gt; &quot;d&quot;") },
    { "structure", STR_INIT("<h1>T</h1><table width=100% cellpadding=0><tr><td align=center>x"),
      STR_INIT("<h1>T</h1><table width=\"100%\" cellpadding=\"0\"><tbody><tr>"
               "<td align=\"center\">x</td></tr></tbody></table>") },
    { "unknown elements keep their text", STR_INIT("<o:p>a</o:p><blink>b</blink><custom-x>c"),
      STR_INIT("abc") },
    { "link", STR_INIT("<a href='https://example.org/a?b=1&amp;c=2' target=_top>x</a>"),
      STR_INIT("<a href=\"https://example.org/a?b=1&amp;c=2\"" LINK ">x</a>") },
    { "mail link", STR_INIT("<a href=\"MAILTO:a@b.example?subject=x y\">x</a>"),
      STR_INIT("<a href=\"mailto:a@b.example?subject=x%20y\"" LINK ">x</a>") },
    { "place in the mail", STR_INIT("<a href='#top'>x</a><p id=top>y"),
      STR_INIT("<a href=\"#m-top\">x</a><p id=\"m-top\">y</p>") },
    { "part", STR_INIT("<img src='cid:logo@example.org' alt=L>"),
      STR_INIT("<img src=\"/part/1\" alt=\"L\">") },
    { "part with escapes", STR_INIT("<img src='CID:%3Clogo%40example.org%3E'>"),
      STR_INIT("<img src=\"/part/1\">") },
    { "no such part", STR_INIT("<img src='cid:other' alt=L>"), STR_INIT("<img alt=\"L\">") },
    { "picture in the document", STR_INIT("<img src='data:image/PNG;base64,iVBO Rw0K\n='>"),
      STR_INIT("<img src=\"data:image/png;base64,iVBORw0K=\">") },
    { "drawing in the document", STR_INIT("<img src='data:image/svg+xml;base64,PHN2Zz4='>"),
      STR_INIT("<img>") },
    { "picture elsewhere", STR_INIT("<img src=http://Example.ORG:80/a.png width=9 alt=x>"),
      STR_INIT("<img data-blocked=\"example.org\" width=\"9\" alt=\"x\">") },
    { "lengths that are none", STR_INIT("<img width='1 onx' height='9px' border=javascript>"),
      STR_INIT("<img height=\"9px\">") },
    { "style", STR_INIT("<p style='color:red;position:fixed;margin:0 auto !important'>x"),
      STR_INIT("<p style=\"color:red;margin:0 auto  ! important\">x</p>") },
    { "pre keeps its first line end", STR_INIT("<pre>\n\nx</pre><xmp><b></xmp>"),
      STR_INIT("<pre>\n\nx</pre><pre>&lt;b&gt;</pre>") },
    { "form", STR_INIT("<form action=/x><p>Name <input name=n></p><button>Go</button></form>"),
      STR_INIT("<p>Name </p>Go") },
    { "old content of objects", STR_INIT("<object data=x><p>old</p></object>"),
      STR_INIT("<p>old</p>") },
    { "attributes of others", STR_INIT("<p data-blocked=x srcset=y href=z accesskey=q>t"),
      STR_INIT("<p>t</p>") },
    { "empty", STR_INIT(""), STR_INIT("") },
    { "wrong bytes",
      STR_INIT("a\xff"
               "b\xc3"),
      STR_INIT("a\xef\xbf\xbd"
               "b\xef\xbf\xbd") },
};

static void writes_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(body_cases); i++) {
        struct shown s;
        show(&s, body_cases[i].html, HTML_IMAGES_BLOCK);
        if (!str_eq(s.body, body_cases[i].body))
            fail_msg("%s: %.*s", body_cases[i].name, STR_FMT(s.body));
        hide(&s);
    }
}

static const struct {
    const char *name;
    str css;
    str head;
} sheet_cases[] = {
    { "rules", STR_INIT(".a > p:first-child, #b{COLOR:#F00;font:12px/1.5 \"A B\",serif}"),
      STR_INIT(".a  >  p:first-child, #m-b{color:#F00;font:12px / 1.5 \"A B\",serif}\n") },
    { "media", STR_INIT("@media only screen and (max-width:600px){.x{width:100%!important}}"),
      STR_INIT("@media only screen and (max-width:600px){.x{width:100% ! important}\n}\n") },
    { "media without rules", STR_INIT("@media print{x{behavior:url(y)}}p{color:red}"),
      STR_INIT("p{color:red}\n") },
    { "broken declarations end at ;", STR_INIT("p{color:re(d;margin:0;;x;padding:1px}"),
      STR_INIT("") },
    { "unknown ones are left out",
      STR_INIT("p{mso-x:1;color:red;-webkit-y:2;margin:calc(1px + 2%)}"),
      STR_INIT("p{color:red;margin:calc(1px + 2%)}\n") },
    { "comments and marks", STR_INIT("<!-- p/**/{/* ; */color:/*}*/red} -->b{color:blue}"),
      STR_INIT("p{color: red}\nb{color:blue}\n") },
    { "selectors that are wrong",
      STR_INIT("p{color:red}a:-moz-x{color:red}[x{color:red}]{} b{color:blue}"),
      STR_INIT("p{color:red}\nb{color:blue}\n") },
    { "pictures of parts", STR_INIT("p{background:url( 'cid:logo@example.org' ) #fff}"),
      STR_INIT("p{background:url(\"/part/1\") #fff}\n") },
    { "colours with alpha",
      STR_INIT("p{color:rgba(1,2,3,.5);background:linear-gradient(90deg,red,blue)}"),
      STR_INIT("p{color:rgba(1,2,3,.5);background:linear-gradient(90deg,red,blue)}\n") },
    { "numbers keep their unit", STR_INIT("p{margin:1\\65 3 1e3 -.5em +2px}"),
      STR_INIT("p{margin:1\\65 3 1e3 -.5em +2px}\n") },
};

static void writes_sheets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sheet_cases); i++) {
        struct shown s;
        struct buf html;
        buf_init(&html, 10000);
        (void)buf_addf(&html, "<style>%.*s</style>", STR_FMT(sheet_cases[i].css));
        show(&s, buf_str(&html), HTML_IMAGES_BLOCK);
        if (!str_eq(s.head, sheet_cases[i].head))
            fail_msg("%s: %.*s", sheet_cases[i].name, STR_FMT(s.head));
        buf_fini(&html);
        hide(&s);
    }
}

static void keeps_the_page(void **state)
{
    (void)state;
    struct shown s;
    show(&s,
         STR("<html lang=de dir=rtl onclick=x><style media=print>p{color:red}</style>"
             "<body bgcolor=#eee class=k style='margin:0' onload=x>y"),
         HTML_IMAGES_BLOCK);
    str document = s.clean.document;
    assert_true(str_has_prefix(document, STR("<!DOCTYPE html>\n<html lang=\"de\" dir=\"rtl\">")));
    assert_true(
        str_find(document, STR("<body style=\"margin:0\" bgcolor=\"#eee\" class=\"k\">y</body>")) >
        0);
    assert_true(str_eq(s.head, STR("@media print{p{color:red}\n}\n")));
    assert_int_equal(s.clean.report.scripts, 2);
    assert_true(s.clean.report.sets_colours);
    hide(&s);
}

static void lets_the_proxy_decide(void **state)
{
    (void)state;
    struct shown s;
    show(&s,
         STR("<img src=http://a.example/1><img src=//refused.example/2>"
             "<p style='background:url(https://b.example/3)'>x"
             "<img src=https://t.example/4 width=1 height=1>"),
         HTML_IMAGES_PROXY);
    assert_true(str_eq(
        s.body, STR("<img src=\"/proxy/http://a.example/1\"><img data-blocked=\"refused.example\">"
                    "<p style=\"background:url(&quot;/proxy/https://b.example/3&quot;)\">x"
                    "<img data-blocked=\"t.example\" hidden=\"\" width=\"1\" height=\"1\"></p>")));
    assert_int_equal(s.asked, 3); /* an invisible picture is not even asked for */
    assert_int_equal(s.clean.report.remote, 4);
    assert_int_equal(s.clean.report.blocked, 2);
    assert_int_equal(s.clean.report.trackers, 1);
    hide(&s);
}

static void names_the_servers(void **state)
{
    (void)state;
    struct shown s;
    show(&s,
         STR("<img src=http://a.example/1><img src=http://a.example/2><img src=http://b.example/3>"
             "<img src=http://t.example/4 style='display:none'><link rel=stylesheet "
             "href=http://c.example/x><style>@import 'http://d.example/y';</style>"
             "<img src='cid:logo@example.org'>"),
         HTML_IMAGES_BLOCK);
    const struct html_report *report = &s.clean.report;
    assert_int_equal(report->n_hosts, 5);
    assert_true(str_eq(report->hosts[0].name, STR("t.example")));
    assert_int_equal(report->hosts[0].trackers, 1);
    assert_true(str_eq(report->hosts[1].name, STR("a.example")));
    assert_int_equal(report->hosts[1].n, 2);
    assert_int_equal(report->remote, 6);
    assert_int_equal(report->blocked, 6);
    assert_true(report->part_used[0] && !report->part_used[1]);
    assert_int_equal(report->inline_parts, 1);
    hide(&s);
}

static void counts_what_is_dropped(void **state)
{
    (void)state;
    struct shown s;
    show(&s,
         STR("<script>x</script><p onclick=x>a</p><a href='javascript:x'>b</a><form><input></form>"
             "<iframe></iframe><svg></svg><a href='https://ok.example'>c</a><a href='/x'>d</a>"
             "<meta name=color-scheme content='light dark'>"),
         HTML_IMAGES_BLOCK);
    const struct html_report *report = &s.clean.report;
    assert_int_equal(report->scripts, 3);
    assert_int_equal(report->forms, 2);
    assert_int_equal(report->embedded, 2);
    assert_int_equal(report->links, 1);
    assert_int_equal(report->bad_links, 2);
    assert_true(report->knows_dark && !report->sets_colours);
    hide(&s);
}

static void tells_misleading_links(void **state)
{
    (void)state;
    struct shown s;
    show(&s,
         STR("<a href='https://evil.example/x'>www.bank.example</a>"
             "<a href='https://shop.example/x'>Our shop</a>"
             "<a href='https://www.shop.example/'>shop.example</a>"
             "<a href='https://evil.example/'>read report.pdf</a>"),
         HTML_IMAGES_BLOCK);
    assert_int_equal(s.clean.report.n_misleading, 1);
    assert_true(str_eq(s.clean.report.misleading[0].shown, STR("www.bank.example")));
    assert_true(str_eq(s.clean.report.misleading[0].target, STR("evil.example")));
    hide(&s);
}

/* `unit` again and again between `before` and `after`. */
static str repeat(struct buf *out, const char *before, const char *unit, size_t times)
{
    buf_init(out, HTML_MAX_INPUT_BYTES + 65536);
    (void)buf_add(out, str_from_cstr(before));
    for (size_t i = 0; i < times; i++)
        (void)buf_add(out, str_from_cstr(unit));
    return buf_str(out);
}

static void holds_its_limits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *before;
        const char *unit;
        size_t times;
        enum html_fallback fallback;
    } cases[] = {
        { "deep", "word", "<div>", 3000, HTML_FALLBACK_NONE },
        { "many", "word", "<br>", HTML_MAX_NODES + 1, HTML_FALLBACK_OUTPUT },
        { "too many for the parser", "word", "<i>", 1400000, HTML_FALLBACK_PARSER },
        { "long", "word", "text ", HTML_MAX_INPUT_BYTES / 5 + 1000, HTML_FALLBACK_NONE },
        { "output grows", "word", "\"\"\"\"\"\"\"\"", HTML_MAX_INPUT_BYTES / 8 - 8,
          HTML_FALLBACK_OUTPUT },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct shown s;
        struct buf html;
        show(&s, repeat(&html, cases[i].before, cases[i].unit, cases[i].times), HTML_IMAGES_BLOCK);
        if (s.clean.report.fallback != cases[i].fallback)
            fail_msg("%s: fallback %d", cases[i].name, (int)s.clean.report.fallback);
        assert_true(s.clean.document.n <= (size_t)3 * HTML_MAX_OUTPUT_BYTES);
        assert_int_equal(s.clean.report.cut, html.n > HTML_MAX_INPUT_BYTES);
        assert_true(str_find(s.body, STR("word")) >= 0);
        buf_fini(&html);
        hide(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_bodies),          cmocka_unit_test(writes_sheets),
        cmocka_unit_test(keeps_the_page),         cmocka_unit_test(lets_the_proxy_decide),
        cmocka_unit_test(names_the_servers),      cmocka_unit_test(counts_what_is_dropped),
        cmocka_unit_test(tells_misleading_links), cmocka_unit_test(holds_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
