/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregate DMARC reports as XML (RFC 9990 section 3.1 and appendix A). */
#include "mailauth/dmarc.h"
#include "reports/document.h"

#include <libxml/xmlwriter.h>

#define NAMESPACE "urn:ietf:params:xml:ns:dmarc-2.0"
#define GENERATOR "Heronry"

/* libxml2 tells failures by numbers below 0: the first one ends the report. */
struct sheet {
    xmlTextWriterPtr w;
    bool is_good;
};

static void note(struct sheet *s, int written)
{
    s->is_good = s->is_good && written >= 0;
}

static void begin(struct sheet *s, const char *name)
{
    note(s, xmlTextWriterStartElement(s->w, BAD_CAST name));
}

static void end(struct sheet *s)
{
    note(s, xmlTextWriterEndElement(s->w));
}

static void element(struct sheet *s, const char *name, str value)
{
    note(s, xmlTextWriterWriteFormatElement(s->w, BAD_CAST name, "%.*s", STR_FMT(value)));
}

static void number(struct sheet *s, const char *name, int64_t value)
{
    note(s, xmlTextWriterWriteFormatElement(s->w, BAD_CAST name, "%lld", (long long)value));
}

static void element_unless_empty(struct sheet *s, const char *name, str value)
{
    if (value.n)
        element(s, name, value);
}

static void write_metadata(struct sheet *s, const struct reports_about *about)
{
    begin(s, "report_metadata");
    element(s, "org_name", about->sender->organization);
    element(s, "email", about->sender->contact);
    element(s, "report_id", about->id);
    begin(s, "date_range");
    number(s, "begin", about->begin_s);
    number(s, "end", about->end_s);
    end(s);
    element(s, "generator", STR(GENERATOR));
    end(s);
}

static void write_policy(struct sheet *s, str domain, const struct mailauth_dmarc_record *r)
{
    begin(s, "policy_published");
    element(s, "domain", domain);
    element(s, "discovery_method", STR("treewalk"));
    element(s, "p", str_from_cstr(mailauth_dmarc_policy_name(r->policy)));
    if (r->subdomain)
        element(s, "sp", str_from_cstr(mailauth_dmarc_policy_name(r->subdomain)));
    if (r->nonexistent)
        element(s, "np", str_from_cstr(mailauth_dmarc_policy_name(r->nonexistent)));
    element(s, "adkim", r->is_dkim_strict ? STR("s") : STR("r"));
    element(s, "aspf", r->is_spf_strict ? STR("s") : STR("r"));
    element(s, "testing", r->is_test ? STR("y") : STR("n"));
    end(s);
}

static void write_evaluated(struct sheet *s, const struct reports_dmarc_row *row)
{
    begin(s, "policy_evaluated");
    element(s, "disposition", row->disposition);
    element(s, "dkim", row->dkim);
    element(s, "spf", row->spf);
    if (row->override.n) {
        begin(s, "reason");
        element(s, "type", row->override);
        element_unless_empty(s, "comment", row->comment);
        end(s);
    }
    end(s);
}

static void write_signatures(struct sheet *s, str lines)
{
    str line, result, domain, selector;
    while (lines.n) {
        (void)str_cut(lines, '\n', &line, &lines);
        if (!str_cut(line, ' ', &result, &line) || !str_cut(line, ' ', &domain, &selector))
            continue;
        begin(s, "dkim");
        element(s, "domain", domain);
        element(s, "selector", selector);
        element(s, "result", result);
        end(s);
    }
}

/* Only the domain of MAIL FROM is one that DMARC looks at (section 3.1.1.9); the null sender has
 * that of HELO instead, of which the schema knows no scope. */
static void write_spf(struct sheet *s, const struct reports_dmarc_row *row)
{
    if (!row->spf_domain.n)
        return;
    begin(s, "spf");
    element(s, "domain", row->spf_domain);
    if (str_eq(row->spf_scope, STR("mfrom")))
        element(s, "scope", row->spf_scope);
    element(s, "result", row->spf_result);
    end(s);
}

static void write_row(struct sheet *s, const struct reports_dmarc_row *row)
{
    begin(s, "record");
    begin(s, "row");
    element(s, "source_ip", row->source);
    number(s, "count", row->messages);
    write_evaluated(s, row);
    end(s);
    begin(s, "identifiers");
    element(s, "header_from", row->header_from);
    element(s, "envelope_from", row->envelope_from);
    end(s);
    begin(s, "auth_results");
    write_signatures(s, row->signatures);
    write_spf(s, row);
    end(s);
    end(s);
}

static void write_all(struct sheet *s, const struct reports_about *about,
                      const struct mailauth_dmarc_record *record,
                      const struct reports_dmarc_row *rows, size_t n)
{
    note(s, xmlTextWriterSetIndent(s->w, 1));
    note(s, xmlTextWriterStartDocument(s->w, "1.0", "UTF-8", NULL));
    begin(s, "feedback");
    note(s, xmlTextWriterWriteAttribute(s->w, BAD_CAST "xmlns", BAD_CAST NAMESPACE));
    element(s, "version", STR("1.0"));
    write_metadata(s, about);
    write_policy(s, about->domain, record);
    for (size_t i = 0; i < n; i++)
        write_row(s, &rows[i]);
    note(s, xmlTextWriterEndDocument(s->w));
}

bool reports_dmarc_format(const struct reports_about *about, str record,
                          const struct reports_dmarc_row *rows, size_t n, struct buf *out,
                          struct err *e)
{
    struct mailauth_dmarc_record policy;
    if (!mailauth_dmarc_record_parse(record, &policy, e))
        return false;
    xmlBufferPtr text = xmlBufferCreate();
    INVARIANT(text);
    struct sheet s = { .w = xmlNewTextWriterMemory(text, 0), .is_good = true };
    INVARIANT(s.w);
    write_all(&s, about, &policy, rows, n);
    xmlFreeTextWriter(s.w);
    str written = str_of((const char *)xmlBufferContent(text), (size_t)xmlBufferLength(text));
    bool ok = (s.is_good && buf_add(out, written)) || ERR(e, ERR_LIMIT, "the report is too long");
    xmlBufferFree(text);
    return ok;
}
