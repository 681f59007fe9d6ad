/* SPDX-License-Identifier: Apache-2.0 */
/* Line by line: the quote depth, then the text with its links. Each byte is looked at a bounded
 * number of times, also in "a.b.c.d@". */
#include "html/from_text.h"

#include "base/utf8.h"
#include "html/html.h"
#include "html/url.h"

enum {
    MAX_QUOTES = 20,
    TAB_COLUMNS = 8
};

struct text_reader {
    const struct html_from_text_options *options;
    struct buf *out;
    struct arena *scratch; /* of one link */
    unsigned quotes;       /* blockquotes that are open */
    bool line_due;         /* a line was written: the next one begins with <br> */
    bool joins;            /* flowed: the next line of this depth goes on in this one */
    size_t column;         /* of the line, in characters */
    bool failed;
};

static void put(struct text_reader *r, str s)
{
    r->failed = r->failed || !buf_add(r->out, s);
}

static str reference_of(char c)
{
    static const struct {
        char c;
        str reference;
    } references[] = {
        { '&', STR_INIT("&amp;") },  { '<', STR_INIT("&lt;") },   { '>', STR_INIT("&gt;") },
        { '"', STR_INIT("&quot;") }, { '\'', STR_INIT("&#39;") }, { '`', STR_INIT("&#96;") },
    };
    for (size_t i = 0; i < COUNT_OF(references); i++) {
        if (references[i].c == c)
            return references[i].reference;
    }
    return STR_EMPTY;
}

static bool is_control(unsigned char c)
{
    return (c < ' ' && c != '\t' && c != '\n') || c == 127;
}

bool html_escape(str text, struct buf *out)
{
    bool ok = true;
    for (size_t i = 0; i < text.n && ok;) {
        size_t start = i;
        uint32_t cp = 0;
        size_t n = 1;
        while (i < text.n && !is_control((unsigned char)text.p[i]) &&
               reference_of(text.p[i]).n == 0) {
            n = utf8_decode(str_skip(text, i), &cp);
            if (n == 0)
                break;
            i += n;
        }
        ok = buf_add(out, str_slice(text, start, i - start));
        if (!ok || i >= text.n)
            break;
        if (n == 0) {
            ok = buf_add(out, STR("\xef\xbf\xbd"));
        } else if (!is_control((unsigned char)text.p[i])) {
            ok = buf_add(out, reference_of(text.p[i]));
        }
        i++;
    }
    return ok;
}

/* A space that stays: the first of a line, and each second one of a run. */
static void put_space(struct text_reader *r, bool keep)
{
    put(r, keep ? STR("&nbsp;") : STR(" "));
    r->column++;
}

/* Text without links. */
static void put_text(struct text_reader *r, str text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c != ' ' && c != '\t')
            continue;
        str word = str_slice(text, start, i - start);
        r->failed = r->failed || !html_escape(word, r->out);
        r->column += utf8_count(word);
        bool next_is_space = i + 1 < text.n && (text.p[i + 1] == ' ' || text.p[i + 1] == '\t');
        size_t columns = c == '\t' ? TAB_COLUMNS - r->column % TAB_COLUMNS : 1;
        for (; columns > 0; columns--)
            put_space(r, r->column == 0 || c == '\t' || next_is_space);
        start = i + 1;
    }
    str word = str_skip(text, start);
    r->failed = r->failed || !html_escape(word, r->out);
    r->column += utf8_count(word);
}

static bool is_local_char(char c)
{
    return ascii_is_alnum(c) || str_find_byte(STR("._%+-"), c) >= 0;
}

/* Without the marks that end the sentence and not the address; a ')' stays when its '(' is there.
 */
static str without_marks(str url)
{
    while (url.n > 0) {
        char last = url.p[url.n - 1];
        bool open = last == ')' && str_find_byte(url, '(') >= 0;
        if (open || str_find_byte(STR(".,;:!?'\")]}*_"), last) < 0)
            break;
        url.n--;
    }
    return url;
}

static str web_address(str rest)
{
    size_t n = 0;
    while (n < rest.n && (unsigned char)rest.p[n] > ' ' &&
           str_find_byte(STR("<>\""), rest.p[n]) < 0)
        n++;
    return without_marks(str_slice(rest, 0, n));
}

static str mail_address(str rest)
{
    size_t n = 0;
    while (n < rest.n && is_local_char(rest.p[n]))
        n++;
    if (n == 0 || n >= rest.n || rest.p[n] != '@')
        return STR_EMPTY;
    size_t domain = ++n;
    while (n < rest.n && (ascii_is_alnum(rest.p[n]) || rest.p[n] == '-' || rest.p[n] == '.'))
        n++;
    str address = without_marks(str_slice(rest, 0, n));
    return str_find_byte(str_skip(address, domain), '.') > 0 ? address : STR_EMPTY;
}

/* The link at the beginning of `rest`: its text, and in *prefix what its address needs before it.
 * Empty when there is none. */
static str link_at(str rest, const char **prefix)
{
    static const struct {
        str begins;
        const char *prefix;
    } kinds[] = {
        { STR_INIT("https://"), "" },
        { STR_INIT("http://"), "" },
        { STR_INIT("www."), "https://" },
        { STR_INIT("mailto:"), "" },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!str_has_iprefix(rest, kinds[i].begins))
            continue;
        *prefix = kinds[i].prefix;
        str address = web_address(rest);
        return address.n > kinds[i].begins.n ? address : STR_EMPTY;
    }
    *prefix = "mailto:";
    return mail_address(rest);
}

/* Writes the link; false when its address is none. */
static bool put_link(struct text_reader *r, str text, const char *prefix)
{
    struct html_url url;
    html_url_read(r->scratch, arena_printf(r->scratch, "%s%.*s", prefix, STR_FMT(text)), &url);
    bool good = url.kind == HTML_URL_REMOTE || url.kind == HTML_URL_CONTACT;
    if (good) {
        put(r, STR("<a href=\""));
        r->failed = r->failed || !html_escape(url.url, r->out);
        put(r, STR("\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">"));
        r->failed = r->failed || !html_escape(text, r->out);
        put(r, STR("</a>"));
        r->column += utf8_count(text);
    }
    arena_reset(r->scratch);
    return good;
}

static void put_line(struct text_reader *r, str line)
{
    size_t start = 0;
    for (size_t i = 0; i < line.n && !r->options->no_links;) {
        bool begins = is_local_char(line.p[i]) && (i == 0 || !is_local_char(line.p[i - 1]));
        const char *prefix = "";
        str link = begins ? link_at(str_skip(line, i), &prefix) : STR_EMPTY;
        if (link.n == 0) {
            i++;
            continue;
        }
        put_text(r, str_slice(line, start, i - start));
        start = i;
        if (put_link(r, link, prefix))
            start = i + link.n;
        i += link.n;
    }
    put_text(r, str_skip(line, start));
}

/* Takes the quote marks off: ">> " and "> > ". */
static unsigned take_quotes(str *line, bool flowed)
{
    unsigned quotes = 0;
    while (line->n > 0 && line->p[0] == '>') {
        quotes++;
        *line = str_skip(*line, 1);
        bool more = line->n > 1 && line->p[0] == ' ' && line->p[1] == '>';
        if (more && !flowed)
            *line = str_skip(*line, 1);
    }
    if ((quotes > 0 || flowed) && line->n > 0 && line->p[0] == ' ')
        *line = str_skip(*line, 1);
    return quotes < MAX_QUOTES ? quotes : MAX_QUOTES;
}

static void set_quotes(struct text_reader *r, unsigned quotes)
{
    if (quotes != r->quotes)
        r->line_due = false;
    for (; r->quotes > quotes; r->quotes--)
        put(r, STR("</blockquote>"));
    for (; r->quotes < quotes; r->quotes++)
        put(r, STR("<blockquote type=\"cite\">"));
}

static void read_line(struct text_reader *r, str line)
{
    bool flowed = r->options->flowed;
    unsigned quotes = take_quotes(&line, flowed);
    bool signature = str_eq(line, STR("-- "));
    if (quotes != r->quotes || signature)
        r->joins = false;
    if (!r->joins) {
        set_quotes(r, quotes);
        if (r->line_due)
            put(r, STR("<br>\n"));
        r->column = 0;
    }
    r->line_due = true;
    r->joins = flowed && !signature && line.n > 0 && line.p[line.n - 1] == ' ';
    if (r->joins && r->options->delsp)
        line.n--;
    put_line(r, line);
}

bool html_from_text(str text, const struct html_from_text_options *options, struct buf *out)
{
    struct arena scratch;
    arena_init(&scratch);
    struct text_reader r = { .options = options, .out = out, .scratch = &scratch };
    str line;
    while (text.n > 0 && !r.failed) {
        (void)str_cut(text, '\n', &line, &text);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        read_line(&r, line);
    }
    set_quotes(&r, 0);
    arena_fini(&scratch);
    return !r.failed;
}
