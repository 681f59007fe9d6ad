/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says about TLS on its way (RFC 8689). */
#include "mime/header.h"
#include "queue/queue.h"

enum queue_tls_rule queue_tls_rule_of(str message, bool requiretls)
{
    struct mime_field_iter it;
    struct mime_field field;
    unsigned n = 0;
    bool says_no = false;
    if (requiretls)
        return QUEUE_TLS_REQUIRED;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field)) {
        if (!str_ieq(field.name, STR("TLS-Required")))
            continue;
        n++;
        says_no = str_ieq(str_trim(field.body), STR("No"));
    }
    /* One that stands there twice says nothing: it must not be there (section 4.1). */
    return n == 1 && says_no ? QUEUE_TLS_NOT_REQUIRED : QUEUE_TLS_AS_EVER;
}
