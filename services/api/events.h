/* SPDX-License-Identifier: Apache-2.0 */
/* GET /events: what happens in an account, told as it happens (openapi/events.yaml). A stream waits
 * without a fiber; notify wakes the feed of its account, which reads what changed once for all. */
#ifndef API_EVENTS_H
#define API_EVENTS_H

#include "services/api/api.h"

void events_init(struct api *api);
/* From now on sessions that end are looked for. */
void events_start(struct api *api);
/* Ends all streams. */
void events_fini(struct api *api);
/* The account (-1: any) was changed: streams whose session or token is gone, or allows no more what
 * they tell, end. */
void events_account_changed(struct api *api, int64_t account_id);

#endif
