/* SPDX-License-Identifier: Apache-2.0 */
/* The text of an SPF record (RFC 7208 sections 4.6 and 12) and its macros (section 7). Pure;
 * private to mailauth. */
#ifndef MAILAUTH_SPF_RECORD_H
#define MAILAUTH_SPF_RECORD_H

#include "mailauth/spf.h"

enum {
    SPF_MAX_TERMS = 512,  /* of one record */
    SPF_MAX_DOMAIN = 253, /* octets of an expanded domain */
    SPF_MAX_EXPANSION = 4096
};

enum spf_mechanism {
    SPF_ALL,
    SPF_INCLUDE,
    SPF_A,
    SPF_MX,
    SPF_PTR,
    SPF_IP4,
    SPF_IP6,
    SPF_EXISTS
};

struct spf_term {
    enum spf_mechanism mechanism;
    enum mailauth_result result; /* when it matches, by its qualifier */
    str text;                    /* as written */
    str domain;                  /* domain-spec; empty: the present domain */
    unsigned bits4;              /* prefix lengths */
    unsigned bits6;
    struct net_network network; /* of ip4 and ip6, v4-mapped */
};

struct spf_record {
    struct spf_term *terms;
    size_t n;
    str redirect; /* empty: none */
    str explain;  /* empty: none */
};

/* Whether a TXT record is one of SPF: "v=spf1" and a space or the end. */
bool spf_record_is(str text);
/* Reads it. ERR_SYNTAX names the term. In arena. */
bool spf_record_parse(struct arena *a, str text, struct spf_record *out, struct err *e);

/* What macros stand for. */
struct spf_macros {
    str sender; /* local@domain */
    str domain; /* the present one */
    str helo;
    str receiver;
    const struct net_address *client;
    int64_t now_s;
    str validated; /* %{p}: the client's validated name, "unknown" without one */
};

/* Whether the text is a macro-string; with `explains`, spaces and the
 * letters c, r and t may stand in it. */
bool spf_macro_is_valid(str text, bool explains);
/* Whether a valid macro-string ends with a macro, "%%", "%_" or "%-". */
bool spf_macro_is_last(str text);
/* Whether a macro of one of these (small) letters stands in it. For %{p}, `validated` has to be
 * found first. */
bool spf_macro_uses(str text, str letters);
/* Expands a valid macro-string; as a domain when not `explains`: cut from the left to
 * SPF_MAX_DOMAIN octets at a dot; without one it stays too long. False past SPF_MAX_EXPANSION. In
 * arena. */
bool spf_macro_expand(struct arena *a, str text, const struct spf_macros *macros, bool explains,
                      str *out);

#endif
