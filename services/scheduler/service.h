/* SPDX-License-Identifier: Apache-2.0 */
/* The service of periodic work: a table of jobs, each run by one process of the cluster at a time,
 * and the indexer of searches. */
#ifndef SCHEDULER_SERVICE_H
#define SCHEDULER_SERVICE_H

#include "services/app/app.h"

extern const struct app_service scheduler_service;

#endif
