/* SPDX-License-Identifier: Apache-2.0 */
/* Who a header claims to be written by. Pure. */
#include "mime/address.h"
#include "mime/header.h"
#include "submit/submit.h"

/* Adds the addresses of one field; false when it cannot be read or names too many. Groups are not
 * allowed: they have no author. */
static bool add_authors(const struct mime_field *field, struct arena *a, struct submit_author *out,
                        size_t *n)
{
    bool is_sender = str_ieq(str_trim(field->name), STR("Sender"));
    struct mime_address_list list;
    mime_address_list_parse(a, field->body, &list);
    if (list.cut || list.n == 0)
        return false;
    for (size_t i = 0; i < list.n; i++) {
        const struct mime_address *address = &list.items[i];
        if (address->kind != MIME_ADDRESS_MAILBOX || address->domain.n == 0 ||
            *n == SUBMIT_MAX_AUTHORS)
            return false;
        out[(*n)++] = (struct submit_author){ address->local, address->domain, is_sender };
    }
    return true;
}

static bool claims_authorship(str name)
{
    static const str names[] = { STR_INIT("Sender"), STR_INIT("Resent-From"),
                                 STR_INIT("Resent-Sender") };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_ieq(name, names[i]))
            return true;
    }
    return false;
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
        if (++n_from > 1 || !add_authors(&field, a, out, n))
            return SUBMIT_FROM_MISSING;
    }
    return n_from == 1 && *n == 1 ? SUBMIT_DONE : SUBMIT_FROM_MISSING;
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
        if (claims_authorship(str_trim(field.name)) && !add_authors(&field, a, out, n))
            verdict = SUBMIT_FROM_MISSING;
    }
    return verdict;
}
