/* SPDX-License-Identifier: Apache-2.0 */
/* The cookie that carries the secret of a browser's session. */
#ifndef API_SESSION_COOKIE_H
#define API_SESSION_COOKIE_H

#include "services/api/call.h"

/* The secret in the request's cookie; false when there is none, or two that differ. */
bool session_cookie_read(const struct http_request *r, str *secret);
/* Sets it; with `remember` it outlives the browser for `max_age_s` seconds. */
void session_cookie_set(struct api_call *call, const char *secret, bool remember,
                        int64_t max_age_s);
/* Sets it for the session of this call, which has a new secret; it ends when it would have. */
void session_cookie_renew(struct api_call *call, const char *secret);
/* Takes it back. */
void session_cookie_clear(struct api_call *call);

#endif
