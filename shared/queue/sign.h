/* SPDX-License-Identifier: Apache-2.0 */
/* DKIM signatures of what leaves, and the name in which the system itself writes. */
#ifndef QUEUE_SIGN_H
#define QUEUE_SIGN_H

#include "account/dkim.h"

/* A server on the way that takes only seven bits has 8-bit text re-encoded, which no signature of
 * the former text survives; nor does one that a line too long for the wire is broken under. Makes
 * *text (of *is_8bit) one of seven bits and of lines already (RFC 6376 section 5.3); text that is
 * in signed or encrypted parts stays as it is. Errors: those of queue_convert_message without
 * ERR_UNSUPPORTED. Yields. */
YIELDS bool queue_sign_prepare(str *text, bool *is_8bit, struct arena *a, int64_t deadline_ms,
                               struct err *e);

/* Puts the signatures of all keys of `by` on top of *text. `now_us` is UTC. ERR_LIMIT: the header
 * has more fields than can be signed; *text stays as it is then. Yields. */
YIELDS bool queue_sign_add(const struct account_dkim_signer *by, int64_t now_us, struct arena *a,
                           str *text, struct err *e);

/* The address of reports and questions of our own: postmaster, who can always be written to, at the
 * domain of ours that `hostname` belongs to (account_system_domain), where mail is signed (`signs`)
 * and the domain has an RSA key that opens, which proves them; else mailer-daemon at the host
 * itself: the return path is empty, so SPF proves the host's name and no other (RFC 7208 section
 * 2.4), and DMARC of the domain would refuse what neither proves. A key that does not open is
 * logged. In the arena. Errors: those of db_query. Yields. */
YIELDS bool queue_system_address(struct account_directory *d, const char *hostname, bool signs,
                                 struct arena *a, int64_t deadline_ms, str *out, struct err *e);

struct queue_system_mail {
    str from; /* queue_system_address */
    str text; /* the whole message; signed afterwards, where the domain has a key */
    bool is_8bit;
    bool is_utf8; /* has addresses that are not ASCII: stays as it is below the signatures */
};

/* Signs it by the domain of `from`. A key that is of no use is no reason to tell nobody: that is
 * logged, and the mail goes unsigned. Errors of what may be better later: ERR_UNAVAILABLE,
 * ERR_TIMEOUT, ERR_CANCELLED and the like. Yields. */
YIELDS bool queue_system_sign(struct account_directory *d, struct queue_system_mail *mail,
                              struct arena *a, int64_t deadline_ms, struct err *e);

#endif
