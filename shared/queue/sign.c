/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures on what leaves. */
#include "queue/sign.h"

#include "account/account.h"
#include "base/address.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "mailauth/dkim.h"
#include "mime/seven_bit.h"
#include "obs/obs.h"
#include "queue/convert.h"
#include "runtime/runtime.h"

enum {
    SIGNED_MAX = 128 * 1024,      /* octets of the DKIM-Signature fields */
    SIGNED_FOR_S = 14 * 24 * 3600 /* after that a signature is no use for replays (ATTACKS O11) */
};

bool queue_sign_prepare(str *text, bool *is_8bit, struct arena *a, int64_t deadline_ms,
                        struct err *e)
{
    struct err why = ERR_CLEAR;
    struct buf message;
    if (!*is_8bit && !mime_has_long_line(*text))
        return true;
    buf_init(&message, text->n);
    (void)buf_add(&message, *text);
    if (!queue_convert_message(&message, a, deadline_ms, text, &why) &&
        why.kind != ERR_UNSUPPORTED) {
        *e = why;
        return false;
    }
    *is_8bit = !utf8_is_ascii(*text);
    return true;
}

bool queue_sign_add(const struct account_dkim_signer *by, int64_t now_us, struct arena *a,
                    str *text, struct err *e)
{
    struct mailauth_message message;
    struct mailauth_signer signers[2];
    size_t n = 0;
    const struct mailauth_signer rsa = { by->domain, by->rsa_selector, by->rsa };
    const struct mailauth_signer ed = { by->domain, by->ed_selector, by->ed };
    if (by->rsa)
        signers[n++] = rsa;
    if (by->ed)
        signers[n++] = ed;
    const struct mailauth_signing signing = {
        .signers = signers, .n = n, .now_s = now_us / 1000000, .lifetime_s = SIGNED_FOR_S
    };
    struct buf out;
    mailauth_message_init(a, *text, &message);
    message.turn = fiber_yield;
    buf_init(&out, text->n + SIGNED_MAX);
    bool ok = mailauth_dkim_sign(&message, &signing, &out, e);
    if (ok && !buf_add(&out, *text))
        ok = ERR(e, ERR_INTERNAL, "there is no room for signatures");
    if (ok)
        *text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return ok;
}

/* Whether the key or the message is to blame, which is no better later. */
static bool is_for_good(const struct err *why)
{
    return why->kind == ERR_DENIED || why->kind == ERR_LIMIT || why->kind == ERR_INTERNAL ||
           why->kind == ERR_SYNTAX;
}

static void tell_unsigned(str domain, const struct err *why)
{
    obs_log(EV_SUBMIT_UNSIGNED, STR_EMPTY, OBS_STR("domain", domain), OBS_ERR(why));
}

/* Whether everybody can see by a signature that mail is of the domain: not everybody reads Ed25519.
 * Yields. */
static YIELDS bool can_prove(struct account_directory *d, str domain, int64_t deadline_ms,
                             bool *out, struct err *e)
{
    struct account_dkim_signer *by = NULL;
    struct err why = ERR_CLEAR;
    bool ok = account_dkim_signer(d, domain, deadline_ms, &by, &why);
    *out = ok && by && by->rsa;
    account_dkim_release(&by);
    if (ok)
        return true;
    if (!is_for_good(&why)) {
        *e = why;
        return false;
    }
    tell_unsigned(domain, &why);
    return true;
}

bool queue_system_address(struct account_directory *d, const char *hostname, bool signs,
                          struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    str domain = STR_EMPTY;
    bool is_proven = false;
    if (signs && !account_system_domain(d, str_from_cstr(hostname), a, deadline_ms, &domain, e))
        return false;
    if (domain.n > 0 && !can_prove(d, domain, deadline_ms, &is_proven, e))
        return false;
    *out = is_proven ? arena_printf(a, "postmaster@%.*s", STR_FMT(domain))
                     : arena_printf(a, "mailer-daemon@%s", hostname);
    return true;
}

/* What cannot be made of seven bits is signed as it is: unsigned it would prove nothing at all. */
static YIELDS bool sign_by(const struct account_dkim_signer *by, struct queue_system_mail *mail,
                           struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (!mail->is_utf8 && !queue_sign_prepare(&mail->text, &mail->is_8bit, a, deadline_ms, &why) &&
        !is_for_good(&why)) {
        *e = why;
        return false;
    }
    return queue_sign_add(by, clock_utc_us(), a, &mail->text, e);
}

bool queue_system_sign(struct account_directory *d, struct queue_system_mail *mail, struct arena *a,
                       int64_t deadline_ms, struct err *e)
{
    struct account_dkim_signer *by = NULL;
    struct err why = ERR_CLEAR;
    str local;
    str domain;
    if (!address_split(mail->from, &local, &domain))
        return true;
    if (account_dkim_signer(d, domain, deadline_ms, &by, &why) && by)
        (void)sign_by(by, mail, a, deadline_ms, &why);
    account_dkim_release(&by);
    if (is_for_good(&why)) {
        tell_unsigned(domain, &why);
        return true;
    }
    if (why.kind != ERR_NONE)
        *e = why;
    return why.kind == ERR_NONE || err_wrap(e, "sign");
}
