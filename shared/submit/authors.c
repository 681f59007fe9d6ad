/* SPDX-License-Identifier: Apache-2.0 */
/* Who a header claims to be written by. Pure. */
#include "mime/address.h"
#include "mime/header.h"
#include "submit/submit.h"

/* Adds the addresses of one field; false when it cannot be read, when others may read it in another
 * way, or when it names too many. Groups are not allowed: they have no author. */
static bool add_authors(const struct mime_field *field, enum submit_author_role role,
                        struct arena *a, struct submit_author *out, size_t *n)
{
    struct mime_address_list list;
    mime_address_list_parse(a, field->body, &list);
    if (list.cut || list.has_junk || list.n == 0)
        return false;
    for (size_t i = 0; i < list.n; i++) {
        const struct mime_address *address = &list.items[i];
        if (address->kind != MIME_ADDRESS_MAILBOX || address->domain.n == 0 ||
            *n == SUBMIT_MAX_AUTHORS)
            return false;
        out[(*n)++] = (struct submit_author){ address->local, address->domain, role };
    }
    return true;
}

/* What else a field says of its addresses; SUBMIT_AUTHOR_FROM for one that says nothing. */
static enum submit_author_role role_of(str name)
{
    static const struct {
        str name;
        enum submit_author_role role;
    } fields[] = {
        { STR_INIT("Sender"), SUBMIT_AUTHOR_SENDER },
        { STR_INIT("Resent-From"), SUBMIT_AUTHOR_RESENT },
        { STR_INIT("Resent-Sender"), SUBMIT_AUTHOR_RESENT },
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (str_ieq(name, fields[i].name))
            return fields[i].role;
    }
    return SUBMIT_AUTHOR_FROM;
}

/* Whether a server would know whose policy applies: DMARC has no word for two (ATTACKS X16). */
static bool are_of_one_domain(const struct submit_author *authors, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (!str_ieq(authors[i].domain, authors[0].domain))
            return false;
    }
    return n > 0;
}

/* From first, so that a second From cannot hide behind anything; no limit on the number of fields
 * applies here, for the same reason. */
static enum submit_verdict read_from(str content, struct arena *a, struct submit_author *out,
                                     size_t *n)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t n_from = 0;
    mime_field_iter_init(&it, content);
    while (mime_field_iter_next(&it, &field)) {
        if (!str_ieq(str_trim(field.name), STR("From")))
            continue;
        if (++n_from > 1 || !add_authors(&field, SUBMIT_AUTHOR_FROM, a, out, n))
            return SUBMIT_FROM_MISSING;
    }
    return n_from == 1 && are_of_one_domain(out, *n) ? SUBMIT_DONE : SUBMIT_FROM_MISSING;
}

enum submit_verdict submit_read_authors(str content, struct arena *a,
                                        struct submit_author out[SUBMIT_MAX_AUTHORS], size_t *n)
{
    struct mime_field_iter it;
    struct mime_field field;
    *n = 0;
    enum submit_verdict verdict = read_from(content, a, out, n);
    mime_field_iter_init(&it, content);
    while (verdict == SUBMIT_DONE && mime_field_iter_next(&it, &field)) {
        enum submit_author_role role = role_of(str_trim(field.name));
        if (role != SUBMIT_AUTHOR_FROM && !add_authors(&field, role, a, out, n))
            verdict = SUBMIT_FROM_MISSING;
    }
    return verdict;
}
