/* SPDX-License-Identifier: Apache-2.0 */
/* From method and path to an operation of the contract: the tables that tools/generate makes out of
 * openapi/, and the look-up in them. Pure. It calls no handler and knows no mail. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "http/http_server.h"
#include "services/api/params.h"
#include "services/api/validate.h"

struct api_call;

/* Methods that operations have; HEAD is answered by GET, without the body. */
enum api_method {
    API_GET,
    API_POST,
    API_PUT,
    API_PATCH,
    API_DELETE,
    API_METHOD_COUNT
};

/* What a principal needs for an operation: one scope of a token. A session has all scopes of its
 * person. */
enum api_scope {
    API_SCOPE_PUBLIC = 0, /* nobody has to be signed in */
    API_SCOPE_ACCOUNT_READ = 1,
    API_SCOPE_ACCOUNT_WRITE = 2,
    API_SCOPE_MAIL_READ = 4,
    API_SCOPE_MAIL_WRITE = 8,
    API_SCOPE_MAIL_SEND = 16,
    API_SCOPE_ADMIN_READ = 32,
    API_SCOPE_ADMIN_WRITE = 64
};

/* Classes of requests that are counted together for RateLimit. */
enum api_rate {
    API_RATE_NONE, /* not limited */
    API_RATE_PUBLIC,
    API_RATE_SIGNIN,
    API_RATE_READ,
    API_RATE_WRITE,
    API_RATE_SEARCH,
    API_RATE_UPLOAD,
    API_RATE_STREAM,
    API_RATE_COUNT
};

enum api_body {
    API_BODY_NONE,
    API_BODY_JSON, /* application/json, judged by route->schema */
    API_BODY_RAW   /* any octets, not looked at */
};

/* One operation. */
struct api_route {
    const char *operation_id; /* "listThreads" */
    const char *path;         /* "/api/v1/mailboxes/{mailboxId}/threads" */
    enum api_method method;
    enum api_scope scope;
    enum api_rate rate;
    enum api_body body;
    bool is_stream;    /* the answer is sent in pieces: there is no answer in process */
    size_t body_limit; /* octets; 0 without a body */
    const struct api_params *params;
    const struct api_schema *schema; /* of a JSON body, else NULL */
    /* `params` is the struct that api_params_read filled, of the operation's own type. */
    void (*handle)(struct api_call *call, const void *params, const json_t *body);
};

/* One segment of paths. Node 0 is the root; its segment is not looked at. */
struct api_node {
    const char *literal;              /* NULL: a parameter; those come last among siblings */
    int16_t child;                    /* index of the first one, 0: none */
    int16_t sibling;                  /* index of the next one, 0: none */
    int16_t routes[API_METHOD_COUNT]; /* index + 1 of the operation that ends here, 0: none */
};

struct api_route_table {
    const struct api_route *routes;
    size_t n_routes;
    const struct api_node *nodes;
    size_t n_nodes;
};

enum {
    API_PATH_VALUES_MAX = 4 /* parameters in one path */
};

enum api_found {
    API_FOUND,
    API_NO_PATH,  /* 404 */
    API_NO_METHOD /* 405: `allowed` says what there is */
};

struct api_match {
    const struct api_route *route;   /* API_FOUND only */
    str values[API_PATH_VALUES_MAX]; /* of the path's parameters, as sent; borrowed */
    size_t n;                        /* of them */
    unsigned allowed;                /* bit set 1 << enum api_method of that path */
};

/* Finds the operation of a path as sent (percent-encoded, without the query). A literal segment
 * goes before a parameter; an empty segment matches nothing. */
enum api_found api_route_find(const struct api_route_table *table, enum http_method method,
                              str path, struct api_match *out);

/* Appends the methods of the set for an Allow field: "GET, HEAD, POST". */
void api_methods_format(unsigned allowed, struct buf *out);
/* "GET"; static. */
const char *api_method_name(enum api_method method);

/* Kinds of problems that the contract knows (x-problems). */
struct api_problem {
    const char *slug; /* "not-found" */
    unsigned status;
    const char *title;
};

/* A sentence that the server says, with the places of its values (openapi/reasons.yaml). */
struct api_reason {
    const char *code;     /* "too-long" */
    const char *sentence; /* "has to have at most {most} characters" */
};

#endif
