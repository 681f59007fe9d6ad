/* SPDX-License-Identifier: Apache-2.0 */
/* What deliver says of who brings mail, as answers. */
#include "services/smtp/screen.h"

#include "deliver/screen.h"
#include "obs/obs.h"
#include "services/smtp/checks.h"

/* What is known of the sender of this transaction; it ends with it. */
static struct deliver_visit *visit_of(struct smtp_session *s)
{
    if (!s->visit) {
        s->visit = ARENA_NEW(&s->mail, struct deliver_visit);
        s->visit->helo = s->helo;
        s->visit->sender = smtp_path_text(&s->sender.sender, &s->mail);
        s->visit->a = &s->mail;
    }
    s->visit->client = net_conn_peer(s->conn); /* another place after the session was parked */
    return s->visit;
}

static void tell(struct smtp_session *s, const struct smtp_path *recipient,
                 const struct deliver_screened *screened)
{
    static const char *const words[] = { [DELIVER_BLACKLISTED] = "blacklist" };
    char ip[NET_ADDRESS_TEXT];
    obs_log(EV_SMTP_SCREENED, net_conn_id(s->conn), OBS_CSTR("by", words[screened->verdict]),
            OBS_STR("peer", net_address_ip(net_conn_peer(s->conn), ip)),
            OBS_STR("from", smtp_path_text(&s->sender.sender, &s->command)),
            OBS_STR("to", smtp_path_text(recipient, &s->command)));
}

bool smtp_screen_recipient(struct smtp_session *s, const struct smtp_path *recipient,
                           enum net_next *next)
{
    static const enum smtp_answer answers[] = { [DELIVER_BLACKLISTED] = ANSWER_BLACKLISTED };
    struct err e = ERR_CLEAR;
    struct deliver_screened screened;
    struct deliver d = smtp_deliver_now(s);
    if (s->front->policy != SMTP_INBOUND)
        return true;
    if (!deliver_screen(&d, visit_of(s), recipient, clock_deadline_in(SMTP_SCREEN_MS), &screened,
                        &e)) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    if (screened.verdict == DELIVER_WELCOME)
        return true;
    tell(s, recipient, &screened);
    *next = smtp_say_text(s, answers[screened.verdict], screened.reason);
    return false;
}
