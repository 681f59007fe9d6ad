/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts. */
#include "api_routes.h"
#include "http/http_values.h"
#include "services/api/api.h"
#include "services/api/draft_build.h"

/* Failures of saving and deleting. */
static bool fail_save(struct api_call *call, const struct err *e)
{
    if (e->kind == ERR_CONFLICT)
        return call_problem(call, "changed", "It was changed elsewhere; read it again.");
    return call_fail(call, e);
}

YIELDS static bool find_draft(struct api_call *call, int64_t id, struct compose_draft *out)
{
    struct err e = ERR_CLEAR;
    return compose_draft_get(call->app->db, call->who.account_id, id, call->arena,
                             call->deadline_ms, out, &e) ||
           call_fail(call, &e);
}

static bool is_version(struct api_call *call, str sent, const struct compose_draft *draft)
{
    str own = arena_printf(call->arena, "\"%lld\"", (long long)draft->version);
    return http_etag_matches(sent, own, true);
}

/* Saves the document as the draft of the id, or as a new one (0). */
YIELDS static bool save(struct api_call *call, int64_t id, int64_t version,
                        const struct draft_built *built, struct compose_draft *out)
{
    struct err e = ERR_CLEAR;
    const struct compose_save wanted = {
        .account_id = call->who.account_id,
        .draft_id = id,
        .version = version,
        .document = built->document,
        .uploads = built->uploads,
        .n_uploads = built->n_uploads,
        .message = built->message,
    };
    return compose_draft_save(call->app->store, call->app->db, &wanted, call->arena,
                              call->deadline_ms, out, &e) ||
           fail_save(call, &e);
}

void rest_create_draft(struct api_call *call, const struct create_draft_params *p,
                       const json_t *body)
{
    struct draft_built built;
    struct compose_draft draft = { .draft_id = 0 };
    (void)p;
    if (!draft_build(call, body, clock_utc_ms() / 1000, &built) ||
        !save(call, 0, 0, &built, &draft))
        return;
    call_etag(call, draft.version);
    call_created(call, draft_shape(&draft), "/api/v1/drafts/%lld", (long long)draft.draft_id);
}

void rest_save_draft(struct api_call *call, const struct save_draft_params *p, const json_t *body)
{
    struct draft_built built;
    struct compose_draft draft = { .draft_id = 0 };
    if (!p->has_if_match) {
        (void)call_problem(call, "if-match-missing", "Send the ETag that you have as If-Match.");
        return;
    }
    if (!find_draft(call, p->draft_id, &draft))
        return;
    if (draft.is_sending) {
        (void)call_problem(call, "too-late", "It is being sent.");
        return;
    }
    if (!is_version(call, p->if_match, &draft)) {
        (void)call_problem(call, "changed", "It was changed elsewhere; read it again.");
        return;
    }
    if (!draft_build(call, body, clock_utc_ms() / 1000, &built) ||
        !save(call, draft.draft_id, draft.version, &built, &draft))
        return;
    call_etag(call, draft.version);
    call_json(call, 200, draft_shape(&draft));
}

void rest_get_draft(struct api_call *call, const struct get_draft_params *p, const json_t *body)
{
    struct compose_draft draft = { .draft_id = 0 };
    (void)body;
    if (!find_draft(call, p->draft_id, &draft))
        return;
    call_etag(call, draft.version);
    call_json(call, 200, draft_shape(&draft));
}

void rest_delete_draft(struct api_call *call, const struct delete_draft_params *p,
                       const json_t *body)
{
    struct compose_draft draft = { .draft_id = 0 };
    struct err e = ERR_CLEAR;
    (void)body;
    if (!find_draft(call, p->draft_id, &draft))
        return;
    if (draft.is_sending) {
        (void)call_problem(call, "too-late", "It is being sent.");
        return;
    }
    if (p->has_if_match && !is_version(call, p->if_match, &draft)) {
        (void)call_problem(call, "changed", "It was changed elsewhere; read it again.");
        return;
    }
    if (compose_draft_delete(call->app->store, call->app->db, call->who.account_id, p->draft_id,
                             p->has_if_match ? draft.version : 0, call->arena, call->deadline_ms,
                             &e)) {
        call_empty(call, 204);
    } else {
        (void)fail_save(call, &e);
    }
}

void rest_list_drafts(struct api_call *call, const struct list_drafts_params *p, const json_t *body)
{
    struct call_cursor at = { .numbers = { INT64_MAX, 0 } };
    struct compose_drafts drafts;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    if (!compose_draft_list(call->app->db, call->who.account_id, at.numbers[0], at.numbers[1],
                            (size_t)p->limit, call->arena, call->deadline_ms, &drafts, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    struct call_cursor next = { .text = STR_EMPTY };
    for (size_t i = 0; i < drafts.n; i++) {
        const struct compose_draft *draft = &drafts.list[i];
        api_add(items, draft_shape(draft));
        next = (struct call_cursor){ .numbers = { draft->updated_us, draft->draft_id } };
    }
    call_items_page(call, items, drafts.n == (size_t)p->limit ? &next : NULL);
}
