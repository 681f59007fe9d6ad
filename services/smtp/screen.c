/* SPDX-License-Identifier: Apache-2.0 */
/* What deliver says of who brings mail, as answers. */
#include "services/smtp/screen.h"

#include "obs/obs.h"
#include "services/smtp/checks.h"

enum {
    PROOF_KEPT_MS = 5 * 60 * 1000 /* of the sender of the last transaction */
};

struct smtp_proof {
    struct arena arena;
    str sender;
    struct mailauth_spf spf;
    int64_t until_ms;
};

void smtp_forget_proof(struct smtp_session *s)
{
    if (!s->proof)
        return;
    arena_fini(&s->proof->arena);
    free(s->proof);
    s->proof = NULL;
}

static void keep_proof(struct smtp_session *s, const struct deliver_visit *v)
{
    smtp_forget_proof(s);
    s->proof = HEAP_NEW(struct smtp_proof);
    struct arena *a = &s->proof->arena;
    arena_init(a);
    s->proof->sender = arena_str(a, v->sender);
    s->proof->spf = v->spf;
    s->proof->spf.domain = arena_str(a, v->spf.domain);
    s->proof->spf.explanation = arena_str(a, v->spf.explanation);
    s->proof->spf.mechanism = arena_str(a, v->spf.mechanism);
    s->proof->until_ms = clock_deadline_in(PROOF_KEPT_MS);
}

void smtp_end_visit(struct smtp_session *s)
{
    struct deliver_visit *v = s->visit;
    s->visit = NULL;
    if (!v)
        return;
    /* Words of an error may live in the transaction; and it is worth another question. */
    bool is_answer = v->has_spf && !v->spf.problem;
    bool is_kept = s->proof && str_eq(s->proof->sender, v->sender);
    if (is_answer && !is_kept)
        keep_proof(s, v);
}

static void use_proof(struct smtp_session *s, struct deliver_visit *v)
{
    if (s->proof && s->proof->until_ms <= clock_monotonic_ms())
        smtp_forget_proof(s);
    if (!s->proof || !str_eq(s->proof->sender, v->sender))
        return;
    v->spf = s->proof->spf;
    v->has_spf = true;
}

/* What is known of the sender of this transaction; it ends with it. */
static struct deliver_visit *visit_of(struct smtp_session *s)
{
    if (!s->visit) {
        s->visit = ARENA_NEW(&s->mail, struct deliver_visit);
        s->visit->helo = s->helo;
        s->visit->sender = smtp_path_text(&s->sender.sender, &s->mail);
        s->visit->a = &s->mail;
        use_proof(s, s->visit);
    }
    s->visit->client = smtp_client(s); /* another place after the session was parked */
    return s->visit;
}

static const struct {
    enum smtp_answer answer;
    const char *word; /* of the log */
} outcomes[] = {
    [DELIVER_BLACKLISTED] = { ANSWER_BLACKLISTED, "blacklist" },
    [DELIVER_LISTED] = { ANSWER_DNSBL, "dnsbl" },
    [DELIVER_GREYLISTED] = { ANSWER_GREYLISTED, "greylist" },
    [DELIVER_SPF_DENIED] = { ANSWER_SPF_FAIL, "spf" },
    [DELIVER_SPF_UNKNOWN] = { ANSWER_SPF_LATER, "spf_unknown" },
};

static void log_refusal(const struct smtp_session *s, str recipient,
                        const struct deliver_screened *screened)
{
    char ip[NET_ADDRESS_TEXT];
    obs_log(EV_SMTP_SCREENED, net_conn_id(s->conn),
            OBS_CSTR("by", outcomes[screened->verdict].word),
            OBS_STR("peer", net_address_ip(net_conn_peer(s->conn), ip)),
            OBS_STR("from", s->visit->sender), OBS_STR("to", recipient),
            OBS_STR("said", screened->reason));
}

/* Whether the visitor is welcome; answers when not. */
static YIELDS bool tell(struct smtp_session *s, str recipient,
                        const struct deliver_screened *screened, enum net_next *next)
{
    if (screened->verdict == DELIVER_WELCOME)
        return true;
    log_refusal(s, recipient, screened);
    *next = smtp_say_text(s, outcomes[screened->verdict].answer, screened->reason);
    return false;
}

bool smtp_screen_recipient(struct smtp_session *s, const struct smtp_path *recipient,
                           enum net_next *next)
{
    struct err e = ERR_CLEAR;
    struct deliver_screened screened;
    if (s->front->policy != SMTP_INBOUND)
        return true;
    const struct deliver d = smtp_deliver_now(s);
    if (!deliver_screen(&d, visit_of(s), recipient, clock_deadline_in(SMTP_SCREEN_MS), &screened,
                        &e)) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    return tell(s, smtp_path_text(recipient, &s->command), &screened, next);
}

bool smtp_screen_trust(struct smtp_session *s, const struct smtp_path *recipient,
                       enum deliver_trust *out, enum net_next *next)
{
    struct err e = ERR_CLEAR;
    *out = DELIVER_NO_TRUST;
    if (s->front->policy != SMTP_INBOUND)
        return true;
    const struct deliver d = smtp_deliver_now(s);
    if (deliver_screen_trust(&d, visit_of(s), recipient, clock_deadline_in(SMTP_SCREEN_MS), out,
                             &e))
        return true;
    *next = smtp_say_failure(s, &e);
    return false;
}

bool smtp_screen_believes(struct smtp_session *s, enum net_next *next)
{
    struct err e = ERR_CLEAR;
    bool is_believed = true;
    if (s->front->policy != SMTP_INBOUND)
        return true;
    const struct deliver d = smtp_deliver_now(s);
    if (!deliver_screen_believes(&d, visit_of(s), clock_deadline_in(SMTP_SCREEN_MS), &is_believed,
                                 &e)) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    if (!is_believed)
        *next = smtp_say(s, ANSWER_NO_POSTING);
    return is_believed;
}

bool smtp_screen_message(struct smtp_session *s, enum net_next *next)
{
    struct err e = ERR_CLEAR;
    struct deliver_screened screened;
    struct deliver_screened refusal = { .verdict = DELIVER_WELCOME };
    str refused = STR_EMPTY;
    if (s->front->policy != SMTP_INBOUND || !s->sender.sender.is_null)
        return true;
    const struct deliver d = smtp_deliver_now(s);
    /* All are asked before the answer, so that the wait of all of them begins now. */
    for (size_t i = 0; i < s->recipients.n; i++) {
        str to = VEC_AT(&s->recipients, struct smtp_recipient, i)->address;
        if (!deliver_screen_bounce(&d, visit_of(s), to, clock_deadline_in(SMTP_SCREEN_MS),
                                   &screened, &e)) {
            *next = smtp_say_failure(s, &e);
            return false;
        }
        if (screened.verdict != DELIVER_WELCOME) {
            refusal = screened;
            refused = to;
        }
    }
    return tell(s, refused, &refusal, next);
}

bool smtp_screen_claims(struct smtp_session *s, enum smtp_answer *answer, str *reason,
                        struct err *e)
{
    struct deliver_screened screened;
    str refused;
    const struct deliver d = smtp_deliver_now(s);
    if (!deliver_screen_claims(&d, visit_of(s), clock_deadline_in(SMTP_SCREEN_MS), &screened,
                               &refused, e))
        return false;
    *answer = ANSWER_OK;
    if (screened.verdict == DELIVER_WELCOME)
        return true;
    log_refusal(s, refused, &screened);
    *answer = outcomes[screened.verdict].answer;
    *reason = screened.reason;
    return true;
}
