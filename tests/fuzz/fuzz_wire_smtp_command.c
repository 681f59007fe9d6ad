/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines and paths: a path that was read must be the same when it is written and read
 * again, and nothing of a peer may carry a control byte into a path. */
#include "base/utf8.h"
#include "wire/smtp_command.h"
#include "wire/smtp_xclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_path(const struct smtp_path *path, struct arena *a)
{
    struct smtp_path again;
    if (path->is_null || path->is_postmaster)
        return;
    str text = smtp_path_text(path, a);
    for (size_t i = 0; i < text.n; i++)
        INVARIANT((unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7f);
    INVARIANT(utf8_is_valid(path->local) && utf8_is_ascii(path->domain));
    INVARIANT(path->is_utf8 || utf8_is_ascii(path->local));
    INVARIANT(path->local.n > 0 && path->local.n <= SMTP_LOCAL_MAX);
    INVARIANT(path->domain.n > 0 && path->domain.n <= SMTP_DOMAIN_MAX);
    INVARIANT(smtp_mailbox_parse(text, a, &again) == SMTP_GOOD);
    INVARIANT(str_eq(again.local, path->local) && str_eq(again.domain, path->domain));
}

/* What goes into a command line of ours again. */
static void check_word(str s)
{
    for (size_t i = 0; i < s.n; i++)
        INVARIANT(s.p[i] > ' ' && s.p[i] <= '~');
}

static void run_line(str line, struct arena *a)
{
    static const struct smtp_offer offer = {
        .verp = true,
        .auth = true,
        .dsn = true,
        .smtputf8 = true,
        .utf8_mail = true,
        .max_size = 1u << 20,
        .hold_max_us = INT64_C(366) * 86400 * 1000000,
        .now_us = INT64_C(1795000000) * 1000000,
    };
    struct smtp_command command = smtp_command_parse(line);
    struct smtp_mail mail;
    struct smtp_rcpt recipient;
    struct smtp_auth auth;
    struct smtp_bdat bdat;
    struct smtp_xclient xclient;
    if (smtp_mail_parse(command.argument, &offer, a, &mail) == SMTP_GOOD) {
        check_path(&mail.sender, a);
        INVARIANT(!mail.has_size || mail.size <= offer.max_size);
        check_word(mail.envid);
        check_word(mail.hold_request);
        INVARIANT((mail.release_us == 0) == (mail.hold_request.n == 0));
        INVARIANT(mail.release_us == 0 || (mail.release_us > offer.now_us &&
                                           mail.release_us - offer.now_us <= offer.hold_max_us));
    }
    if (smtp_rcpt_parse(command.argument, &offer, a, &recipient) == SMTP_GOOD) {
        check_path(&recipient.path, a);
        check_word(recipient.orcpt);
        INVARIANT(recipient.has_notify || recipient.notify == 0);
    }
    INVARIANT(smtp_bdat_parse(command.argument, &bdat) != SMTP_GOOD || bdat.size <= INT64_MAX);
    if (smtp_xclient_parse(command.argument, a, &xclient) == SMTP_GOOD) {
        check_word(xclient.addr);
        check_word(xclient.dest_addr);
        INVARIANT(xclient.has_addr || xclient.addr.n == 0);
        INVARIANT(xclient.helo.n == 0 || smtp_is_helo_name(xclient.helo));
        INVARIANT(xclient.has_port || xclient.port == 0);
    }
    (void)smtp_auth_parse(command.argument, &auth);
    (void)smtp_is_helo_name(command.argument);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    str rest = str_of((const char *)data, n);
    bool more = true;
    arena_init(&a);
    while (more) {
        str line;
        more = str_cut(rest, '\n', &line, &rest);
        run_line(str_has_suffix(line, STR("\r")) ? str_slice(line, 0, line.n - 1) : line, &a);
    }
    arena_fini(&a);
    return 0;
}
