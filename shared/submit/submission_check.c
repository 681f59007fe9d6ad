/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a user may send what he submits. */
#include "account/account.h"
#include "mime/header.h"
#include "submit/submission.h"
#include "wire/smtp_data.h"

enum submit_verdict submission_check_form(const struct smtp_message *m)
{
    size_t at;
    if (smtp_data_check(m->content, &at) != SMTP_DATA_CLEAN)
        return SUBMIT_BARE_LINE_END;
    if (mime_header_begins_torn(m->content))
        return SUBMIT_HEADER_TORN; /* our Received field would swallow it */
    if (mime_header_end(m->content) > SUBMIT_MAX_HEADER)
        return SUBMIT_HEADER_TOO_LARGE;
    return smtp_trace_hops(m->content) > m->max_hops ? SUBMIT_LOOP : SUBMIT_DONE;
}

/* Yields. */
static YIELDS bool find_right(const struct submission *w, const struct submit_author *author,
                              enum account_send_right *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (account_send_right(w->s->accounts, w->m->account_id, author->local, author->domain, w->a,
                           w->deadline_ms, out, &why) ||
        why.kind == ERR_SYNTAX)
        return true;
    *e = why;
    return false;
}

/* Whether the header needs a Sender that it has not: several authors have one (RFC 5322 section
 * 3.6.2), and so has who may write on behalf of one only. */
static bool lacks_sender(const struct submit_author *authors, size_t n, bool is_on_behalf)
{
    bool has_sender = false;
    size_t n_from = 0;
    for (size_t i = 0; i < n; i++) {
        has_sender |= authors[i].role == SUBMIT_AUTHOR_SENDER;
        n_from += authors[i].role == SUBMIT_AUTHOR_FROM;
    }
    return !has_sender && (n_from > 1 || is_on_behalf);
}

bool submission_check_rights(struct submission *w, enum submit_verdict *out, struct err *e)
{
    struct submit_author *authors = ARENA_ARRAY(w->a, struct submit_author, SUBMIT_MAX_AUTHORS);
    bool is_on_behalf = false;
    size_t n;
    *out = submit_read_authors(w->m->content, w->a, authors, &n);
    for (size_t i = 0; i < n && *out == SUBMIT_DONE; i++) {
        enum account_send_right right = ACCOUNT_SEND_NOT;
        if (!find_right(w, &authors[i], &right, e))
            return false;
        if (right == ACCOUNT_SEND_NOT ||
            (right != ACCOUNT_SEND_AS && authors[i].role != SUBMIT_AUTHOR_FROM))
            *out = SUBMIT_FROM_NOT_OWN;
        is_on_behalf |= right != ACCOUNT_SEND_AS;
    }
    /* Who wrote says who he is, or we say it. */
    if (*out == SUBMIT_DONE && lacks_sender(authors, n, is_on_behalf) &&
        !account_get(w->s->accounts, w->m->account_id, w->a, w->deadline_ms, &w->writer, e))
        return false;
    if (w->m->was_held && w->writer.login.n > 0) /* it is whole, and would not tell who wrote */
        *out = SUBMIT_FROM_NOT_OWN;
    return true;
}
