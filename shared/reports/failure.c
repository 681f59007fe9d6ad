/* SPDX-License-Identifier: Apache-2.0 */
/* What a failure report says of a message: its fields, and what is left of the header. */
#include "reports/failure.h"

#include "base/address.h"
#include "mailauth/tags.h"
#include "mime/compose.h"
#include "mime/mime.h"
#include "reports/clean.h"

/* ---- whether ---- */

/* Reports, bounces and answers of programs are told of by nobody. */
static bool is_automatic(const struct mime_header *header)
{
    const struct mime_field *automatic = mime_header_find(header, STR("Auto-Submitted"), 0);
    const struct mime_field *type = mime_header_find(header, STR("Content-Type"), 0);
    return (automatic && !str_has_iprefix(str_trim(automatic->body), STR("no"))) ||
           (type && str_has_iprefix(str_trim(type->body), STR("multipart/report")));
}

bool reports_failure_is_wanted(const struct reports_failed *failed)
{
    const struct mailauth_verdict *verdict = failed->verdict;
    const struct mailauth_dmarc *dmarc = verdict->dmarc;
    if (!dmarc || !verdict->spf || !verdict->dkim || !verdict->sender.n ||
        !dmarc->record.failure.n || dmarc->record.psd == 'y')
        return false;
    bool all_failed = !dmarc->is_spf_aligned && !dmarc->is_dkim_aligned;
    bool any_failed = !dmarc->is_spf_aligned || !dmarc->is_dkim_aligned;
    return ((dmarc->record.reports_all_failed && all_failed) ||
            (dmarc->record.reports_any_failed && any_failed)) &&
           !is_automatic(failed->header);
}

/* ---- redaction ---- */

static str ascii_of(struct arena *a, str text)
{
    return reports_ascii(a, text, REPORTS_FIELD_MAX);
}

/* A quote that another one escapes ends nothing. */
static bool is_escaped(str text, size_t at)
{
    size_t n = 0;
    while (n < at && text.p[at - 1 - n] == '\\')
        n++;
    return n % 2 == 1;
}

/* Where the quoted string begins whose closing quote is text[at]. */
static size_t quote_start(str text, size_t at)
{
    while (at > 0) {
        at--;
        if (text.p[at] == '"' && !is_escaped(text, at))
            break;
    }
    return at;
}

/* Where the local part begins that ends before text[at]; blanks between the two belong to it. */
static size_t local_start(str text, size_t at)
{
    static const str ends = STR_INIT(" \t\r\n<>(),;:\"[]");
    while (at > 0 && (text.p[at - 1] == ' ' || text.p[at - 1] == '\t'))
        at--;
    if (at > 0 && text.p[at - 1] == '"')
        return quote_start(text, at - 1);
    while (at > 0 && str_find_byte(ends, text.p[at - 1]) < 0)
        at--;
    return at;
}

/* Appends the text with each "local@" as "redacted@"; "i=" of a signature stays readable. */
static bool add_redacted(str text, struct buf *out)
{
    bool ok = true;
    for (ptrdiff_t at = str_find_byte(text, '@'); ok && at >= 0; at = str_find_byte(text, '@')) {
        size_t from = local_start(text, (size_t)at);
        bool is_identity = str_has_prefix(str_skip(text, from), STR("i="));
        ok = buf_add(out, str_slice(text, 0, from)) && (!is_identity || buf_add(out, STR("i="))) &&
             (from == (size_t)at || buf_add(out, STR("redacted"))) && buf_add(out, STR("@"));
        text = str_skip(text, (size_t)at + 1);
    }
    return ok && buf_add(out, text);
}

/* Appends the mailboxes by their domains alone: names and comments may be addresses, too, in
 * encoded words or not. */
static bool add_mailboxes(struct arena *a, str body, struct buf *out)
{
    struct mime_address_list list;
    bool ok = true;
    mime_address_list_parse(a, body, &list);
    for (size_t i = 0; ok && i < list.n; i++) {
        if (list.items[i].kind == MIME_ADDRESS_MAILBOX && list.items[i].domain.n) {
            str domain = ascii_of(a, list.items[i].domain);
            ok = buf_addf(out, "%s<redacted@%.*s>", out->n ? ", " : "", STR_FMT(domain));
        }
    }
    return ok;
}

enum how {
    AS_IT_IS,
    REDACTED,
    MAILBOXES
};

static const struct {
    str name;
    enum how how;
} shown[] = {
    { STR_INIT("From"), MAILBOXES },        { STR_INIT("Sender"), MAILBOXES },
    { STR_INIT("Reply-To"), MAILBOXES },    { STR_INIT("Received"), REDACTED },
    { STR_INIT("Return-Path"), MAILBOXES }, { STR_INIT("DKIM-Signature"), REDACTED },
    { STR_INIT("List-Id"), REDACTED },      { STR_INIT("Message-ID"), AS_IT_IS },
    { STR_INIT("Date"), AS_IT_IS },         { STR_INIT("MIME-Version"), AS_IT_IS },
    { STR_INIT("Content-Type"), REDACTED },
};

/* z= of a signature is a copy of other fields, in an encoding of its own. */
static bool has_copies(str body)
{
    str tag, name, value;
    bool more = true;
    while (more) {
        more = str_cut(body, ';', &tag, &body);
        if (str_cut(tag, '=', &name, &value) && str_eq(str_trim(name), STR("z")))
            return true;
    }
    return false;
}

static bool add_value(struct arena *a, const struct mime_field *field, enum how how,
                      struct buf *out)
{
    if (how == MAILBOXES)
        return add_mailboxes(a, field->body, out);
    str body = mime_field_unfold(a, field->body);
    body = reports_ascii(a, body, REPORTS_FAILURE_HEADER_MAX);
    return how == REDACTED ? add_redacted(body, out) : buf_add(out, body);
}

static bool add_field(const struct mime_field *field, struct buf *out)
{
    struct arena a;
    struct buf value;
    bool ok = true;
    arena_init(&a);
    buf_init(&value, REPORTS_FAILURE_HEADER_MAX);
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        if (!str_ieq(field->name, shown[i].name) || has_copies(field->body))
            continue;
        ok = add_value(&a, field, shown[i].how, &value) &&
             mime_compose_raw_field(out, shown[i].name, buf_str(&value));
    }
    buf_fini(&value);
    arena_fini(&a);
    return ok;
}

void reports_failure_add_header(const struct mime_header *header, struct buf *out)
{
    for (size_t i = 0; i < header->n; i++) {
        size_t before = out->n;
        if (!add_field(&header->fields[i], out))
            buf_truncate(out, before);
    }
}

/* ---- fields ---- */

/* A signature of the author's own domain that proved nothing, or NULL. */
static const struct mailauth_dkim *own_failed(const struct mailauth_verdict *verdict)
{
    const struct mailauth_dmarc *dmarc = verdict->dmarc;
    str own = dmarc->organization.n ? dmarc->organization : dmarc->policy_domain;
    for (size_t i = 0; i < verdict->dkim->n; i++) {
        const struct mailauth_dkim *one = &verdict->dkim->list[i];
        if (one->result != MAILAUTH_PASS && one->signature.domain.n && one->signature.selector.n &&
            mailauth_domain_is_within(one->signature.domain, own))
            return one;
    }
    return NULL;
}

/* The results in the words of RFC 8601. */
static str authentication_results(struct arena *a, const struct reports_failed *failed)
{
    const struct mailauth_verdict *verdict = failed->verdict;
    const struct mailauth_spf *spf = verdict->spf;
    str text = arena_printf(a, "%s; dmarc=%s header.from=%.*s; spf=%s smtp.%s=%.*s",
                            failed->hostname, mailauth_result_name(verdict->dmarc->result),
                            STR_FMT(ascii_of(a, verdict->dmarc->author)),
                            mailauth_result_name(spf->result), spf->is_helo ? "helo" : "mailfrom",
                            STR_FMT(ascii_of(a, spf->domain)));
    for (size_t i = 0; i < verdict->dkim->n && i < 5; i++) {
        const struct mailauth_dkim *one = &verdict->dkim->list[i];
        if (!one->signature.domain.n || !one->signature.selector.n)
            continue;
        text = arena_printf(a, "%.*s; dkim=%s header.d=%.*s header.s=%.*s", STR_FMT(text),
                            mailauth_result_name(one->result),
                            STR_FMT(ascii_of(a, one->signature.domain)),
                            STR_FMT(ascii_of(a, one->signature.selector)));
    }
    return text;
}

static bool add_signature(struct arena *a, const struct mailauth_dkim *one, struct buf *out)
{
    const struct mailauth_signature *s = &one->signature;
    str local;
    str domain;
    if (!address_split(s->identity, &local, &domain)) {
        local = STR_EMPTY;
        domain = s->domain;
    }
    str identity =
        arena_printf(a, "%s@%.*s", local.n > 0 ? "redacted" : "", STR_FMT(ascii_of(a, domain)));
    return mime_compose_raw_field(out, STR("DKIM-Domain"), ascii_of(a, s->domain)) &&
           mime_compose_raw_field(out, STR("DKIM-Identity"), identity) &&
           mime_compose_raw_field(out, STR("DKIM-Selector"), ascii_of(a, s->selector));
}

/* Which of them did not prove the author (RFC 9991 section 4). */
static str alignment_of(const struct mailauth_dmarc *dmarc)
{
    if (dmarc->is_spf_aligned)
        return dmarc->is_dkim_aligned ? STR("none") : STR("dkim");
    return dmarc->is_dkim_aligned ? STR("spf") : STR("dkim, spf");
}

static str sender_of(struct arena *a, str sender)
{
    return arena_printf(a, "<redacted@%.*s>", STR_FMT(ascii_of(a, address_domain(sender))));
}

static bool add_date(int64_t now_s, struct buf *out)
{
    /* Arrival-Date has the grammar of Date. */
    return buf_add(out, STR("Arrival-")) && mime_compose_date_field(out, now_s, 0);
}

static bool add_all(struct arena *a, const struct reports_failed *failed, struct buf *out)
{
    const struct mailauth_dkim *own = own_failed(failed->verdict);
    const struct mailauth_dmarc *dmarc = failed->verdict->dmarc;
    const struct {
        str name;
        str value;
    } fields[] = {
        { STR("Feedback-Type"), STR("auth-failure") },
        { STR("User-Agent"), STR("Heronry") },
        { STR("Version"), STR("1") },
        { STR("Reporting-MTA"), arena_printf(a, "dns; %s", failed->hostname) },
        { STR("Original-Mail-From"), sender_of(a, failed->verdict->sender) },
        { STR("Source-IP"), ascii_of(a, failed->source_ip) },
        { STR("Reported-Domain"), ascii_of(a, dmarc->author) },
        { STR("Authentication-Results"), authentication_results(a, failed) },
        { STR("Auth-Failure"), STR("dmarc") },
        { STR("Identity-Alignment"), alignment_of(dmarc) },
    };
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(fields); i++)
        ok = mime_compose_raw_field(out, fields[i].name, fields[i].value);
    return ok && add_date(failed->now_s, out) &&
           (!failed->result.n ||
            mime_compose_raw_field(out, STR("Delivery-Result"), failed->result)) &&
           (!own || add_signature(a, own, out));
}

bool reports_failure_add_fields(const struct reports_failed *failed, struct buf *out)
{
    struct arena a;
    arena_init(&a);
    bool ok = add_all(&a, failed, out);
    arena_fini(&a);
    return ok;
}
