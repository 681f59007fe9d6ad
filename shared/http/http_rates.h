/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on how many requests one token, account or address may make: a bucket for each key, over
 * all workers of a machine. Not for failed logins (auth counts those over the cluster). */
#ifndef HTTP_HTTP_RATES_H
#define HTTP_HTTP_RATES_H

#include "http/http_server.h"

struct http_rates;

/* Buckets of `limit` requests that fill again evenly over `window_s` seconds, counted in `tally`
 * (keeps) by all who have it and use the same `policy` (static); NULL: by these alone. A key that
 * the tally has no place for is not limited. Gives. */
struct http_rates *http_rates_new(const char *policy, uint64_t limit, unsigned window_s,
                                  struct net_tally *tally);
void http_rates_free(struct http_rates **rates);

/* Takes `cost` requests from the key's bucket at `now_ms` (monotonic clock) and tells what is left
 * in *out (for http_add_rate). False when there is not enough: answer 429 (then nothing is taken).
 */
bool http_rates_take(struct http_rates *rates, str key, uint64_t cost, int64_t now_ms,
                     struct http_rate *out);

#endif
