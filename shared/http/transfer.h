/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP client share: where a request goes, and one request to one address.
 * Private to http. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include "http/http_client.h"

#include <curl/curl.h>

struct http_client {
    struct runtime *rt;
    struct http_client_options options;
    CURLM *multi;
    struct timer timer;
    struct semaphore gate;
};

/* Where a request goes; texts are libcurl's. */
struct target {
    CURLU *url;
    char *whole;
    char *scheme;
    char *host; /* an IPv6 address in brackets */
    uint16_t port;
};

/* A request to one place, on the way of redirects. */
struct hop {
    const struct http_fetch *fetch;
    const struct target *to;
    bool is_elsewhere; /* another host than the first */
    int64_t deadline_ms;
};

/* Asks the one address and waits for the whole answer; everything is in the arena. Errors as
 * http_client_fetch. Yields. */
YIELDS bool transfer_perform(struct http_client *c, const struct hop *hop,
                             const struct net_address *at, struct arena *a,
                             struct http_fetched *out, struct err *e);
/* libcurl is done with it: wakes its fiber. */
void transfer_done(CURL *easy, CURLcode result);

#endif
