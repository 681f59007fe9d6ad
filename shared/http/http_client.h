/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests to others, from fibers: web hooks, policies, certificates, images. Built so that
 * nobody can use us to reach what is not public (PROMISES R34): every address that a name leads to
 * is checked after each lookup and each redirect, and the connection goes to the checked address.
 */
#ifndef HTTP_HTTP_CLIENT_H
#define HTTP_HTTP_CLIENT_H

#include "http/http_server.h"

struct dns;
struct http_client;

struct http_client_options {
    struct dns *dns;        /* resolves names; keeps. NULL: the operating system's resolver */
    const char *ca_file;    /* trust anchors, NULL = the system's; keeps */
    const char *user_agent; /* NULL: "Heronry"; keeps */
    unsigned max_parallel;  /* requests under way, 0 = 64; others wait in line */
};

/* Nothing is connected yet. ERR_INTERNAL. Gives; free it when no fiber uses it any more. */
struct http_client *http_client_new(struct runtime *rt, const struct http_client_options *options,
                                    struct err *e);
void http_client_free(struct http_client **c);

struct http_fetch {
    enum http_method method;
    str url; /* absolute, http or https; a user in it is refused */
    const struct http_field *fields;
    size_t n_fields;
    str body;               /* sent with POST, PUT and PATCH */
    size_t max_bytes;       /* of the answer's body, 0 = 1 MiB; past it ERR_LIMIT */
    unsigned max_redirects; /* 0: a redirect is an answer like others; only GET and HEAD follow */
    bool https_only;        /* http: is ERR_DENIED, in redirects too */
    bool any_port;          /* others than 80 and 443 too */
    bool allow_special;     /* also addresses that are not public: our own installation, tests */
    str special_host;       /* the same for this host only, not for those it redirects to */
    bool no_verify;         /* do not verify the certificate: tests only */
};

struct http_fetched {
    unsigned status;
    const struct http_field *fields; /* of the last answer, names in lower case */
    size_t n_fields;
    str body;
    str url;           /* where the answer came from */
    bool is_untrusted; /* also where there is none: its certificate does not verify */
};

/* Asks and waits for the whole answer; any status is success. All in the arena. ERR_SYNTAX (no
 * URL), ERR_DENIED (an address, port or scheme that is not allowed; a certificate that does not
 * verify), ERR_LIMIT (too much, too many redirects), ERR_NOT_FOUND (no such host), ERR_UNAVAILABLE,
 * ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool http_client_fetch(struct http_client *c, const struct http_fetch *fetch,
                              struct arena *a, int64_t deadline_ms, struct http_fetched *out,
                              struct err *e);

/* The first field of that name (lower case), or an empty str. */
str http_fetched_field(const struct http_fetched *f, str name);

#endif
