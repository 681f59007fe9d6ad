/* SPDX-License-Identifier: Apache-2.0 */
/* Texts from headers. */
#include "search/header_texts.h"

#include "mime/mime.h"
#include "search/pop3_gains.h"

enum {
    SECONDS_A_DAY = 86400,
    SECONDS_A_MINUTE = 60
};

static const str names[SEARCH_HEADERS] = {
    [SEARCH_HEADER_SUBJECT] = STR_INIT("Subject"), [SEARCH_HEADER_FROM] = STR_INIT("From"),
    [SEARCH_HEADER_TO] = STR_INIT("To"),           [SEARCH_HEADER_CC] = STR_INIT("Cc"),
    [SEARCH_HEADER_BCC] = STR_INIT("Bcc"),
};

bool search_header_find(str name, enum search_header *out)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_ieq(names[i], name)) {
            *out = (enum search_header)i;
            return true;
        }
    }
    return false;
}

static bool day_of_field(str body, int64_t *day)
{
    struct mime_date date;
    if (!mime_date_parse(body, &date))
        return false;
    int64_t local_s = date.at_utc + (int64_t)date.zone_offset * SECONDS_A_MINUTE;
    *day = local_s / SECONDS_A_DAY - (local_s % SECONDS_A_DAY < 0);
    return true;
}

bool search_header_sent_day(str header, int64_t *day)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, header);
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(field.name, STR("Date")))
            return day_of_field(field.body, day);
    }
    return false;
}

/* The values of one field, gathered. */
struct values {
    struct buf text;
    bool has;
};

/* One more value. Normal text has no line ends, so no needle reaches over two values. False when
 * there is no room. */
static bool add_value(struct values *v, str body)
{
    struct arena scratch;
    arena_init(&scratch);
    str value = search_normalize(&scratch, mime_text_decode(&scratch, body));
    bool fits = (!v->has || buf_add_byte(&v->text, '\n')) && buf_add(&v->text, value);
    v->has = true;
    arena_fini(&scratch);
    return fits;
}

static bool gather(str header, struct values *values)
{
    struct mime_field_iter it;
    struct mime_field field;
    enum search_header which;
    bool fits = true;
    mime_field_iter_init(&it, header);
    while (fits && mime_field_iter_next(&it, &field)) {
        if (search_header_find(field.name, &which))
            fits = add_value(&values[which], field.body);
    }
    return fits;
}

void search_header_texts_make(struct arena *a, str message, struct search_header_texts *out)
{
    str header = str_slice(message, 0, mime_header_end(message));
    struct values values[SEARCH_HEADERS];
    for (size_t i = 0; i < SEARCH_HEADERS; i++) {
        values[i].has = false;
        buf_init(&values[i].text, SEARCH_MAX_HEADER_TEXT);
    }
    *out = (struct search_header_texts){ .is_read = true, .is_whole = gather(header, values) };
    for (size_t i = 0; i < SEARCH_HEADERS; i++) {
        out->has[i] = out->is_whole && values[i].has;
        if (out->has[i])
            out->texts[i] = arena_str(a, buf_str(&values[i].text));
        buf_fini(&values[i].text);
    }
    out->pop3_header_gain = search_pop3_header_gain(header);
    out->pop3_end_gain = search_pop3_end_gain(message);
    out->has_sent = out->is_whole && search_header_sent_day(header, &out->sent_day);
}
