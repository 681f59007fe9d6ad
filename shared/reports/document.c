/* SPDX-License-Identifier: Apache-2.0 */
/* Names of reports, compression, and the mail that carries one. */
#include "reports/document.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "mime/compose.h"
#include "mime/encoding.h"

#define ZLIB_CONST /* what is read only is const */
#include <zlib.h>

enum {
    DAY_S = 24 * 3600,
    GZIP_WINDOW = 15 + 16 /* of zlib: the largest window, and the header of gzip */
};

static const struct {
    const char *report; /* what it is called in the text for people */
    str media_type;
    str extension;
} kinds[REPORTS_KINDS] = {
    [REPORTS_TLS] = { "TLS report", STR_INIT("application/tlsrpt+gzip"), STR_INIT("json.gz") },
    [REPORTS_DMARC] = { "DMARC aggregate report", STR_INIT("application/gzip"),
                        STR_INIT("xml.gz") },
};

struct reports_about reports_about_of(struct arena *a, enum reports_kind kind, int64_t day,
                                      str domain, const struct reports_sender *sender)
{
    struct buf id;
    uint8_t hash[CRYPTO_SHA256_SIZE];
    crypto_sha256(arena_printf(a, "%d %lld %.*s %.*s", (int)kind, (long long)day, STR_FMT(domain),
                               STR_FMT(sender->domain)),
                  hash);
    buf_init(&id, REPORTS_ID_SIZE);
    INVARIANT(hex_encode(str_of((const char *)hash, REPORTS_ID_SIZE / 2), &id));
    struct reports_about about = { .domain = domain,
                                   .begin_s = day * DAY_S,
                                   .end_s = (day + 1) * DAY_S - 1,
                                   .id = arena_str(a, buf_str(&id)),
                                   .sender = sender };
    buf_fini(&id);
    return about;
}

/* ---- the file ---- */

bool reports_document_compress(str text, struct buf *out, struct err *e)
{
    z_stream z = { 0 };
    INVARIANT(deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                           Z_DEFAULT_STRATEGY) == Z_OK);
    size_t most = deflateBound(&z, (uLong)text.n);
    char *to = buf_reserve(out, most);
    if (to) {
        z.next_in = (const Bytef *)(const void *)text.p;
        z.avail_in = (uInt)text.n;
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)most;
        INVARIANT(deflate(&z, Z_FINISH) == Z_STREAM_END);
        buf_commit(out, z.total_out);
    }
    (void)deflateEnd(&z);
    return to != NULL || ERR(e, ERR_LIMIT, "the report is too long");
}

void reports_document_name(struct arena *a, struct reports_document *out)
{
    const struct reports_about *about = &out->about;
    out->filename =
        arena_printf(a, "%.*s!%.*s!%lld!%lld!%.*s.%.*s", STR_FMT(about->sender->domain),
                     STR_FMT(about->domain), (long long)about->begin_s, (long long)about->end_s,
                     STR_FMT(about->id), STR_FMT(kinds[out->kind].extension));
}

/* ---- the mail ---- */

static str join(struct arena *a, const str *list, size_t n)
{
    str all = STR_EMPTY;
    for (size_t i = 0; i < n; i++)
        all = arena_printf(a, "%.*s%s<%.*s>", STR_FMT(all), i ? ", " : "", STR_FMT(list[i]));
    return all;
}

/* Fields that TLS-RPT has beside the others: what it is about, and that it is to be delivered also
 * where TLS fails, as that is what it tells of (RFC 8460 section 5.3, RFC 8689 section 5). */
static bool add_tls_fields(const struct reports_about *about, struct buf *out)
{
    return mime_compose_raw_field(out, STR("TLS-Report-Domain"), about->domain) &&
           mime_compose_raw_field(out, STR("TLS-Report-Submitter"), about->sender->domain) &&
           mime_compose_raw_field(out, STR("TLS-Required"), STR("No"));
}

static bool add_header(struct arena *a, const struct reports_document *doc, str to, int64_t now_us,
                       struct buf *out)
{
    const struct reports_about *about = &doc->about;
    const struct reports_sender *sender = about->sender;
    str subject = arena_printf(a, "Report Domain: %.*s Submitter: %.*s Report-ID: <%.*s>",
                               STR_FMT(about->domain), STR_FMT(sender->domain), STR_FMT(about->id));
    return mime_compose_mailbox_field(out, STR("From"), sender->organization, sender->from) &&
           mime_compose_raw_field(out, STR("To"), to) &&
           mime_compose_raw_field(out, STR("Subject"), subject) &&
           mime_compose_date_field(out, now_us / 1000000, 0) &&
           mime_compose_message_id_field(out, (uint64_t)now_us, crypto_random_u64(),
                                         sender->domain) &&
           mime_compose_raw_field(out, STR("Auto-Submitted"), STR("auto-generated")) &&
           (doc->kind != REPORTS_TLS || add_tls_fields(about, out));
}

static bool add_text(struct arena *a, const struct reports_document *doc, struct buf *out)
{
    const struct reports_about *about = &doc->about;
    str text = arena_printf(a,
                            "This is the %s of %.*s about %.*s.\nIt is for programs: the file "
                            "that is attached has it.\n\nQuestions: %.*s\n",
                            kinds[doc->kind].report, STR_FMT(about->sender->domain),
                            STR_FMT(about->domain), STR_FMT(about->sender->contact));
    return mime_compose_text_part(out, text);
}

static bool add_file(struct arena *a, const struct reports_document *doc, struct buf *out)
{
    str name = arena_printf(a, "attachment; filename=\"%.*s\"", STR_FMT(doc->filename));
    return mime_compose_raw_field(out, STR("Content-Type"), kinds[doc->kind].media_type) &&
           mime_compose_raw_field(out, STR("Content-Disposition"), name) &&
           mime_compose_raw_field(out, STR("Content-Transfer-Encoding"), STR("base64")) &&
           mime_compose_end_header(out) && mime_encode_base64(doc->packed, out);
}

/* multipart/report is what RFC 8460 section 5.3 wants; RFC 9990 wants no particular form. */
static bool add_all(struct arena *a, const struct reports_document *doc, str to, int64_t now_us,
                    struct buf *out)
{
    bool is_tls = doc->kind == REPORTS_TLS;
    str boundary = mime_compose_boundary(a, (uint64_t)now_us, crypto_random_u64());
    return add_header(a, doc, to, now_us, out) &&
           mime_compose_raw_field(out, STR("MIME-Version"), STR("1.0")) &&
           mime_compose_multipart_field(out, is_tls ? STR("report") : STR("mixed"),
                                        is_tls ? STR("; report-type=\"tlsrpt\"") : STR_EMPTY,
                                        boundary) &&
           mime_compose_end_header(out) && mime_compose_part(out, boundary) &&
           add_text(a, doc, out) && mime_compose_part(out, boundary) && add_file(a, doc, out) &&
           mime_compose_multipart_end(out, boundary);
}

bool reports_mail_format(const struct reports_document *doc, const str *to, size_t n,
                         int64_t now_us, struct buf *out, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = add_all(&a, doc, join(&a, to, n), now_us, out);
    arena_fini(&a);
    return ok || ERR(e, ERR_LIMIT, "the report is too long for a mail");
}
