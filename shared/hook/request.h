/* SPDX-License-Identifier: Apache-2.0 */
/* What a hook is sent. Private to hook. Pure. */
#ifndef HOOK_REQUEST_H
#define HOOK_REQUEST_H

#include "hook/hook.h"

enum {
    HOOK_FIELDS_MAX = 1000,  /* fields of the header that are shown */
    HOOK_SIGNATURE_TEXT = 72 /* octets of a signature */
};

/* The JSON object for a hook, in arena; `content` is the message as it is by now. Octets that are
 * no UTF-8 become U+FFFD; the message itself is in base64. */
str hook_request_format(const struct hook_server *server, const struct hook_about *about,
                        str content, int64_t now_utc, struct arena *a);

/* "sha256=" and the HMAC of the body in hex digits, in arena. */
str hook_request_sign(str secret, str body, struct arena *a);

/* The URL for people and logs: no user and no query, which may be secrets. In arena, or of `url`.
 */
str hook_url_shown(str url, struct arena *a);

#endif
