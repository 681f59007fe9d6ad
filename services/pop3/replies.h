/* SPDX-License-Identifier: Apache-2.0 */
/* Kind of error to "-ERR [CODE] text" (RFC 2449 section 8, RFC 3206). */
#ifndef POP3_REPLIES_H
#define POP3_REPLIES_H

#include "base/base.h"

struct pop3_refusal {
    const char *code; /* static, without brackets; empty: none */
    const char *text; /* static, for people */
};

/* The answer to a failure of ours or of the store. */
struct pop3_refusal pop3_refusal_for(enum err_kind kind);
/* The answer to a login that failed. */
struct pop3_refusal pop3_login_refusal_for(enum err_kind kind);

#endif
