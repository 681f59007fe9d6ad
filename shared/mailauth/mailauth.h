/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of mailauth: who sent a message. SPF, DKIM, DMARC and ARC as functions over a message
 * and a resolver, and the field that records what they found. It judges; what is done with the
 * judgement is deliver's. */
#ifndef MAILAUTH_MAILAUTH_H
#define MAILAUTH_MAILAUTH_H

#include "mailauth/arc.h"
#include "mailauth/authres.h"
#include "mailauth/dkim.h"
#include "mailauth/dmarc.h"
#include "mailauth/spf.h"

#endif
