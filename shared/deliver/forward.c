/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding through the queue: new envelope sender, a Delivered-To field, the same text. */
#include "deliver/forward.h"

#include "account/account.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "deliver/seal.h"
#include "mailauth/mailauth.h"
#include "mailauth/tags.h"
#include "mime/header.h"
#include "wire/smtp_command.h"

enum {
    ORGANIZATION_MS = 5 * 1000, /* for the DNS, of all domains of a message */
    LEFT_MAX = 65536            /* ends that are remembered; beyond, one may get a second copy */
};

void deliver_left_init(struct deliver_left *left, const struct smtp_message *whole, struct arena *a)
{
    *left = (struct deliver_left){ .a = a, .whole = whole };
    map_init(&left->ends, LEFT_MAX);
}

void deliver_left_fini(struct deliver_left *left)
{
    map_fini(&left->ends);
}

static bool has_left(const struct deliver_attempt *attempt, str address)
{
    const struct deliver_left *left = attempt->d->left;
    return left && map_find(&left->ends, arena_lower(attempt->a, address));
}

static void remember(struct deliver_left *left, const struct deliver_forward *f)
{
    for (size_t i = 0; i < f->n; i++)
        (void)map_put(&left->ends, arena_lower(left->a, f->to[i].address), left, NULL);
}

/* No address is a number alone: behind its '@' there is a domain. */
static str account_key(struct arena *a, int64_t account_id)
{
    return arena_printf(a, "%lld", (long long)account_id);
}

bool deliver_has_copy(const struct deliver_attempt *attempt, int64_t account_id)
{
    const struct deliver_left *left = attempt->d->left;
    return left && map_find(&left->ends, account_key(attempt->a, account_id));
}

void deliver_remember_copies(const struct deliver_attempt *attempt)
{
    struct deliver_left *left = attempt->d->left;
    for (size_t i = 0; i < attempt->n && left; i++) {
        str key = account_key(left->a, attempt->copies[i].account_id);
        if (deliver_is_stored(&attempt->copies[i]))
            (void)map_put(&left->ends, key, left, NULL);
    }
}

static bool is_forwarded(const struct deliver_attempt *attempt, str address)
{
    for (size_t i = 0; i < attempt->n_forwards; i++) {
        const struct deliver_forward *f = &attempt->forwards[i];
        for (size_t k = 0; k < f->n; k++) {
            if (str_ieq(f->to[k].address, address))
                return true;
        }
    }
    return false;
}

/* `r` is who was named, with what the sender wants to hear of it. */
static struct queue_new_recipient new_recipient(const struct smtp_recipient *r, str address,
                                                str domain)
{
    return (struct queue_new_recipient){
        .address = address,
        .domain = domain,
        .orcpt = r->orcpt,
        .notify = r->has_notify ? r->notify | QUEUE_NOTIFY_GIVEN : QUEUE_NOTIFY_DEFAULT,
    };
}

void deliver_list_forwards(struct deliver_attempt *attempt, const struct smtp_recipient *r)
{
    struct deliver_forward *f = &attempt->forwards[attempt->n_forwards];
    *f = (struct deliver_forward){ .by = r, .attempt = attempt };
    f->to = ARENA_ARRAY(attempt->a, struct queue_new_recipient, r->n_targets + 1);
    for (size_t i = 0; i < r->n_targets; i++) {
        const struct smtp_target *target = &r->targets[i];
        if (target->account_id || is_forwarded(attempt, target->address))
            continue;
        if (has_left(attempt, target->address)) {
            attempt->n_left++;
        } else {
            f->to[f->n++] = new_recipient(r, target->address, target->domain);
        }
    }
    attempt->n_forwards += f->n > 0;
}

void deliver_list_relayed(struct deliver_attempt *attempt)
{
    const struct smtp_message *m = attempt->m;
    struct queue_new_recipient *list = ARENA_ARRAY(attempt->a, struct queue_new_recipient, m->n);
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct smtp_recipient *r = &m->recipients[i];
        struct err ignored = ERR_CLEAR;
        str domain;
        if (!r->is_relayed || is_forwarded(attempt, r->address))
            continue;
        if (has_left(attempt, r->address)) {
            attempt->n_left++;
        } else if (account_domain_normalize(attempt->a, r->domain, &domain, &ignored)) {
            list[n++] = new_recipient(r, r->address, domain);
        }
    }
    for (size_t i = 0; i < n; i += QUEUE_MAX_RECIPIENTS) {
        attempt->forwards[attempt->n_forwards++] =
            (struct deliver_forward){ .attempt = attempt,
                                      .to = list + i,
                                      .n = n - i < QUEUE_MAX_RECIPIENTS ? n - i
                                                                        : QUEUE_MAX_RECIPIENTS };
    }
}

/* A filter may have put another sender in his place. */
static bool is_sender_proven(const struct deliver_attempt *attempt)
{
    return attempt->is_sender_proven &&
           str_ieq(address_domain(attempt->m->sender), address_domain(attempt->came_from));
}

/* The organization that a domain is of (RFC 9989 section 4.10.2). */
struct deliver_organization {
    str domain;
    str organization; /* empty: the DNS does not say now */
    struct deliver_organization *next;
};

/* Asks the DNS. Yields. */
YIELDS static bool ask_organization(struct deliver_attempt *attempt, int64_t deadline_ms,
                                    struct deliver_organization *o, struct err *e)
{
    const struct mailauth_resolver resolver = mailauth_resolver_of(attempt->d->dns);
    struct err why = ERR_CLEAR;
    str name;
    if (attempt->organizations_until_ms == 0)
        attempt->organizations_until_ms = clock_deadline_in(ORGANIZATION_MS);
    if (attempt->organizations_until_ms < deadline_ms)
        deadline_ms = attempt->organizations_until_ms;
    if (dns_domain_to_ascii(attempt->a, o->domain, &name, &why) &&
        mailauth_dmarc_organization(&resolver, name, attempt->a, deadline_ms, &o->organization,
                                    &why))
        return true;
    o->organization = STR_EMPTY;
    if (why.kind != ERR_CANCELLED)
        return true;
    *e = why;
    return false;
}

/* Each domain is asked about once a message, however many ways lead elsewhere. Yields. */
YIELDS static bool find_organization(struct deliver_attempt *attempt, str domain,
                                     int64_t deadline_ms, struct deliver_organization **out,
                                     struct err *e)
{
    struct deliver_organization *o = attempt->organizations;
    while (o && !str_ieq(o->domain, domain))
        o = o->next;
    *out = o;
    if (o)
        return true;
    o = ARENA_NEW(attempt->a, struct deliver_organization);
    o->domain = domain;
    if (!ask_organization(attempt, deadline_ms, o, e))
        return false;
    o->next = attempt->organizations;
    *out = attempt->organizations = o;
    return true;
}

/* Whether SPF of one may prove an author of the other. Where the DNS does not answer, the names say
 * what they can: else whoever can keep it from answering would be proven. */
static bool is_one_organization(const struct deliver_organization *a,
                                const struct deliver_organization *b)
{
    if (a->organization.n > 0 && b->organization.n > 0)
        return str_ieq(a->organization, b->organization);
    return mailauth_domain_is_within(a->domain, b->domain) ||
           mailauth_domain_is_within(b->domain, a->domain);
}

/* The domain that the new sender is of: that which forwards; but where this is the author's own,
 * who is not proven, SPF of it would prove him to the next server (DMARC). Then it is the domain of
 * the server's own mail, if that is of somebody else. Yields. */
YIELDS static bool choose_domain(struct deliver_attempt *attempt, str forwarder,
                                 int64_t deadline_ms, str *out, struct err *e)
{
    struct deliver_organization *author;
    struct deliver_organization *own;
    struct deliver_organization *other;
    str servers;
    *out = forwarder;
    if (attempt->doubted.n == 0)
        return true;
    if (!account_system_domain(attempt->d->accounts, str_from_cstr(attempt->d->hostname),
                               attempt->a, deadline_ms, &servers, e))
        return false;
    if (servers.n == 0 || str_ieq(servers, forwarder))
        return true;
    if (!find_organization(attempt, attempt->doubted, deadline_ms, &author, e) ||
        !find_organization(attempt, forwarder, deadline_ms, &own, e) ||
        !find_organization(attempt, servers, deadline_ms, &other, e))
        return false;
    if (is_one_organization(author, own) && !is_one_organization(author, other))
        *out = servers;
    return true;
}

/* What is forwarded leaves as mail of our own address, under the seal of its domain; what is
 * relayed, as it came. Yields. */
YIELDS static bool address_forward(struct deliver_attempt *attempt, struct deliver_forward *f,
                                   struct deliver_seal *seal, str content, int64_t deadline_ms,
                                   struct err *e)
{
    str domain = f->by ? address_domain(f->by->address) : STR_EMPTY;
    f->sender = attempt->m->sender;
    f->body = content;
    if (!f->by)
        return true;
    if (!deliver_seal(attempt, domain, content, deadline_ms, seal, e))
        return false;
    f->body = arena_printf(attempt->a, "%.*sDelivered-To: %.*s\r\n%.*s", STR_FMT(seal->fields),
                           STR_FMT(f->by->address), STR_FMT(content));
    if (!choose_domain(attempt, domain, deadline_ms, &domain, e))
        return false;
    const struct account_forwarding forwarding = { .sender = attempt->m->sender,
                                                   .domain = domain,
                                                   .is_proven = is_sender_proven(attempt) };
    return account_forward_sender(attempt->d->accounts, &forwarding, attempt->a, deadline_ms,
                                  &f->sender, e);
}

bool deliver_has_end(const struct deliver_attempt *attempt)
{
    return attempt->n + attempt->n_forwards + attempt->n_left > 0;
}

/* A sender who may be forged is not told what becomes of what is held. */
static void tell_nobody(struct deliver_forward *f)
{
    for (size_t i = 0; i < f->n; i++)
        f->to[i].notify = QUEUE_NOTIFY_GIVEN;
}

bool deliver_prepare_forwards(struct deliver_attempt *attempt, str content, int64_t deadline_ms,
                              struct err *e)
{
    struct deliver_seal seal = { 0 };
    for (size_t i = 0; i < attempt->n_forwards; i++) {
        struct deliver_forward *f = &attempt->forwards[i];
        if (attempt->is_unproven)
            tell_nobody(f);
        if (!address_forward(attempt, f, &seal, content, deadline_ms, e))
            return false;
        f->queue_id = queue_make_id(attempt->d->queue);
        if (!queue_pack(attempt->a, f->body, deadline_ms, &f->packed, e))
            return false;
    }
    return true;
}

bool deliver_needs_utf8(const struct smtp_message *m, str sender, str header)
{
    return !utf8_is_ascii(sender) || (m->is_utf8 && !utf8_is_ascii(header));
}

static struct queue_new_message message_of(const struct deliver_forward *f)
{
    const struct smtp_message *m = f->attempt->m;
    str header = str_slice(f->body, 0, mime_header_end(f->body));
    return (struct queue_new_message){
        .envelope_from = f->sender,
        .body = f->body,
        .is_8bit = !utf8_is_ascii(f->body),
        .is_utf8 = deliver_needs_utf8(m, f->sender, header),
        .tls_rule = queue_tls_rule_of(f->body, m->requiretls),
        .envelope_id = m->envid,
        .has_ret = m->has_ret,
        .return_full = m->ret_full,
        .session = queue_session_of(m->trace.session, m->transaction),
        .recipients = f->to,
        .n = f->n,
        .packed = f->packed,
        .held_why = f->attempt->held_why,
    };
}

bool deliver_send_forwards(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    const struct deliver_attempt *attempt = arg;
    *statements = 0;
    for (size_t i = 0; i < attempt->n_forwards; i++) {
        const struct deliver_forward *f = &attempt->forwards[i];
        const struct queue_new_message message = message_of(f);
        if (!queue_enqueue_send(attempt->d->queue, tx, f->queue_id, &message, e))
            return false;
        *statements += QUEUE_ENQUEUE_STATEMENTS;
    }
    return true;
}

bool deliver_queue_forwards(struct deliver_attempt *attempt, int64_t deadline_ms, struct err *e)
{
    size_t n = attempt->n_forwards;
    struct queue_new_message *list = ARENA_ARRAY(attempt->a, struct queue_new_message, n);
    int64_t *ids = ARENA_ARRAY(attempt->a, int64_t, n);
    for (size_t i = 0; i < n; i++) {
        list[i] = message_of(&attempt->forwards[i]);
        ids[i] = attempt->forwards[i].queue_id;
    }
    return queue_enqueue_all(attempt->d->queue, list, ids, n, deadline_ms, e);
}

void deliver_announce_forwards(const struct deliver_attempt *attempt)
{
    for (size_t i = 0; i < attempt->n_forwards; i++) {
        queue_announce_new(attempt->d->queue, attempt->forwards[i].queue_id, attempt->held_why);
        if (attempt->d->left)
            remember(attempt->d->left, &attempt->forwards[i]);
    }
}
