/* SPDX-License-Identifier: Apache-2.0 */
/* Private to auth: passwords that an attacker tries first. Pure. */
#ifndef AUTH_COMMON_H
#define AUTH_COMMON_H

#include "base/base.h"

/* Whether a prepared password (auth_password_prepare) is one of the most common ones, in any case
 * of its ASCII letters, or a short or common piece again and again. */
bool auth_password_is_common(str password);

#endif
