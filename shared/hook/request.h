/* SPDX-License-Identifier: Apache-2.0 */
/* What a hook is sent. Private to hook. */
#ifndef HOOK_REQUEST_H
#define HOOK_REQUEST_H

#include "hook/hook.h"
#include "runtime/runtime.h"

enum {
    HOOK_FIELDS_MAX = 1000,        /* fields of the header that are shown ... */
    HOOK_HEADER_MAX = 1024 * 1024, /* ... and their octets */
    HOOK_SIGNATURE_TEXT = 72       /* octets of a signature */
};

/* A request on its way; its text comes from hook_request_build. */
struct hook_request {
    struct work work; /* builds it in the offload pool; work_finish frees it */
    str body;
    str signature; /* "sha256=" and the HMAC of the body in hex digits; empty: nothing signs it */
    size_t weight; /* octets of the message in it */

    struct arena a; /* all of it; the rest is private */
    struct json_t *json;
    str secret;
    str header;
    str contents;
    size_t size;
    bool has_message;
};

/* How many octets of the message the hook is shown. Pure. */
size_t hook_request_weigh(const struct hook_server *server, str content);

/* The request for a hook, which borrows nothing: of the message as it is by now, what it is shown
 * is copied. End it by work_finish(&r->work). Gives. */
struct hook_request *hook_request_new(const struct hook_server *server,
                                      const struct hook_about *about, int64_t now_utc);

/* Fills body and signature: JSON, in which octets that are no UTF-8 become U+FFFD, and the message
 * is in base64. Takes a while when it weighs much; any thread. */
void hook_request_build(struct hook_request *r);

/* The URL for people and logs: no user and no query, which may be secrets. In arena, or of `url`.
 */
str hook_url_shown(str url, struct arena *a);

#endif
