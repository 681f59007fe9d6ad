/* SPDX-License-Identifier: Apache-2.0 */
/* Names beyond ASCII in the one form that is compared and kept: domains as A-labels (RFC 5890, by
 * libidn2), local parts of addresses in NFC (RFC 6532 3.1, by libunistring). Pure. Not for whether
 * a name is a host's, or whether anybody has the address. */
#ifndef BASE_IDN_H
#define BASE_IDN_H

#include "base/base.h"

enum {
    IDN_DOMAIN_INPUT_MAX = 1024 /* octets of a domain in UTF-8 that are looked at */
};

/* A domain of U-labels, A-labels and others in any case, as lower-case A-labels: names that mean
 * the same are the same afterwards (UTS 46, not transitional). In arena. ERR_SYNTAX: it is no name
 * that could be looked up. */
bool idn_domain_to_ascii(struct arena *a, str domain, str *out, struct err *e);

/* A local part beyond ASCII in NFC, so that the same characters are the same octets. In arena.
 * False: no UTF-8, or with control characters or separators of lines (which ASCII has, too, and
 * which are not looked for there). */
bool idn_local_compose(struct arena *a, str local, str *out);

/* The same with all letters small, as names in the directory are compared. */
bool idn_local_fold(struct arena *a, str local, str *out);

#endif
