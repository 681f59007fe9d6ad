/* SPDX-License-Identifier: Apache-2.0 */
/* Users' headers: what leaves is clean when what came was, holds no blind copy, and has exactly the
 * authors that were checked. */
#include "mime/header.h"
#include "submit/submit.h"
#include "wire/smtp_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t count_field(str message, str name)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t count = 0;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field))
        count += str_ieq(str_trim(field.name), name);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str content = str_of((const char *)data, n);
    const struct submit_completion completion = {
        .received = STR("Received: by mx.example;\r\n\tTue, 1 Jul 2003 08:52:37 +0000\r\n"),
        .hostname = STR("mx.example"),
    };
    struct submit_author *authors = heap_alloc(sizeof(*authors) * SUBMIT_MAX_AUTHORS);
    struct arena a;
    struct buf out;
    struct err e = ERR_CLEAR;
    size_t n_authors;
    size_t at;
    arena_init(&a);
    buf_init(&out, n + 16 * 1024);
    enum submit_verdict verdict = submit_read_authors(content, &a, authors, &n_authors);
    INVARIANT(n_authors <= SUBMIT_MAX_AUTHORS);
    if (smtp_data_check(content, &at) == SMTP_DATA_CLEAN) {
        INVARIANT(submit_complete(content, &completion, &out, &e));
        str sent = buf_str(&out);
        INVARIANT(smtp_data_check(sent, &at) == SMTP_DATA_CLEAN);
        INVARIANT(count_field(sent, STR("Bcc")) == 0 && count_field(sent, STR("Date")) > 0);
        if (verdict == SUBMIT_DONE)
            INVARIANT(count_field(sent, STR("From")) == 1);
    }
    buf_fini(&out);
    arena_fini(&a);
    free(authors);
    return 0;
}
