/* SPDX-License-Identifier: Apache-2.0 */
/* The public vectors of structured header fields (tests/vectors/mime-headers), all cases. */
#include "mime/mime.h"

#include "support/vectors.h"

/* The body of the first field, as the message's reader finds it. */
static str field_body(struct arena *a, const json_t *test)
{
    struct mime_header header;
    str text = vectors_str(test, "header");
    struct buf message;
    buf_init(&message, text.n + 2);
    (void)(buf_add(&message, STR("X:")) && buf_add(&message, text));
    mime_header_parse(a, arena_str(a, buf_str(&message)), &header);
    buf_fini(&message);
    assert_true(header.n > 0);
    return header.fields[0].body;
}

typedef str (*render_fn)(struct arena *a, str body);
typedef str (*expect_fn)(struct arena *a, const json_t *expected);

static void check_file(const char *path, render_fn render, expect_fn expect,
                       const struct vector_exception *exceptions, size_t n_exceptions)
{
    struct arena a;
    arena_init(&a);
    json_t *cases = vectors_load(path);
    size_t failed = 0, used = 0;
    assert_true(json_array_size(cases) > 0);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *test = json_array_get(cases, i);
        const struct vector_exception *exception =
            vector_exception_find(exceptions, n_exceptions, i);
        str ours = render(&a, field_body(&a, test));
        str wanted = expect(&a, json_object_get(test, "expected"));
        used += exception != NULL;
        if (exception && str_eq(ours, wanted))
            fail_msg("%s case %zu needs no exception any more", path, i);
        if (exception)
            wanted = str_from_cstr(exception->ours);
        if (!str_eq(ours, wanted)) {
            print_error("%s case %zu: %.*s\n  wanted %.*s\n  got    %.*s\n", path, i,
                        STR_FMT(vectors_str(test, "header")), STR_FMT(wanted), STR_FMT(ours));
            failed++;
        }
    }
    assert_int_equal(used, n_exceptions);
    assert_int_equal(failed, 0);
    json_decref(cases);
    arena_fini(&a);
}

/* ---- addresses: "[Group] Name <address>|..." ---- */

static str render_addresses(struct arena *a, str body)
{
    struct mime_address_list list;
    struct buf text;
    buf_init(&text, 65536);
    mime_address_list_parse(a, body, &list);
    for (size_t i = 0; i < list.n; i++) {
        const struct mime_address *item = &list.items[i];
        if (item->kind == MIME_ADDRESS_GROUP_START) {
            (void)buf_addf(&text, "[%.*s]", STR_FMT(item->name));
        } else if (item->kind == MIME_ADDRESS_GROUP_END) {
            (void)buf_addf(&text, "[]");
        } else {
            (void)buf_addf(&text, "%.*s <%.*s%s%.*s>|", STR_FMT(item->name), STR_FMT(item->local),
                           item->domain.n ? "@" : "", STR_FMT(item->domain));
        }
    }
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static void expect_list(struct buf *text, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        (void)buf_addf(text, "%.*s <%.*s>|", STR_FMT(vectors_str(item, "name")),
                       STR_FMT(vectors_str(item, "address")));
    }
}

static str expect_addresses(struct arena *a, const json_t *expected)
{
    struct buf text;
    const json_t *groups = json_object_get(expected, "Group");
    buf_init(&text, 65536);
    expect_list(&text, json_object_get(expected, "List"));
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i);
        str name = vectors_str(group, "name");
        if (name.n)
            (void)buf_addf(&text, "[%.*s]", STR_FMT(name));
        expect_list(&text, json_object_get(group, "addresses"));
        if (name.n)
            (void)buf_addf(&text, "[]");
    }
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static void reads_address_lists(void **state)
{
    (void)state;
    static const struct vector_exception exceptions[] = {
        { 6, "Pete chap) <pete@silly.test>|",
          "RFC 5322 section 3.2.1: a backslash quotes one character, here the line end, so the next "
          "')' ends the comment; section 3.2.2: comments are no part of what they stand in" },
        { 7, "John Doe <jdoe@machine.example>|",
          "RFC 5322 section 4.4: comments and spaces around the dots of a domain mean nothing" },
        { 33, "Name Doe <a@b.com>|",
          "RFC 5322 section 3.2.2: comments are no part of the phrase they stand in" },
    };
    check_file("mime-headers/address-half.json", render_addresses, expect_addresses, exceptions,
               COUNT_OF(exceptions));
}

/* ---- content types: "type/subtype; name=value..." with names sorted as they come ---- */

static int by_bytes(const void *left, const void *right)
{
    const str *l = left, *r = right;
    return str_cmp(*l, *r);
}

/* The words in order of their bytes: the vectors do not keep the order of parameters. */
static str join_sorted(struct arena *a, str head, str *words, size_t n)
{
    struct buf text;
    buf_init(&text, 65536);
    if (n)
        qsort(words, n, sizeof(*words), by_bytes);
    (void)buf_add(&text, head);
    for (size_t i = 0; i < n; i++)
        (void)buf_addf(&text, "; %.*s", STR_FMT(words[i]));
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static str render_content_type(struct arena *a, str body)
{
    struct mime_content_type ct;
    mime_content_type_parse(a, body, &ct);
    if (ct.type.n == 0)
        return STR("none");
    str *words = ARENA_ARRAY(a, str, ct.n_params * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; i < ct.n_params; i++) {
        const struct mime_param *p = &ct.params[i];
        words[n++] = arena_printf(a, "%.*s=%.*s", STR_FMT(p->name), STR_FMT(p->value));
        if (p->language.n) {
            words[n++] =
                arena_printf(a, "%.*s-language=%.*s", STR_FMT(p->name), STR_FMT(p->language));
        }
    }
    str head = arena_printf(a, "%.*s/%.*s", STR_FMT(ct.type), STR_FMT(ct.subtype));
    return join_sorted(a, head, words, n);
}

static str expect_content_type(struct arena *a, const json_t *expected)
{
    if (!json_is_object(expected))
        return STR("none");
    const json_t *attributes = json_object_get(expected, "attributes");
    size_t n = json_array_size(attributes);
    str *words = ARENA_ARRAY(a, str, n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(attributes, i);
        words[i] = arena_printf(a, "%s=%s", json_string_value(json_array_get(pair, 0)),
                                json_string_value(json_array_get(pair, 1)));
    }
    str head = arena_printf(a, "%.*s/%.*s", STR_FMT(vectors_str(expected, "c_type")),
                            STR_FMT(vectors_str(expected, "c_subtype")));
    return join_sorted(a, head, words, n);
}

static void reads_content_types(void **state)
{
    (void)state;
    static const struct vector_exception exceptions[] = {
        { 22, "image/jpeg; name=\xc3\xa1\xc3\xa9\xc3\xad.jpeg",
          "RFC 2047 section 6.2: white space between adjacent encoded words is ignored" },
        { 32, "test/encoded; key2=ab%; key3-language=en; key3=xyzplop%; key4=foo; key=f oobaz",
          "RFC 2231 section 3: sections are numbered 0, 1, 2 ... without a gap (9999 follows no "
          "9998); RFC 2045 section 5.1: a value holds no NUL, ours becomes a space" },
        { 33, "malicious/attempt; 15*x***fff===g; 3*=b; 4**=c",
          "RFC 2231 section 7: an attribute holds no '*', and sections begin at 0" },
    };
    check_file("mime-headers/content_type-half.json", render_content_type, expect_content_type,
               exceptions, COUNT_OF(exceptions));
}

/* ---- dates ---- */

static str render_date(struct arena *a, str body)
{
    struct mime_date date;
    struct buf text;
    if (!mime_date_parse(body, &date))
        return STR("none");
    buf_init(&text, 100);
    (void)mime_date_format(date.at_utc, date.zone_offset, &text);
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static int number(const json_t *object, const char *key)
{
    return (int)json_integer_value(json_object_get(object, key));
}

static str expect_date(struct arena *a, const json_t *e)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    if (!json_is_object(e))
        return STR("none");
    return arena_printf(a, "%d %s %04d %02d:%02d:%02d %c%02d%02d", number(e, "day"),
                        months[(number(e, "month") + 11) % 12], number(e, "year"),
                        number(e, "hour"), number(e, "minute"), number(e, "second"),
                        json_is_true(json_object_get(e, "tz_before_gmt")) &&
                                number(e, "tz_hour") + number(e, "tz_minute") > 0
                            ? '-'
                            : '+',
                        number(e, "tz_hour"), number(e, "tz_minute"));
}

/* Without the name of the day, which the vectors do not have. */
static str render_date_without_day(struct arena *a, str body)
{
    str text = render_date(a, body);
    return str_eq(text, STR("none")) ? text : str_skip(text, 5);
}

static void reads_dates(void **state)
{
    (void)state;
    static const struct vector_exception exceptions[] = {
        { 7, "none",
          "RFC 5322 section 3.3: a month is one of twelve names, and a time has colons" },
    };
    check_file("mime-headers/date-half.json", render_date_without_day, expect_date, exceptions,
               COUNT_OF(exceptions));
}

/* The date of a Received field stands behind its last ';' (RFC 5321 section 4.4). */
static str render_received_date(struct arena *a, str body)
{
    ptrdiff_t at = str_rfind_byte(body, ';');
    return at < 0 ? STR("none") : render_date_without_day(a, str_skip(body, (size_t)at + 1));
}

static str expect_received_date(struct arena *a, const json_t *expected)
{
    return expect_date(a, json_object_get(expected, "date"));
}

static void reads_dates_of_received_fields(void **state)
{
    (void)state;
    static const struct vector_exception exceptions[] = {
        { 7, "7 Feb 2003 10:18:12 -0800",
          "RFC 5322 section 3.3: a year has four digits and a second two, so asctime's order is clear" },
        { 32, "12 Feb 2003 14:22:21 -0800", "RFC 5322 section 4.3: PST is -0800" },
        { 60, "none", "RFC 5322 section 3.3: a date begins with a day, not with '_'" },
    };
    check_file("mime-headers/received-half.json", render_received_date, expect_received_date,
               exceptions, COUNT_OF(exceptions));
}

/* ---- lists of words, ids, texts ---- */

static str join(struct arena *a, const str *words, size_t n)
{
    struct buf text;
    buf_init(&text, 65536);
    for (size_t i = 0; i < n; i++)
        (void)buf_addf(&text, "%.*s|", STR_FMT(words[i]));
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static str render_ids(struct arena *a, str body)
{
    const str *ids = NULL;
    size_t n = mime_message_ids_parse(a, body, &ids);
    return join(a, ids, n);
}

static str render_list(struct arena *a, str body)
{
    const str *words = NULL;
    size_t n = mime_list_parse(a, body, &words);
    return join(a, words, n);
}

static str expect_words(struct arena *a, const json_t *expected)
{
    size_t n = json_array_size(expected);
    str *words = ARENA_ARRAY(a, str, n + 1);
    for (size_t i = 0; i < n; i++)
        words[i] = str_from_cstr(json_string_value(json_array_get(expected, i)));
    return join(a, words, n);
}

static str expect_text(struct arena *a, const json_t *expected)
{
    (void)a;
    return str_from_cstr(json_string_value(expected));
}

static void reads_message_ids(void **state)
{
    (void)state;
    check_file("mime-headers/id-half.json", render_ids, expect_words, NULL, 0);
}

static void reads_lists(void **state)
{
    (void)state;
    check_file("mime-headers/list-half.json", render_list, expect_words, NULL, 0);
}

static void reads_unstructured_texts(void **state)
{
    (void)state;
    check_file("mime-headers/unstructured-half.json", mime_text_decode, expect_text, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_address_lists),
        cmocka_unit_test(reads_content_types),
        cmocka_unit_test(reads_dates),
        cmocka_unit_test(reads_dates_of_received_fields),
        cmocka_unit_test(reads_message_ids),
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(reads_unstructured_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
