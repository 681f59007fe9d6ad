/* SPDX-License-Identifier: Apache-2.0 */
/* The outbound service as it offers itself to a worker process: claims due destinations of the
 * queue, speaks SMTP to their servers, tells senders what failed. It listens nowhere. */
#ifndef DELIVERY_SERVICE_H
#define DELIVERY_SERVICE_H

#include "services/app/app.h"

extern const struct app_service delivery_service;

#endif
