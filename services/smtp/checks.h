/* SPDX-License-Identifier: Apache-2.0 */
/* The inbound path as the configuration has it at this moment. */
#ifndef SMTP_CHECKS_H
#define SMTP_CHECKS_H

#include "services/smtp/session.h"

/* A copy with what the configuration says now: another session may see another configuration while
 * this one waits. */
struct deliver smtp_deliver_now(const struct smtp_session *s);

#endif
