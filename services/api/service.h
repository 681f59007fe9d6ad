/* SPDX-License-Identifier: Apache-2.0 */
/* The service of role "api": HTTP and HTTPS, the API and the apps for browsers. */
#ifndef API_SERVICE_H
#define API_SERVICE_H

#include "services/app/app.h"

extern const struct app_service api_service;

#endif
