/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers over TCP, and what follows from them. */
#include "dns/update.h"

#include "base/clock.h"
#include "crypto/random.h"
#include "dns/update_packet.h"
#include "net/net.h"

enum {
    LENGTH = 2,         /* octets before a message (RFC 1035 section 4.2.2) */
    QUESTION_MAX = 512, /* octets */
    LOOKS_MAX = 3       /* at what others change at the same time */
};

/* One change and what is asked about it. */
struct change {
    struct runtime *rt;
    const struct dns_update_zone *zone;
    const struct dns_update_record *record;
    int64_t deadline_ms; /* of the whole */
    int64_t until_ms;    /* of the server's answers, sooner */
    bool is_sent;        /* the last question was handed to the server, whatever came of it */
};

/* The server has so much time from now on. */
static void give_time(struct change *change)
{
    change->until_ms = clock_deadline_in(DNS_UPDATE_ANSWER_MS);
    if (change->until_ms > change->deadline_ms)
        change->until_ms = change->deadline_ms;
}

YIELDS static bool exchange(struct change *change, struct net_conn *c, str question,
                            struct buf *answer, struct err *e)
{
    uint8_t head[LENGTH] = { (uint8_t)(question.n >> 8), (uint8_t)question.n };
    if (question.n > UINT16_MAX)
        return ERR(e, ERR_LIMIT, "the update is too long");
    if (!net_write(c, str_of((const char *)head, LENGTH), e) || !net_write(c, question, e) ||
        !net_flush(c, e))
        return false;
    change->is_sent = true;
    if (!net_read_exactly(c, head, LENGTH, change->until_ms, e))
        return false;
    size_t n = (size_t)head[0] << 8 | head[1];
    if (!net_read_exactly(c, buf_reserve(answer, n), n, change->until_ms, e))
        return false;
    buf_commit(answer, n);
    return true;
}

/* Over a connection of its own. Yields. */
YIELDS static bool ask_server(struct change *change, str question, struct buf *answer,
                              struct err *e)
{
    struct net_conn *c = NULL;
    change->is_sent = false;
    bool ok = net_connect(change->rt, &change->zone->server, NULL, change->until_ms, &c, e) &&
              exchange(change, c, question, answer, e);
    net_close(&c);
    return ok;
}

/* Takes the packet; NULL: there was none to make. *is_lost: it was sent, and no answer came: it may
 * have been done. Yields. */
YIELDS static bool send_packet(struct change *change, struct dns_update_packet *packet, bool *holds,
                               bool *is_lost, struct err *e)
{
    struct buf answer;
    *is_lost = false;
    if (!packet)
        return false;
    buf_init(&answer, UINT16_MAX);
    bool ok = ask_server(change, dns_update_packet_wire(packet), &answer, e);
    *is_lost = !ok && change->is_sent && e->kind != ERR_CANCELLED;
    ok = ok && dns_update_packet_answer(packet, buf_str(&answer), holds, e);
    buf_fini(&answer);
    dns_update_packet_free(&packet);
    return ok;
}

YIELDS static bool is_there(struct change *change, bool *out, struct err *e)
{
    bool is_lost;
    return send_packet(
        change, dns_update_packet_new(change->zone, change->record, false, DNS_UPDATE_IF_SAME, e),
        out, &is_lost, e);
}

/* ---- where no other record of the type is, and beside whatever is there ---- */

/* It was not there a moment ago: what is there now was put there by this. Yields. */
YIELDS static bool add_if(struct change *change, enum dns_update_condition condition,
                          enum dns_update_outcome *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct err ignored = ERR_CLEAR;
    bool holds = false;
    bool is_lost;
    if (!is_there(change, &holds, e))
        return false;
    *out = DNS_UPDATE_WAS_THERE;
    if (holds)
        return true;
    if (send_packet(change,
                    dns_update_packet_new(change->zone, change->record, false, condition, &why),
                    &holds, &is_lost, &why)) {
        *out = holds ? DNS_UPDATE_DONE : DNS_UPDATE_IS_TAKEN;
        return true;
    }
    *out = DNS_UPDATE_DONE;
    give_time(change);
    if (is_lost && is_there(change, &holds, &ignored) && holds)
        return true;
    *e = why;
    return false;
}

YIELDS static bool add_first(struct change *change, enum dns_update_outcome *out, struct err *e)
{
    return add_if(change, DNS_UPDATE_IF_NONE, out, e);
}

/* What is there already is not added again (RFC 2136 section 3.4.2.2). */
YIELDS static bool add_beside(struct change *change, enum dns_update_outcome *out, struct err *e)
{
    return add_if(change, DNS_UPDATE_ALWAYS, out, e);
}

/* ---- beside texts of other kinds ---- */

YIELDS static bool look(struct change *change, struct dns_update_texts **out, struct err *e)
{
    struct buf question;
    struct buf answer;
    uint16_t id = (uint16_t)crypto_random_below(UINT16_MAX + 1);
    buf_init(&question, QUESTION_MAX);
    buf_init(&answer, UINT16_MAX);
    bool ok = dns_update_texts_ask(change->record->name, id, &question, e) &&
              ask_server(change, buf_str(&question), &answer, e);
    *out = ok ? dns_update_texts_read(change->record->name, id, buf_str(&answer), e) : NULL;
    buf_fini(&question);
    buf_fini(&answer);
    return *out != NULL;
}

YIELDS static bool was_added(struct change *change)
{
    struct err ignored = ERR_CLEAR;
    struct dns_update_texts *texts = NULL;
    give_time(change);
    bool ok = look(change, &texts, &ignored) &&
              dns_update_texts_find(texts, change->record->value) == DNS_UPDATE_KIND_SAME;
    dns_update_texts_free(&texts);
    return ok;
}

/* *holds is false when the texts are others by now. Yields. */
YIELDS static bool try_among(struct change *change, bool *holds, enum dns_update_outcome *out,
                             struct err *e)
{
    static const enum dns_update_outcome outcomes[] = {
        [DNS_UPDATE_KIND_NONE] = DNS_UPDATE_DONE,
        [DNS_UPDATE_KIND_SAME] = DNS_UPDATE_WAS_THERE,
        [DNS_UPDATE_KIND_OTHER] = DNS_UPDATE_IS_TAKEN,
    };
    struct dns_update_texts *texts = NULL;
    struct err why = ERR_CLEAR;
    bool is_lost = false;
    if (!look(change, &texts, e))
        return false;
    *out = outcomes[dns_update_texts_find(texts, change->record->value)];
    *holds = true;
    bool ok =
        *out != DNS_UPDATE_DONE ||
        send_packet(change, dns_update_packet_among(change->zone, change->record, texts, &why),
                    holds, &is_lost, &why);
    dns_update_texts_free(&texts);
    if (ok || (is_lost && was_added(change)))
        return true;
    *e = why;
    return false;
}

/* Of two who add a text of the kind at the same moment one finds that of the other. Yields. */
YIELDS static bool add_kind(struct change *change, enum dns_update_outcome *out, struct err *e)
{
    bool holds = false;
    for (int i = 0; i < LOOKS_MAX && !holds; i++) {
        if (!try_among(change, &holds, out, e))
            return false;
    }
    return holds || ERR(e, ERR_UNAVAILABLE, "what is there changes all the time");
}

/* ---- removal ---- */

/* What was removed may be removed again, so that nothing needs to be known of a lost answer. */
YIELDS static bool take_out(struct change *change, enum dns_update_outcome *out, struct err *e)
{
    bool holds = true;
    bool is_lost;
    *out = DNS_UPDATE_DONE;
    return send_packet(
        change, dns_update_packet_new(change->zone, change->record, true, DNS_UPDATE_ALWAYS, e),
        &holds, &is_lost, e);
}

bool dns_update(struct runtime *rt, const struct dns_update_zone *zone, enum dns_update_act act,
                const struct dns_update_record *record, int64_t deadline_ms,
                enum dns_update_outcome *out, struct err *e)
{
    static bool (*const acts[])(struct change *, enum dns_update_outcome *, struct err *) = {
        [DNS_UPDATE_ADD_KIND] = add_kind,
        [DNS_UPDATE_ADD_BESIDE] = add_beside,
        [DNS_UPDATE_ADD_FIRST] = add_first,
        [DNS_UPDATE_REMOVE] = take_out,
    };
    char text[NET_ADDRESS_TEXT];
    struct change change = { .rt = rt, .zone = zone, .record = record, .deadline_ms = deadline_ms };
    give_time(&change);
    return acts[act](&change, out, e) ||
           err_wrap(e, "the server %.*s of the zone %.*s",
                    STR_FMT(net_address_text(&zone->server, text)), STR_FMT(zone->name));
}
