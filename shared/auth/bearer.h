/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of OAUTHBEARER (RFC 7628) and XOAUTH2, by which a client logs in with a token
 * instead of a password. Pure: whether the token is one is not known here. */
#ifndef AUTH_BEARER_H
#define AUTH_BEARER_H

#include "base/base.h"

enum {
    BEARER_TOKEN_MAX = 4096 /* octets */
};

struct bearer_message {
    str user;  /* for whom, empty when not said (OAUTHBEARER only); in arena */
    str token; /* borrowed */
};

/* Reads "n,a=user,^Ahost=...^Aport=...^Aauth=Bearer token^A^A". Channel binding is not part of it:
 * 'p' is refused. ERR_SYNTAX. */
bool bearer_parse(str message, struct arena *a, struct bearer_message *out, struct err *e);
/* Reads "user=user^Aauth=Bearer token^A^A". ERR_SYNTAX. */
bool bearer_parse_xoauth2(str message, struct arena *a, struct bearer_message *out, struct err *e);

#endif
