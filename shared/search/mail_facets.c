/* SPDX-License-Identifier: Apache-2.0 */
/* Counts by kind, and what is offered while somebody types. */
#include "search/mail_search.h"

#include "db/db.h"
#include "mime/address.h"

#include <stdlib.h>

enum {
    PEOPLE_MESSAGES = 5000,  /* of the newest mail that people are looked for in */
    SUBJECT_MESSAGES = 2000, /* the same for subjects */
    PEOPLE_MAX = 500         /* different ones that are counted */
};

/* Kind, id or count, address, name, count. */
static const struct db_stmt facets = {
    "WITH m AS MATERIALIZED (SELECT h.msg_id, h.from_addr, h.from_name, h.idate, h.has_attachment"
    "   FROM message h WHERE h.account_id = $1 AND h.msg_id = ANY ($2)),"
    " p AS MATERIALIZED (SELECT p.msg_id, p.mailbox_id, p.flags, p.idate FROM mbox_msg p"
    "   WHERE p.account_id = $1 AND p.msg_id = ANY ($2))"
    " (SELECT 1, 0::int8, coalesce(from_addr, ''), coalesce(max(from_name), ''), count(*)"
    "    FROM m GROUP BY 3 ORDER BY 5 DESC, 3 LIMIT $3)"
    " UNION ALL (SELECT 2, mailbox_id::int8, '', '', count(*) FROM p GROUP BY 2"
    "    ORDER BY 5 DESC, 2 LIMIT $3)"
    " UNION ALL (SELECT 3, extract(year FROM idate AT TIME ZONE 'UTC')::int8, '', '',"
    "    count(DISTINCT msg_id) FROM p GROUP BY 2 ORDER BY 2 DESC LIMIT $3)"
    " UNION ALL SELECT 4, 0, '', '', count(DISTINCT msg_id) FROM p WHERE flags & 1 = 0"
    " UNION ALL SELECT 5, 0, '', '', count(*) FROM m WHERE has_attachment"
};

static const struct db_stmt people = {
    "SELECT coalesce(from_addr, ''), coalesce(from_name, ''),"
    "       CASE WHEN own THEN coalesce(to_text, '') ELSE '' END, count(*) FROM ("
    "  SELECT h.from_addr, h.from_name, h.to_text,"
    "         h.from_addr IN (SELECT addr_lower FROM address WHERE account_id = $1) AS own"
    "    FROM message h WHERE h.account_id = $1 ORDER BY h.msg_id DESC LIMIT $3) r"
    " WHERE CASE WHEN own THEN to_text ILIKE $2 ELSE"
    "       from_addr ILIKE $2 OR from_name ILIKE $2 END"
    " GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT $4"
};

static const struct db_stmt subjects = {
    "SELECT subject FROM (SELECT subject, max(msg_id) AS top FROM ("
    "  SELECT h.subject, h.msg_id FROM message h WHERE h.account_id = $1"
    "   ORDER BY h.msg_id DESC LIMIT $3) r WHERE subject ILIKE $2 GROUP BY 1) s"
    " ORDER BY top DESC LIMIT $4"
};

/* NOLINTNEXTLINE(readability-function-size): an array is two values. */
bool search_mail_facets(struct db *db, int64_t account_id, const int64_t *ids, size_t n,
                        struct arena *a, int64_t deadline_ms, struct search_facets *out,
                        struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8S(ids, n),
                                       DB_INT8(SEARCH_FACET_ROWS) };
    *out = (struct search_facets){ 0 };
    if (n == 0)
        return true;
    if (!db_search(db, account_id, &facets, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "count facets");
    for (size_t i = 0; i < db_row_count(rows); i++) {
        const struct search_facet facet = { .id = db_int(rows, i, 1),
                                            .address = db_str(rows, i, 2),
                                            .name = db_str(rows, i, 3),
                                            .count = db_int(rows, i, 4) };
        switch (db_int(rows, i, 0)) {
        case 1:
            out->from[out->n_from++] = facet;
            break;
        case 2:
            out->mailboxes[out->n_mailboxes++] = facet;
            break;
        case 3:
            out->years[out->n_years++] = facet;
            break;
        case 4:
            out->unread = facet.count;
            break;
        default:
            out->attachments = facet.count;
            break;
        }
    }
    return true;
}

/* "%text%" with what LIKE would read as a pattern escaped. */
static str like_pattern(struct arena *a, str text)
{
    char *out = arena_alloc(a, 2 * text.n + 2);
    size_t n = 0;
    out[n++] = '%';
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%' || text.p[i] == '_' || text.p[i] == '\\')
            out[n++] = '\\';
        out[n++] = text.p[i];
    }
    out[n++] = '%';
    return str_of(out, n);
}

struct crowd {
    struct search_person *list;
    size_t n;
};

static void add_person(struct crowd *c, str name, str address, int64_t messages)
{
    if (address.n == 0)
        return;
    for (size_t i = 0; i < c->n; i++) {
        if (str_ieq(c->list[i].address, address)) {
            c->list[i].messages += messages;
            if (c->list[i].name.n == 0)
                c->list[i].name = name;
            return;
        }
    }
    if (c->n < PEOPLE_MAX)
        c->list[c->n++] = (struct search_person){ name, address, messages };
}

static void add_recipients(struct crowd *c, str to_text, str wanted, int64_t messages,
                           struct arena *a)
{
    struct mime_address_list list;
    mime_address_list_parse(a, to_text, &list);
    for (size_t i = 0; i < list.n; i++) {
        const struct mime_address *one = &list.items[i];
        str address = one->kind == MIME_ADDRESS_MAILBOX ? mime_address_spec(a, one) : STR_EMPTY;
        if (str_ifind(address, wanted) >= 0 || str_ifind(one->name, wanted) >= 0)
            add_person(c, one->name, address, messages);
    }
}

static int by_messages(const void *left, const void *right)
{
    const struct search_person *l = left, *r = right;
    return (l->messages < r->messages) - (l->messages > r->messages);
}

/* NOLINTNEXTLINE(readability-function-size): an answer is an array. */
bool search_people(struct db *db, int64_t account_id, str text, size_t limit, struct arena *a,
                   int64_t deadline_ms, struct search_person **out, size_t *n, struct err *e)
{
    struct db_rows *rows = NULL;
    struct crowd crowd = { .list = ARENA_ARRAY(a, struct search_person, PEOPLE_MAX) };
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(like_pattern(a, text)),
                                       DB_INT8(PEOPLE_MESSAGES), DB_INT8(PEOPLE_MAX) };
    if (!db_search(db, account_id, &people, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "find people");
    for (size_t i = 0; i < db_row_count(rows); i++) {
        str to = db_str(rows, i, 2);
        if (to.n > 0) {
            add_recipients(&crowd, to, text, db_int(rows, i, 3), a);
        } else {
            add_person(&crowd, db_str(rows, i, 1), db_str(rows, i, 0), db_int(rows, i, 3));
        }
    }
    qsort(crowd.list, crowd.n, sizeof(*crowd.list), by_messages);
    *out = crowd.list;
    *n = crowd.n < limit ? crowd.n : limit;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): an answer is an array. */
bool search_subjects(struct db *db, int64_t account_id, str text, size_t limit, struct arena *a,
                     int64_t deadline_ms, str **out, size_t *n, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(like_pattern(a, text)),
                                       DB_INT8(SUBJECT_MESSAGES), DB_INT8((int64_t)limit) };
    if (!db_search(db, account_id, &subjects, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "find subjects");
    *n = db_row_count(rows);
    *out = ARENA_ARRAY(a, str, *n + 1);
    for (size_t i = 0; i < *n; i++)
        (*out)[i] = db_str(rows, i, 0);
    return true;
}
