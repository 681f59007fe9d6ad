/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of an address that is written as local@domain, without quotes. Slices; nothing is
 * checked. Not for what came by a protocol and must be of its grammar (wire/smtp_path.h), nor for
 * header fields (mime/address.h). */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/str.h"

/* Splits at the last '@': a local part that came in quotes may have one, too. False: there is none
 * ("postmaster" alone, RFC 5321 4.5.1; the null sender); all of it is the local part then, and the
 * domain is empty. */
bool address_split(str address, str *local, str *domain);

/* One half, likewise. */
str address_local(str address);
str address_domain(str address);

/* The domain of what may also be a domain by itself: all of the text where it has no '@'. */
str address_domain_or_all(str text);

#endif
