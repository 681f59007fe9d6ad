/* SPDX-License-Identifier: Apache-2.0 */
/* The mail that carries a failure report: multipart/report (RFC 6522) of type feedback-report (RFC
 * 5965). */
#include "crypto/random.h"
#include "mime/compose.h"
#include "reports/failure.h"

static str join(struct arena *a, const str *list, size_t n)
{
    str all = STR_EMPTY;
    for (size_t i = 0; i < n; i++)
        all = arena_printf(a, "%.*s%s<%.*s>", STR_FMT(all), i ? ", " : "", STR_FMT(list[i]));
    return all;
}

static bool add_head(struct arena *a, const struct reports_failure *failure,
                     const struct reports_sender *sender, str to, int64_t now_us, struct buf *out)
{
    str subject = arena_printf(a, "DMARC failure report about %.*s", STR_FMT(failure->domain));
    return mime_compose_mailbox_field(out, STR("From"), sender->organization, sender->from) &&
           mime_compose_raw_field(out, STR("To"), to) &&
           mime_compose_raw_field(out, STR("Subject"), subject) &&
           mime_compose_date_field(out, now_us / 1000000, 0) &&
           mime_compose_message_id_field(out, (uint64_t)now_us, crypto_random_u64(),
                                         sender->domain) &&
           mime_compose_raw_field(out, STR("Auto-Submitted"), STR("auto-generated")) &&
           mime_compose_raw_field(out, STR("MIME-Version"), STR("1.0"));
}

/* SPF-DNS: txt : domain : "record" (RFC 6591 section 3.2.5). */
static bool add_spf(struct arena *a, str domain, str spf, struct buf *out)
{
    struct buf quoted;
    bool ok = true;
    if (!spf.n || !domain.n)
        return true;
    buf_init(&quoted, REPORTS_FAILURE_FIELDS_MAX);
    for (size_t i = 0; ok && i < spf.n; i++) {
        char c = spf.p[i];
        if (c == '"' || c == '\\')
            ok = buf_add_byte(&quoted, '\\');
        bool is_shown = c >= ' ' && c <= '~';
        ok = ok && buf_add(&quoted, is_shown ? str_slice(spf, i, 1) : STR("?"));
    }
    str value =
        arena_printf(a, "txt : %.*s : \"%.*s\"", STR_FMT(domain), STR_FMT(buf_str(&quoted)));
    buf_fini(&quoted);
    return !ok || mime_compose_raw_field(out, STR("SPF-DNS"), value);
}

static bool add_parts(struct arena *a, const struct reports_failure_mail *mail, str boundary,
                      struct buf *out)
{
    const struct reports_failure *failure = mail->failure;
    const struct reports_sender *sender = mail->sender;
    str text =
        arena_printf(a,
                     "A message in the name of %.*s came to %.*s\n"
                     "and could not prove where it is from. The policy of that domain\n"
                     "(DMARC) asks to be told. Local parts of addresses are left out.\n\n"
                     "Questions: %.*s\n",
                     STR_FMT(failure->domain), STR_FMT(sender->domain), STR_FMT(sender->contact));
    return mime_compose_part(out, boundary) && mime_compose_text_part(out, text) &&
           mime_compose_part(out, boundary) &&
           mime_compose_raw_field(out, STR("Content-Type"), STR("message/feedback-report")) &&
           mime_compose_end_header(out) && buf_add(out, failure->fields) &&
           add_spf(a, failure->spf_domain, mail->spf, out) && mime_compose_part(out, boundary) &&
           mime_compose_raw_field(out, STR("Content-Type"), STR("text/rfc822-headers")) &&
           mime_compose_end_header(out) && buf_add(out, failure->header) &&
           mime_compose_multipart_end(out, boundary);
}

bool reports_failure_format(const struct reports_failure_mail *mail, struct buf *out, struct err *e)
{
    struct arena a;
    arena_init(&a);
    str boundary = mime_compose_boundary(&a, (uint64_t)mail->now_us, crypto_random_u64());
    bool ok = add_head(&a, mail->failure, mail->sender, join(&a, mail->to, mail->n_to),
                       mail->now_us, out) &&
              mime_compose_multipart_field(out, STR("report"), STR("; report-type=feedback-report"),
                                           boundary) &&
              mime_compose_end_header(out) && add_parts(&a, mail, boundary, out);
    arena_fini(&a);
    return ok || ERR(e, ERR_LIMIT, "the report is too long for a mail");
}
