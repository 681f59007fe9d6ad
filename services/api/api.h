/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of one process share, and the way of a request through it: route, who asks,
 * limits, parameters, body, handler. */
#ifndef API_API_H
#define API_API_H

#include "http/http_rates.h"
#include "notify/notify.h"
#include "services/api/call.h"
#include "services/api/event_streams.h"
#include "services/api/part_places.h"

/* Limits of requests, over all workers of the machine. */
struct api_rates {
    struct http_rates *token;
    struct http_rates *session;
    struct http_rates *address;  /* of clients that are not signed in */
    struct http_rates *secrets;  /* wrong tokens and cookies of an address */
    struct http_rates *policies; /* MTA-STS, that an address asks for */
    struct http_rates *reports;  /* that an address posts */
};

/* The last looks at the health and the queue: whoever may ask may do so as often as he likes. */
struct api_health_seen {
    int64_t until_ms;       /* it counts so long; monotonic clock */
    unsigned status;        /* enum health_status */
    int64_t queue_until_ms; /* likewise, of the length of the queue in the metrics */
};

enum {
    API_MOUNTS_MAX = 2,
    API_WHOLE_MESSAGES = 1 /* in memory at a time for downloads of their parts */
};

struct api {
    struct app *app;
    struct arena arena; /* lives as long as this */
    struct auth_grants *grants;
    struct api_rates rates;      /* NULL in tools: no limits */
    struct http_server *server;  /* NULL: calls in process only */
    struct http_server *monitor; /* of listeners of kind "metrics"; NULL: there is none */
    struct http_mount mounts[API_MOUNTS_MAX];
    size_t n_mounts;
    struct event_streams events;
    struct api_health_seen health_seen;
    struct semaphore whole_messages; /* requests that hold a message as a whole */
    struct part_places *part_places;
    struct notify_listener account_changed;
    bool is_trying;      /* how far a message would come */
    int64_t began_us;    /* when the process started to serve; UTC */
    unsigned https_port; /* where plain HTTP sends browsers to */
};

/* Keeps app. Gives. */
struct api *api_new(struct app *app);
/* No call may run any more. */
void api_free(struct api **api);

/* Answers a request that came over HTTP; for http_server_options.handle, `arg` is the struct api.
 * Yields. */
YIELDS void api_serve(struct http_request *r, void *arg);

/* A request of the command line in the same process. */
struct api_request {
    str method; /* "GET" */
    str path;   /* with its query: "/api/v1/admin/domains?limit=10" */
    str body;   /* JSON, or empty */
};

struct api_response {
    unsigned status;
    json_t *json; /* owned by the caller; NULL without a body */
};

/* Carries out an operation with the rights of the operator on this machine. Operations that stream,
 * and those of a person's own mail, are not found. Yields. */
YIELDS void api_dispatch(struct api *api, const struct api_request *request, struct arena *a,
                         struct api_response *out);

#endif
