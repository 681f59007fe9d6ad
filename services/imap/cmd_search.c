/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH, SORT and THREAD of the selected mailbox (RFC 9051 section 6.4.4, RFC 4731, 5182, 5256,
 * 5267, 7162), and CANCELUPDATE. ESEARCH stands in cmd_esearch.c. */
#include "services/imap/commands.h"
#include "services/imap/contexts.h"
#include "services/imap/limits.h"
#include "services/imap/order.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/search_answer.h"
#include "services/imap/searching.h"

bool imap_search_refuse(struct imap_session *s, enum imap_search_refusal why)
{
    if (why == IMAP_SEARCH_BAD_CHARSET)
        return imap_reply(s, IMAP_NO, STR("BADCHARSET (US-ASCII UTF-8)"), "No such charset");
    if (why == IMAP_SEARCH_BAD_OPTION)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such option");
    if (why == IMAP_SEARCH_BAD_ALGORITHM)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such threading algorithm");
    return false;
}

bool imap_search_end(struct imap_session *s, const struct imap_search_args *args, bool ok,
                     const struct err *e)
{
    struct imap_reply reply = ok ? s->reply : imap_reply_for(e, &s->arena);
    if (s->view && (args->returns & IMAP_RETURN_SAVE) && reply.status == IMAP_NO)
        imap_answer_forget_saved(s->view);
    return ok;
}

bool imap_search_admit(struct imap_session *s, const struct imap_search_args *args)
{
    if (!args->has_numbers || !s->is_uidonly)
        return true;
    (void)imap_reply(s, IMAP_BAD, STR("UIDREQUIRED"), "Message numbers were given up (UIDONLY)");
    return false;
}

bool imap_search_admit_charset(struct imap_session *s, const struct imap_search_args *args)
{
    if (!args->has_charset || !s->is_utf8)
        return true;
    (void)imap_reply(s, IMAP_BAD, STR_EMPTY, "All is UTF-8: no CHARSET (RFC 6855 section 3)");
    return false;
}

/* How many of the newest matches answer the question; 0: all of them are needed. */
static size_t enough_for(const struct imap_search_args *args)
{
    const unsigned all = IMAP_RETURN_MIN | IMAP_RETURN_ALL | IMAP_RETURN_COUNT |
                         IMAP_RETURN_UPDATE | IMAP_RETURN_RELEVANCY;
    const struct imap_partial *p = &args->partial;
    bool has_partial = (args->returns & IMAP_RETURN_PARTIAL) != 0;
    bool has_max = (args->returns & IMAP_RETURN_MAX) != 0;
    if (args->n_sort || args->has_modseq || (args->returns & all) || !(has_partial || has_max) ||
        (has_partial && !p->from_end))
        return 0;
    size_t last = p->first > p->last ? p->first : p->last;
    return has_partial ? last : 1;
}

bool imap_search_perform(struct imap_session *s, const struct imap_command *c,
                         struct imap_search_args *args, bool names_mailbox, struct err *e)
{
    struct imap_search search;
    struct imap_found found;
    bool updates = (args->returns & IMAP_RETURN_UPDATE) != 0;
    if (!imap_search_admit(s, args))
        return true;
    if (updates && imap_contexts_has(s->view, c->tag))
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "A context has this tag already");
    str name;
    if (names_mailbox && !imap_view_name(s, &name, e))
        return false;
    imap_search_begin(s, s->view, args->root, &s->arena, &search);
    search.enough = enough_for(args);
    if (args->n_sort && imap_limit_refuses_search(&search))
        return true;
    if (!imap_limit_search(&search, &found, e) ||
        (args->n_sort && !imap_order_sort(&search, args, &found, e)))
        return false;
    struct imap_answer answer = { .s = s,
                                  .search = &search,
                                  .args = args,
                                  .found = &found,
                                  .is_uid = c->is_uid || names_mailbox,
                                  .is_sorted = args->n_sort > 0,
                                  .names_mailbox = names_mailbox,
                                  .tag = c->tag };
    /* ESEARCH is silent about mailboxes where nothing matches (RFC 7377 section 2.1). */
    if (found.n || !names_mailbox)
        imap_answer_send(&answer);
    if (updates)
        imap_contexts_add(s, c, &found);
    return true;
}

YIELDS static bool search(struct imap_session *s, struct imap_command *c,
                          struct imap_search_args *args, struct err *e)
{
    enum imap_search_refusal why;
    if (!imap_search_parse(&c->args, args, &why, e))
        return imap_search_refuse(s, why);
    return !imap_search_admit_charset(s, args) || imap_search_perform(s, c, args, false, e);
}

bool imap_cmd_search(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_search_args args = { .returns = 0 };
    return imap_search_end(s, &args, search(s, c, &args, e), e);
}

YIELDS static bool sort(struct imap_session *s, struct imap_command *c,
                        struct imap_search_args *args, struct err *e)
{
    enum imap_search_refusal why;
    if (!imap_sort_parse(&c->args, args, &why, e))
        return imap_search_refuse(s, why);
    return imap_search_perform(s, c, args, false, e);
}

bool imap_cmd_sort(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_search_args args = { .returns = 0 };
    return imap_search_end(s, &args, sort(s, c, &args, e), e);
}

bool imap_cmd_thread(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_search_args args;
    struct imap_search search;
    struct imap_found found;
    enum imap_search_refusal why;
    if (!imap_thread_parse(&c->args, &args, &why, e))
        return imap_search_refuse(s, why);
    if (!imap_search_admit(s, &args))
        return true;
    imap_search_begin(s, s->view, args.root, &s->arena, &search);
    if (imap_limit_refuses_search(&search))
        return true;
    return imap_search_find(&search, &found, e) &&
           imap_order_thread(&search, args.thread, c->is_uid, &found, e);
}

/* RFC 5267 section 4.3.5. Tags without a context are fine: it may have ended by itself. */
bool imap_cmd_cancelupdate(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str *tags = ARENA_ARRAY(&s->arena, str, IMAP_CANCEL_MAX);
    size_t n = 0;
    if (!imap_cancelupdate_parse(&c->args, tags, &n, e))
        return false;
    for (size_t i = 0; i < n; i++)
        imap_contexts_cancel(s->view, tags[i]);
    return true;
}
