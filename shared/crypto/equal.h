/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing of secrets in a time that does not depend on where they differ. */
#ifndef CRYPTO_EQUAL_H
#define CRYPTO_EQUAL_H

#include "base/base.h"

/* Byte-wise equality. Only the lengths may show in the time. */
bool crypto_equal(str a, str b);

#endif
