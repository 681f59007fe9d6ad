/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregate DMARC reports as XML (RFC 9990, and RFC 7489 as most still write it), read as a stream:
 * a table says which element's text goes where. */
#include "reports/clean.h"

#include <libxml/xmlreader.h>

enum {
    PATH_MAX_OCTETS = 256, /* names of open elements below the root; a longer path is unknown */
    POLICY_MAX = 512,
    SIGNATURES_MAX = 4096, /* octets kept of a record's lines */
    ROWS_AT_ONCE = 64
};

/* What the texts of a report are read into, before they are looked at. */
struct texts {
    str organization, email, id, begin, end;
    str domain, p, sp, np, adkim, aspf, testing;
};

/* Of one record. */
struct record {
    str source, count, disposition, dkim, spf, header_from, envelope_from;
    str reason, comment;                         /* the open one */
    str dkim_domain, dkim_selector, dkim_result; /* the open one */
    str spf_domain, spf_scope, spf_result;       /* the open one */
    struct reports_dmarc_row row;                /* as far as it is complete */
};

struct reading {
    struct arena *a;
    struct buf path; /* "record/row/source_ip" */
    struct texts texts;
    struct record record;
    struct buf signatures; /* lines of the open record; copied once, at its end */
    struct reports_received *out;
    size_t room; /* of out->dmarc */
};

#define TEXT(path, member)                                     \
    {                                                          \
        STR_INIT(path), offsetof(struct reading, texts.member) \
    }
#define RECORD(path, member)                                              \
    {                                                                     \
        STR_INIT("record/" path), offsetof(struct reading, record.member) \
    }

static const struct {
    str path;
    size_t offset;
} places[] = {
    TEXT("report_metadata/org_name", organization),
    TEXT("report_metadata/email", email),
    TEXT("report_metadata/report_id", id),
    TEXT("report_metadata/date_range/begin", begin),
    TEXT("report_metadata/date_range/end", end),
    TEXT("policy_published/domain", domain),
    TEXT("policy_published/p", p),
    TEXT("policy_published/sp", sp),
    TEXT("policy_published/np", np),
    TEXT("policy_published/adkim", adkim),
    TEXT("policy_published/aspf", aspf),
    TEXT("policy_published/testing", testing),
    RECORD("row/source_ip", source),
    RECORD("row/count", count),
    RECORD("row/policy_evaluated/disposition", disposition),
    RECORD("row/policy_evaluated/dkim", dkim),
    RECORD("row/policy_evaluated/spf", spf),
    RECORD("row/policy_evaluated/reason/type", reason),
    RECORD("row/policy_evaluated/reason/comment", comment),
    RECORD("identifiers/header_from", header_from),
    RECORD("identifiers/envelope_from", envelope_from),
    RECORD("auth_results/dkim/domain", dkim_domain),
    RECORD("auth_results/dkim/selector", dkim_selector),
    RECORD("auth_results/dkim/result", dkim_result),
    RECORD("auth_results/spf/domain", spf_domain),
    RECORD("auth_results/spf/scope", spf_scope),
    RECORD("auth_results/spf/result", spf_result),
};

/* ---- what ends ---- */

/* The first reason is kept. */
static void end_reason(struct reading *r)
{
    struct record *c = &r->record;
    if (!c->row.override.n) {
        c->row.override = c->reason;
        c->row.comment = c->comment;
    }
    c->reason = c->comment = STR_EMPTY;
}

/* A word without spaces, so that it can stand in a line of words. */
static bool add_word(struct buf *line, str text)
{
    size_t start = line->n;
    if (!buf_add(line, text))
        return false;
    for (size_t i = start; i < line->n; i++) {
        if (line->p[i] == ' ')
            line->p[i] = '?';
    }
    return true;
}

/* A line that there is no room for is left out. */
static void end_signature(struct reading *r)
{
    struct record *c = &r->record;
    struct buf *lines = &r->signatures;
    size_t before = lines->n;
    if (c->dkim_domain.n && c->dkim_result.n) {
        bool ok = (!before || buf_add_byte(lines, '\n')) && add_word(lines, c->dkim_result) &&
                  buf_add_byte(lines, ' ') && add_word(lines, c->dkim_domain) &&
                  buf_add_byte(lines, ' ') && buf_add(lines, c->dkim_selector);
        if (!ok)
            buf_truncate(lines, before);
    }
    c->dkim_domain = c->dkim_selector = c->dkim_result = STR_EMPTY;
}

/* Of several results that of MAIL FROM counts, which is the one that DMARC looks at. */
static void end_spf(struct reading *r)
{
    struct record *c = &r->record;
    bool is_helo = str_ieq(c->spf_scope, STR("helo"));
    if (!c->row.spf_domain.n || !is_helo) {
        c->row.spf_domain = c->spf_domain;
        c->row.spf_scope = c->spf_scope;
        c->row.spf_result = c->spf_result;
    }
    c->spf_domain = c->spf_scope = c->spf_result = STR_EMPTY;
}

static bool end_record(struct reading *r, struct err *e)
{
    struct reports_received *out = r->out;
    struct record *c = &r->record;
    uint64_t count = 0;
    if (out->n == REPORTS_ROWS_MAX)
        return ERR(e, ERR_LIMIT, "the report has too many rows");
    if (!str_to_uint(c->count, REPORTS_COUNT_MAX, &count))
        return ERR(e, ERR_SYNTAX, "a row has no count");
    if (out->n == r->room) {
        size_t room = r->room ? 2 * r->room : ROWS_AT_ONCE;
        struct reports_dmarc_row *more = ARENA_ARRAY(r->a, struct reports_dmarc_row, room);
        if (out->n > 0)
            memcpy(more, out->dmarc, out->n * sizeof(*more));
        out->dmarc = more;
        r->room = room;
    }
    c->row.source = c->source;
    c->row.disposition = c->disposition;
    c->row.dkim = c->dkim;
    c->row.spf = c->spf;
    c->row.header_from = c->header_from;
    c->row.envelope_from = c->envelope_from;
    c->row.signatures = arena_str(r->a, buf_str(&r->signatures));
    buf_clear(&r->signatures);
    c->row.messages = (int64_t)count;
    bool passed = str_ieq(c->dkim, STR("pass")) || str_ieq(c->spf, STR("pass"));
    *(passed ? &out->good : &out->bad) += c->row.messages;
    out->dmarc[out->n++] = c->row;
    r->record = (struct record){ .count = STR_EMPTY };
    return true;
}

static bool end_element(struct reading *r, struct err *e)
{
    static const struct {
        str path;
        void (*end)(struct reading *r);
    } ends[] = {
        { STR_INIT("record/row/policy_evaluated/reason"), end_reason },
        { STR_INIT("record/auth_results/dkim"), end_signature },
        { STR_INIT("record/auth_results/spf"), end_spf },
    };
    str path = buf_str(&r->path);
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (str_eq(path, ends[i].path))
            ends[i].end(r);
    }
    return !str_eq(path, STR("record")) || end_record(r, e);
}

/* ---- the stream ---- */

/* Of one text in several pieces the first counts. */
static void take_text(struct reading *r, str text)
{
    str path = buf_str(&r->path);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        str *to = (str *)(void *)((char *)r + places[i].offset);
        if (str_eq(path, places[i].path) && !to->n)
            *to = reports_clean(r->a, text, REPORTS_FIELD_MAX);
    }
}

/* Depth 0 is the root. */
static bool open_element(struct reading *r, str name, int depth, struct err *e)
{
    if (depth == 0) {
        return str_eq(name, STR("feedback")) ||
               ERR(e, ERR_SYNTAX, "the XML is no aggregate DMARC report");
    }
    bool ok = (!r->path.n || buf_add_byte(&r->path, '/')) && buf_add(&r->path, name);
    return ok || ERR(e, ERR_LIMIT, "the elements of the report are nested too deeply");
}

static void close_element(struct reading *r)
{
    ptrdiff_t slash = str_rfind_byte(buf_str(&r->path), '/');
    buf_truncate(&r->path, slash < 0 ? 0 : (size_t)slash);
}

static bool take_node(struct reading *r, xmlTextReaderPtr reader, struct err *e)
{
    int type = xmlTextReaderNodeType(reader);
    int depth = xmlTextReaderDepth(reader);
    if (type == XML_READER_TYPE_DOCUMENT_TYPE)
        return ERR(e, ERR_SYNTAX, "the report has a DOCTYPE, which no report needs");
    if (type == XML_READER_TYPE_ELEMENT) {
        str name = str_from_cstr((const char *)xmlTextReaderConstLocalName(reader));
        if (!open_element(r, name, depth, e))
            return false;
    } else if (type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA) {
        take_text(r, str_from_cstr((const char *)xmlTextReaderConstValue(reader)));
    }
    bool is_empty = type == XML_READER_TYPE_ELEMENT && xmlTextReaderIsEmptyElement(reader) == 1;
    if ((is_empty || type == XML_READER_TYPE_END_ELEMENT) && depth > 0) {
        if (!end_element(r, e))
            return false;
        close_element(r);
    }
    return true;
}

/* ---- the whole ---- */

static void add_tag(struct buf *policy, const char *tag, str value)
{
    if (value.n)
        (void)buf_addf(policy, "%s%s=%.*s", policy->n ? " " : "", tag, STR_FMT(value));
}

static str policy_of(struct arena *a, const struct texts *t)
{
    struct buf policy;
    buf_init(&policy, POLICY_MAX);
    add_tag(&policy, "p", t->p);
    add_tag(&policy, "sp", t->sp);
    add_tag(&policy, "np", t->np);
    add_tag(&policy, "adkim", t->adkim);
    add_tag(&policy, "aspf", t->aspf);
    if (str_eq(t->testing, STR("y")))
        add_tag(&policy, "t", t->testing);
    str text = arena_str(a, buf_str(&policy));
    buf_fini(&policy);
    return text;
}

static int64_t seconds(str text)
{
    int64_t s = 0;
    (void)str_to_int(text, 0, INT32_MAX * INT64_C(100), &s);
    return s;
}

static bool conclude(struct reading *r, struct err *e)
{
    const struct texts *t = &r->texts;
    struct reports_received *out = r->out;
    out->organization = t->organization;
    out->contact = t->email;
    out->id = t->id;
    out->domain = reports_clean_domain(r->a, t->domain);
    out->begin_s = seconds(t->begin);
    out->end_s = seconds(t->end);
    out->policy = policy_of(r->a, t);
    return reports_check(out, e);
}

/* A declaration that no report needs is refused before libxml2 looks at it, in what it would take
 * for one without a doubt: octets of ASCII. */
static bool has_declarations(str xml)
{
    return str_ifind(xml, STR("<!DOCTYPE")) >= 0 || str_ifind(xml, STR("<!ENTITY")) >= 0 ||
           str_find_byte(xml, '\0') >= 0;
}

bool reports_dmarc_parse(str xml, struct arena *a, struct reports_received *out, struct err *e)
{
    enum {
        OPTIONS = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING
    };
    *out = (struct reports_received){ .kind = REPORTS_DMARC };
    if (xml.n > REPORTS_DOCUMENT_MAX)
        return ERR(e, ERR_LIMIT, "the report is too long");
    if (has_declarations(xml))
        return ERR(e, ERR_SYNTAX, "the report has declarations, which no report needs");
    xmlTextReaderPtr reader = xmlReaderForMemory(xml.p, (int)xml.n, NULL, NULL, OPTIONS);
    if (!reader)
        return ERR(e, ERR_SYNTAX, "the report is no XML");
    struct reading r = { .a = a, .out = out };
    buf_init(&r.path, PATH_MAX_OCTETS);
    buf_init(&r.signatures, SIGNATURES_MAX);
    int step = xmlTextReaderRead(reader);
    bool ok = true;
    while (ok && step == 1) {
        ok = take_node(&r, reader, e);
        if (ok)
            step = xmlTextReaderRead(reader);
    }
    if (ok && step != 0)
        ok = ERR(e, ERR_SYNTAX, "the report is no well-formed XML");
    xmlFreeTextReader(reader);
    buf_fini(&r.path);
    buf_fini(&r.signatures);
    return ok && conclude(&r, e);
}
