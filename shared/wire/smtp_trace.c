/* SPDX-License-Identifier: Apache-2.0 */
/* Trace fields of RFC 5321 4.4. Pure. Not for the rest of the header. */
#include "wire/smtp_trace.h"

#include "mime/date.h"
#include "mime/header.h"

/* What stands behind "with" (RFC 3848). */
static str protocol(const struct smtp_trace *t)
{
    static const str names[2][2] = {
        { STR_INIT("ESMTP"), STR_INIT("ESMTPA") },
        { STR_INIT("ESMTPS"), STR_INIT("ESMTPSA") },
    };
    if (!t->is_esmtp)
        return STR("SMTP");
    return names[t->tls_version.n > 0][t->is_auth];
}

static bool add_from(const struct smtp_trace *t, struct buf *out)
{
    if (t->helo.n == 0)
        return buf_add(out, STR("Received: "));
    bool is_v6 = str_find_byte(t->peer_ip, ':') >= 0;
    bool good = buf_add(out, STR("Received: from ")) && buf_add(out, t->helo);
    if (t->peer_ip.n > 0)
        good = good && buf_addf(out, " ([%s%.*s])", is_v6 ? "IPv6:" : "", STR_FMT(t->peer_ip));
    return good && buf_add(out, STR("\r\n\t"));
}

bool smtp_trace_received(const struct smtp_trace *t, struct buf *out)
{
    bool good = add_from(t, out) && buf_addf(out, "by %.*s with %.*s id %.*s", STR_FMT(t->hostname),
                                             STR_FMT(protocol(t)), STR_FMT(t->session));
    if (t->tls_version.n > 0)
        good = good &&
               buf_addf(out, "\r\n\t(%.*s %.*s)", STR_FMT(t->tls_version), STR_FMT(t->tls_cipher));
    if (t->recipient.n > 0)
        good = good && buf_addf(out, "\r\n\tfor <%.*s>", STR_FMT(t->recipient));
    return good && buf_add(out, STR(";\r\n\t")) && mime_date_format(t->at_utc, 0, out) &&
           buf_add(out, STR("\r\n"));
}

bool smtp_trace_delivery(str sender, str recipient, struct buf *out)
{
    return buf_addf(out, "Return-Path: <%.*s>\r\nDelivered-To: %.*s\r\n", STR_FMT(sender),
                    STR_FMT(recipient));
}

size_t smtp_trace_hops(str message)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t hops = 0;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field))
        if (str_ieq(str_trim(field.name), STR("Received")))
            hops++;
    return hops;
}
