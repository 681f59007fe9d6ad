/* SPDX-License-Identifier: Apache-2.0 */
/* Variable envelope return paths: each recipient has a sender of its own, so that a report tells by
 * the address that it comes to whom it is about, whatever else it says. Pure.
 *
 *   news+leo=far.example@example.org    of news@example.org, to leo@far.example
 *
 * What stands behind the '+' is a tag: the address is the sender's without further ado. */
#ifndef WIRE_SMTP_VERP_H
#define WIRE_SMTP_VERP_H

#include "base/base.h"

/* The sender of a message to this recipient alone, in the arena. It is `sender` itself where there
 * can be no such address: for the null sender, for what is no address, and where its local part
 * would be longer than a local part may be, to which no report would come back. */
str smtp_verp_sender(str sender, str recipient, struct arena *a);

#endif
