/* SPDX-License-Identifier: Apache-2.0 */
/* Counting and cutting what a command works on. */
#include "services/imap/limits.h"

#include "config/config.h"

/* Messages that one command may work on; SIZE_MAX: as many as there are. */
static size_t message_limit(const struct imap_session *s)
{
    int64_t n = config_int(s->app->config, CONFIG_LIMITS_IMAP_MESSAGES);
    return n == 0 ? SIZE_MAX : (size_t)n;
}

static size_t save_limit(const struct imap_session *s)
{
    size_t n = message_limit(s);
    return n < SIZE_MAX ? n : (size_t)config_int(s->app->config, CONFIG_LIMITS_IMAP_SAVED_MESSAGES);
}

bool imap_limit_is_passed(const struct imap_session *s, size_t n)
{
    return n > message_limit(s);
}

void imap_limit_selection(struct imap_session *s, struct imap_selection *selection)
{
    size_t limit = message_limit(s);
    if (selection->n <= limit)
        return;
    selection->index += selection->n - limit;
    selection->n = limit;
    s->limited_at = imap_view_row(s->view, selection->index[0])->uid;
}

/* Whether the sets that stand at the top of the tree let the message through; what stands deeper is
 * part of the question. */
static bool is_named(const struct imap_search_key *root, uint32_t uid)
{
    const struct imap_search_key *key = root->op == IMAP_SEARCH_AND ? root->first_child : root;
    for (; key; key = root->op == IMAP_SEARCH_AND ? key->next : NULL) {
        if (key->op == IMAP_SEARCH_UID && !imap_sequence_has(&key->set, uid))
            return false;
    }
    return true;
}

/* The highest ones of the named messages, at most `max`; ascending. Whether there are more. */
static bool gather_named(const struct imap_search *search, size_t max, struct imap_found *out)
{
    const struct imap_view *v = search->view;
    uint32_t *index = ARENA_ARRAY(&search->s->arena, uint32_t, v->n + 1);
    size_t at = v->n;
    out->n = 0;
    for (size_t i = v->n; i-- > 0;) {
        if (!is_named(search->root, imap_view_row(v, i)->uid))
            continue;
        if (out->n == max)
            return true;
        index[--at] = (uint32_t)i;
        out->index = index + at;
        out->n++;
    }
    return false;
}

bool imap_limit_search(struct imap_search *search, struct imap_found *out, struct err *e)
{
    struct imap_found among = { NULL, 0 };
    size_t limit = message_limit(search->s);
    if (search->view->n <= limit || !gather_named(search, limit, &among))
        return imap_search_find(search, out, e);
    search->s->limited_at = imap_view_row(search->view, among.index[0])->uid;
    return imap_search_find_among(search, &among, out, e);
}

bool imap_limit_refuses(struct imap_session *s, size_t n, bool is_save)
{
    size_t limit = is_save ? save_limit(s) : message_limit(s);
    if (n <= limit)
        return false;
    str code = arena_printf(&s->arena, "MESSAGELIMIT %zu", limit);
    (void)imap_reply(s, IMAP_NO, code, "Too many messages for one command: nothing was done");
    return true;
}

bool imap_limit_refuses_search(const struct imap_search *search)
{
    struct imap_found among = { NULL, 0 };
    size_t limit = message_limit(search->s);
    bool is_more = search->view->n > limit && gather_named(search, limit, &among);
    return is_more && imap_limit_refuses(search->s, limit + 1, false);
}

bool imap_limit_refuse_full(struct imap_session *s, int64_t account_id, int64_t octets,
                            size_t messages)
{
    struct err why = ERR_CLEAR;
    struct store_quota quota = { 0 };
    if (messages && !store_get_quota(s->app->store, account_id, imap_deadline(), &quota, &why))
        quota = (struct store_quota){ 0 };
    bool is_over =
        (quota.limit_bytes && quota.used_bytes + octets > quota.limit_bytes) ||
        (quota.limit_messages && quota.used_messages + (int64_t)messages > quota.limit_messages);
    if (is_over)
        return imap_reply(s, IMAP_NO, STR("OVERQUOTA"), "The account is full");
    return imap_reply(s, IMAP_NO, STR("LIMIT"), "Too many keywords, or no UID is left");
}

void imap_limit_tell(struct imap_session *s)
{
    if (s->limited_at == 0)
        return;
    str code =
        arena_printf(&s->arena, "MESSAGELIMIT %zu %u", message_limit(s), (unsigned)s->limited_at);
    if (s->reply.status == IMAP_OK && s->reply.code.n == 0) {
        s->reply.code = code;
    } else {
        (void)imap_sendf(s, "* NO [%.*s] Only the newest messages were seen to\r\n", STR_FMT(code));
    }
    s->limited_at = 0;
}
