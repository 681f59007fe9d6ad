/* SPDX-License-Identifier: Apache-2.0 */
/* Special-use attributes (RFC 6154, 8457, 9979) and the roles that the store keeps. */
#ifndef IMAP_SPECIAL_USE_H
#define IMAP_SPECIAL_USE_H

#include "store/store.h"

/* The role of "\Archive" and the like in any case; false for one that is not offered. */
bool imap_special_use_role(str attribute, enum store_role *role);
/* The attribute of a role; empty when it has none. Static. */
str imap_special_use_attribute(enum store_role role);

#endif
