/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: drafts on their way, and taking them back. */
#include "account/sending.h"
#include "api_routes.h"
#include "base/address.h"
#include "config/config.h"
#include "http/http_values.h"
#include "services/api/api.h"
#include "services/api/draft_build.h"
#include "services/api/shape_account.h"
#include "services/api/shape_submission.h"
#include "services/api/told.h"
#include "store/mail.h"

/* ---- the shape ---- */

static json_t *shape_recipient(const struct compose_submission *s, const struct queue_rows *rows,
                               str address)
{
    static const char *const statuses[] = {
        [COMPOSE_PENDING] = "held", [COMPOSE_SENT] = "done", [COMPOSE_CANCELED] = "canceled"
    };
    const char *status = statuses[s->status];
    str reply = s->failure;
    json_t *o = json_object();
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->list[i].queue_id != s->queue_id || !str_ieq(rows->list[i].recipient, address))
            continue;
        status = rows->list[i].attempts > 0 ? "deferred" : "queued";
        reply = rows->list[i].reply;
    }
    api_set(o, "address", api_text(address));
    api_set(o, "status", json_string(status));
    api_set(o, "reply", api_text(reply));
    api_set_told(o, reply);
    return o;
}

json_t *shape_submission(const struct compose_submission *s, const struct queue_rows *rows,
                         int64_t thread_id)
{
    static const char *const words[] = {
        [COMPOSE_PENDING] = "pending", [COMPOSE_SENT] = "final", [COMPOSE_CANCELED] = "canceled"
    };
    bool is_sent = s->status == COMPOSE_SENT;
    json_t *o = json_object();
    json_t *recipients = json_array();
    for (size_t i = 0; i < s->n_recipients; i++)
        api_add(recipients, shape_recipient(s, rows, s->recipients[i]));
    api_set(o, "id", api_id(s->submission_id));
    api_set(o, "draftId", is_sent ? json_null() : api_id(s->draft_id));
    api_set(o, "messageId", is_sent ? api_id(s->msg_id) : json_null());
    api_set(o, "threadId", is_sent ? api_id_or_null(thread_id) : json_null());
    api_set(o, "undoStatus", json_string(words[s->status]));
    api_set(o, "undoUntil", api_time(s->due_us));
    api_set(o, "from", api_text(s->from));
    api_set(o, "recipients", recipients);
    api_set(o, "subject", api_text(s->subject));
    api_set(o, "createdAt", api_time(s->created_us));
    return o;
}

static int64_t thread_of(const struct store_mails *mails, int64_t msg_id)
{
    for (size_t i = 0; i < mails->n; i++) {
        if (mails->list[i].msg_id == msg_id)
            return mails->list[i].thread_id;
    }
    return 0;
}

/* Looks up what became of them: their conversations, and what the queue still has. */
YIELDS static json_t *shape_all(struct api_call *call, const struct compose_submission *list,
                                size_t n)
{
    struct queue_rows rows = { 0 };
    struct store_mails mails = { 0 };
    struct err ignored = ERR_CLEAR;
    int64_t *msg_ids = ARENA_ARRAY(call->arena, int64_t, n + 1);
    int64_t *queue_ids = ARENA_ARRAY(call->arena, int64_t, n + 1);
    size_t n_queued = 0;
    struct store_wanted wanted = { .account_id = call->who.account_id, .ids = msg_ids };
    json_t *items = json_array();
    for (size_t i = 0; i < n; i++) {
        if (list[i].status != COMPOSE_SENT)
            continue;
        msg_ids[wanted.n++] = list[i].msg_id;
        if (list[i].queue_id)
            queue_ids[n_queued++] = list[i].queue_id;
    }
    if (wanted.n > 0) {
        (void)store_mail_get(call->app->store, &wanted, call->arena, call->deadline_ms, &mails,
                             &ignored);
    }
    if (n_queued > 0) {
        (void)queue_get_some(call->app->queue, queue_ids, n_queued, call->arena, call->deadline_ms,
                             &rows, &ignored);
    }
    for (size_t i = 0; i < n; i++)
        api_add(items, shape_submission(&list[i], &rows, thread_of(&mails, list[i].msg_id)));
    return items;
}

YIELDS static json_t *shape_whole(struct api_call *call, const struct compose_submission *s)
{
    json_t *list = shape_all(call, s, 1);
    json_t *only = json_incref(json_array_get(list, 0));
    json_decref(list);
    return only;
}

/* ---- sending ---- */

/* Addresses of ours must be there, before the message goes and comes back. */
YIELDS static bool check_recipients(struct api_call *call, const struct draft_built *built)
{
    for (size_t i = 0; i < built->n_recipients; i++) {
        struct account_route route;
        struct err e = ERR_CLEAR;
        str local;
        str domain;
        str address = built->recipients[i];
        if (!account_address_normalize(call->arena, address, &local, &domain, &e))
            return call_field_problem(call, "invalid-fields", "/to", "have one that is no address");
        if (!account_route(call->app->accounts, local, domain, call->arena, call->deadline_ms,
                           &route, &e))
            return call_fail(call, &e);
        const struct account_poster poster = { call->who.account_id, built->from,
                                               address_domain(built->from) };
        if (!account_may_post(&route, &poster)) {
            str detail = arena_printf(call->arena, "have a group that you may not send to: %.*s",
                                      STR_FMT(address));
            return call_field_problem(call, "invalid-fields", "/to",
                                      arena_cstr(call->arena, detail));
        }
        if (route.kind == ACCOUNT_ROUTE_UNKNOWN || route.is_way_back) {
            str detail =
                arena_printf(call->arena, "have one that does not exist: %.*s", STR_FMT(address));
            return call_field_problem(call, "invalid-fields", "/to",
                                      arena_cstr(call->arena, detail));
        }
    }
    return true;
}

YIELDS static bool check_number(struct api_call *call, const struct draft_built *built)
{
    struct err e = ERR_CLEAR;
    int64_t most = 0;
    if (!account_sending_per_message(call->app->accounts, call->who.account_id, call->arena,
                                     call->deadline_ms, &most, &e))
        return call_fail(call, &e);
    if (most == 0 || built->n_recipients <= (size_t)most)
        return true;
    str detail = arena_printf(
        call->arena, "are more than the %lld that a message of yours may have", (long long)most);
    return call_field_problem(call, "invalid-fields", "/to", arena_cstr(call->arena, detail));
}

YIELDS static bool check_sender(struct api_call *call, const struct draft_built *built)
{
    struct err e = ERR_CLEAR;
    str local;
    str domain;
    bool may = false;
    if (account_address_normalize(call->arena, built->from, &local, &domain, &e) &&
        !account_may_send_as(call->app->accounts, call->who.account_id, local, domain, call->arena,
                             call->deadline_ms, &may, &e))
        return call_fail(call, &e);
    return may || call_field_problem(call, "invalid-fields", "/identityId",
                                     "has an address that is not yours any more");
}

YIELDS static bool check_ready(struct api_call *call, const struct draft_built *built)
{
    if (built->n_recipients == 0)
        return call_field_problem(call, "invalid-fields", "/to", "are missing");
    if (!built->is_complete) {
        return call_field_problem(call, "invalid-fields", "/attachments",
                                  "have one that is not uploaded completely");
    }
    return check_sender(call, built) && check_number(call, built) && check_recipients(call, built);
}

/* How long until `sendAt`, ms: what waits for its time can be taken back until then. */
static bool read_send_at(struct api_call *call, const json_t *body, int64_t *out)
{
    int64_t most_ms = config_int(call->app->config, CONFIG_SUBMISSION_HOLD_MAX);
    *out = (api_get_time(body, "sendAt", 0) - clock_utc_us()) / 1000;
    if (*out <= 0)
        return call_field_problem(call, "invalid-fields", "/sendAt", "has to lie ahead");
    return *out <= most_ms || call_field_problem(call, "invalid-fields", "/sendAt",
                                                 "lies further ahead than mail is kept for");
}

/* How long it can be taken back, ms. */
YIELDS static bool find_undo(struct api_call *call, const json_t *body, int64_t *out)
{
    str kept;
    struct err e = ERR_CLEAR;
    const json_t *given = json_object_get(body, "undoSeconds");
    if (api_has(body, "sendAt"))
        return read_send_at(call, body, out);
    if (given) {
        *out = json_integer_value(given) * 1000;
        return true;
    }
    if (!account_settings_get(call->app->accounts, call->who.account_id, call->arena,
                              call->deadline_ms, &kept, &e))
        return call_fail(call, &e);
    json_t *settings = shape_settings(kept);
    *out = json_integer_value(json_object_get(settings, "undoSendSeconds")) * 1000;
    json_decref(settings);
    return true;
}

YIELDS static bool load_draft(struct api_call *call, const json_t *body, struct compose_draft *out)
{
    struct err e = ERR_CLEAR;
    str sent = api_get_text(body, "draftEtag");
    if (!compose_draft_get(call->app->db, call->who.account_id, api_get_id(body, "draftId"),
                           call->arena, call->deadline_ms, out, &e)) {
        if (e.kind == ERR_NOT_FOUND)
            return call_field_problem(call, "invalid-fields", "/draftId", "is no draft");
        return call_fail(call, &e);
    }
    if (out->is_sending)
        return call_problem(call, "too-late", "It is being sent already.");
    str own = arena_printf(call->arena, "\"%lld\"", (long long)out->version);
    return sent.n == 0 || http_etag_matches(sent, own, true) ||
           call_problem(call, "state-changed", "The draft was changed.");
}

/* Makes the message anew, with the date of now, and locks the draft. */
YIELDS static bool begin(struct api_call *call, const struct compose_draft *draft,
                         const struct draft_built *built, int64_t undo_ms,
                         struct compose_submission *out)
{
    struct compose_draft saved;
    struct err e = ERR_CLEAR;
    const struct compose_save save = {
        .account_id = call->who.account_id,
        .draft_id = draft->draft_id,
        .version = draft->version,
        .document = built->document,
        .uploads = built->uploads,
        .n_uploads = built->n_uploads,
        .message = built->message,
    };
    struct compose_submit submit = {
        .account_id = call->who.account_id,
        .draft_id = draft->draft_id,
        .undo_ms = undo_ms,
        .from = built->from,
        .recipients = built->recipients,
        .n_recipients = built->n_recipients,
        .subject = built->subject,
        .answers = built->answers,
        .is_forward = built->is_forward,
    };
    bool ok = compose_draft_save(call->app->store, call->app->db, &save, call->arena,
                                 call->deadline_ms, &saved, &e);
    submit.version = ok ? saved.version : 0;
    ok = ok &&
         compose_submission_begin(call->app->db, &submit, call->arena, call->deadline_ms, out, &e);
    if (!ok && e.kind == ERR_CONFLICT)
        return call_problem(call, "state-changed", "The draft was changed.");
    return ok || call_fail(call, &e);
}

void rest_create_submission(struct api_call *call, const struct create_submission_params *p,
                            const json_t *body)
{
    struct compose_draft draft = { .draft_id = 0 };
    struct compose_submission submission = { .submission_id = 0 };
    struct draft_built built = { .is_complete = false };
    int64_t undo_ms = 0;
    (void)p;
    if (!load_draft(call, body, &draft) || !find_undo(call, body, &undo_ms))
        return;
    json_t *document = json_loadb(draft.document.p, draft.document.n, 0, NULL);
    int64_t date_utc = api_get_time(body, "sendAt", clock_utc_us()) / 1000000;
    bool ok = draft_build(call, document, date_utc, &built) && check_ready(call, &built) &&
              begin(call, &draft, &built, undo_ms, &submission);
    if (ok) {
        call_created(call, shape_whole(call, &submission), "/api/v1/submissions/%lld",
                     (long long)submission.submission_id);
    }
    json_decref(document);
}

void rest_get_submission(struct api_call *call, const struct get_submission_params *p,
                         const json_t *body)
{
    struct compose_submission submission;
    struct err e = ERR_CLEAR;
    (void)body;
    if (compose_submission_get(call->app->db, call->who.account_id, p->submission_id, call->arena,
                               call->deadline_ms, &submission, &e)) {
        call_json(call, 200, shape_whole(call, &submission));
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_cancel_submission(struct api_call *call, const struct cancel_submission_params *p,
                            const json_t *body)
{
    struct compose_submission submission;
    struct err e = ERR_CLEAR;
    (void)body;
    if (compose_submission_cancel(call->app->db, call->who.account_id, p->submission_id,
                                  call->arena, call->deadline_ms, &submission, &e)) {
        call_json(call, 200, shape_whole(call, &submission));
    } else if (e.kind == ERR_CONFLICT) {
        (void)call_problem(call, "too-late", "It went already.");
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_list_submissions(struct api_call *call, const struct list_submissions_params *p,
                           const json_t *body)
{
    struct call_cursor at = { .numbers = { INT64_MAX } };
    struct compose_submissions all;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    const struct compose_submissions_wanted wanted = { .account_id = call->who.account_id,
                                                       .before_id = at.numbers[0],
                                                       .draft_id =
                                                           p->has_draft_id ? p->draft_id : 0,
                                                       .limit = (size_t)p->limit };
    if (!compose_submission_list(call->app->db, &wanted, call->arena, call->deadline_ms, &all,
                                 &e)) {
        (void)call_fail(call, &e);
        return;
    }
    const struct call_cursor next = { .numbers = { all.n ? all.list[all.n - 1].submission_id
                                                         : 0 } };
    call_items_page(call, shape_all(call, all.list, all.n),
                    all.n == (size_t)p->limit ? &next : NULL);
}
