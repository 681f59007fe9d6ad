/* SPDX-License-Identifier: Apache-2.0 */
/* What a listener of kind "metrics" answers: figures and health, for the networks that may have
 * them, without a token. Not for the public listeners, which want admin:read (dispatch.c). */
#ifndef API_MONITOR_H
#define API_MONITOR_H

#include "http/http_server.h"

/* For http_server_options.handle, `arg` is the struct api. GET and HEAD of /metrics and /health;
 * 403 from elsewhere than metrics.networks, 404 for other paths, 405 for other methods. Yields. */
YIELDS void monitor_serve(struct http_request *r, void *arg);

#endif
