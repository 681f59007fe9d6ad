/* SPDX-License-Identifier: Apache-2.0 */
/* XCLIENT: a host that is trusted speaks for another client, whose address then counts for all that
 * follows: limits of logins, lists, greylisting, proofs, and the trace. */
#include "obs/obs.h"
#include "services/smtp/commands.h"
#include "services/smtp/screen.h"
#include "wire/smtp_xclient.h"

bool smtp_offers_xclient(const struct smtp_session *s)
{
    return s->may_xclient && s->account_id == 0;
}

static const struct net_address *keep_opener(struct smtp_session *s)
{
    if (!s->opener) {
        struct net_address *opener = ARENA_NEW(&s->arena, struct net_address);
        *opener = *net_conn_peer(s->conn);
        s->opener = opener;
    }
    return s->opener;
}

/* For a client that is not known the limits count who brings its mail: the former client's address
 * is nobody's then. The proxy's own is not the client's, though: nobody is trusted for it
 * (smtp_client). */
static bool take_peer(struct smtp_session *s, const struct smtp_xclient *x)
{
    struct err e = ERR_CLEAR;
    struct net_address dest;
    const struct net_address *opener = keep_opener(s);
    bool is_unknown = x->has_addr ? x->addr.n == 0 : s->is_client_unknown;
    struct net_address peer = is_unknown ? *opener : *net_conn_peer(s->conn);
    uint16_t port = peer.sa.ss_family == AF_UNIX ? 0 : net_address_port(&peer);
    if ((x->addr.n > 0 && !net_address_parse_ip(x->addr, &peer, &e)) ||
        (x->dest_addr.n > 0 && !net_address_parse_ip(x->dest_addr, &dest, &e)))
        return false;
    if (peer.sa.ss_family != AF_UNIX)
        net_address_set_port(&peer, x->has_port ? x->port : port);
    net_conn_set_peer(s->conn, &peer);
    s->is_client_unknown = is_unknown;
    return true;
}

/* The session begins anew, as after its banner, but for what was told. */
static void begin_anew(struct smtp_session *s, const struct smtp_xclient *x)
{
    smtp_reset_transaction(s);
    smtp_forget_proof(s);
    s->helo = arena_str(&s->arena, x->helo);
    s->is_esmtp = x->has_proto && x->is_esmtp;
    s->errors = 0;
}

enum net_next smtp_cmd_xclient(struct smtp_session *s, str argument)
{
    struct smtp_xclient x;
    char former[NET_ADDRESS_TEXT];
    char ip[NET_ADDRESS_TEXT];
    if (!s->may_xclient)
        return smtp_say(s, ANSWER_XCLIENT_DENIED);
    if (s->account_id != 0)
        return smtp_say(s, ANSWER_NOT_NOW);
    if (smtp_xclient_parse(argument, &s->command, &x) != SMTP_GOOD)
        return smtp_say(s, ANSWER_BAD_PARAMETER); /* 501 for all of them, as Postfix */
    str before = net_address_ip(net_conn_peer(s->conn), former);
    if (!take_peer(s, &x))
        return smtp_say(s, ANSWER_BAD_PARAMETER);
    begin_anew(s, &x);
    obs_log(EV_SMTP_XCLIENT, net_conn_id(s->conn), OBS_STR("former", before),
            OBS_STR("peer", net_address_ip(net_conn_peer(s->conn), ip)),
            OBS_STR("dest", x.dest_addr), OBS_INT("dest_port", x.dest_port));
    return smtp_greet(s);
}
