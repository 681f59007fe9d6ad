/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers to try for a destination (RFC 5321 5.1, RFC 7505), or why there are none. */
#ifndef DELIVERY_ROUTE_H
#define DELIVERY_ROUTE_H

#include "account/transport.h"
#include "dns/dns.h"
#include "services/delivery/delivery.h"
#include "transport_policy/transport_policy.h"

struct delivery_host {
    str name;
    struct net_address address; /* with port */
    const struct dane *dane;    /* what its TLSA records demand; NULL: nothing */
    bool is_unnamed;            /* the policy does not name it, but does not insist */
    bool is_proven; /* DNSSEC or the policy says that it is in charge (RFC 8689 4.2.1) */
};

struct delivery_route {
    str domain;
    struct delivery_host hosts[DELIVERY_ADDRESSES_MAX]; /* in the order to try them */
    size_t n;                                           /* 0: `failure` says why */
    /* Hosts that TLSA records or the policy keep us from, but for mail that overlooks them. */
    struct delivery_host *barred; /* NULL: none */
    size_t n_barred;
    const struct mta_sts_policy *policy; /* of the domain, or NULL */
    struct tls_exceptions exceptions;    /* for mail to the domain */
    const char *policy_fault; /* the domain has one that cannot be fetched, as in mta_sts_found */
    struct account_transport relay; /* the server of the operator's choice; port 0: none */
    struct secret password;         /* for its login; wiped with the arena */
    struct delivery_pool *pool;     /* mail leaves from one of these; NULL: from any */
    str ehlo_name;                  /* how we are called there; empty: as configured */
    struct queue_result failure;
    bool is_own_fault; /* it, or the error, is of our configuration: the domain is not to blame */
};

/* Finds the servers of the domain, or the addresses of the relay that its mail is to go to instead,
 * and what of us they see; texts are in the arena. ERR_TIMEOUT, ERR_CANCELLED, ERR_NOT_FOUND (this
 * frontend has no such pool), and errors of account_transport_unseal; `is_own_fault` with the last
 * two. Yields. */
YIELDS bool delivery_find_route(const struct delivery *d, str domain, const struct account_way *way,
                                struct arena *a, int64_t deadline_ms, struct delivery_route *out,
                                struct err *e);

/* Pure: what of an MX list is left for a host that is called so: servers more preferred than it
 * (RFC 5321 5.1: others would send the mail back in a circle). Gives how many; *is_loop when one of
 * the names was there. */
size_t delivery_cut_mx(const struct dns_mx_list *mx, const char *const *own, size_t n_own,
                       bool *is_loop);

/* The failure of a destination that could not be looked up; temporary. Texts are in the arena. */
struct queue_result delivery_no_lookup(struct arena *a, const struct err *e);

#endif
