/* SPDX-License-Identifier: Apache-2.0 */
/* A Redis URL as its parts. Pure. */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include "base/base.h"

struct redis_url {
    bool is_tls;
    char path[108]; /* of a unix socket; empty for TCP */
    char host[256];
    uint16_t port;
    unsigned database;
    char user[128]; /* empty: none */
    char pass[512]; /* empty: none */
};

/* ERR_SYNTAX; the message never quotes the URL, which holds a password. */
bool redis_url_parse(str url, struct redis_url *out, struct err *e);

#endif
