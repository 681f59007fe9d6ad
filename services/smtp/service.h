/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP service as it offers itself to a worker process: three kinds of listeners, one session
 * machine. Not for the outbound client (services/delivery). */
#ifndef SMTP_SERVICE_H
#define SMTP_SERVICE_H

#include "services/app/app.h"

extern const struct app_service smtp_service;

#endif
