/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what stands in query strings and fields of requests: decoding undoes encoding, a range
 * stays inside, and a file name never leaves its quotes. */
#include "base/percent.h"
#include "http/http_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_encoding(struct arena *a, str input)
{
    struct buf encoded;
    str back;
    buf_init(&encoded, input.n * 3 + 1);
    INVARIANT(percent_encode(&encoded, input, STR("/")));
    if (str_find_byte(input, '\0') < 0) {
        INVARIANT(percent_decode(a, buf_str(&encoded), &back));
        INVARIANT(str_eq(back, input));
    }
    buf_fini(&encoded);
}

static void check_query(struct arena *a, str input)
{
    struct http_query q;
    if (!http_query_parse(a, input, &q, NULL))
        return;
    INVARIANT(q.n <= HTTP_QUERY_MAX);
    for (size_t i = 0; i < q.n; i++) {
        INVARIANT(q.list[i].name.n + q.list[i].value.n <= input.n);
    }
}

static void check_range(str input)
{
    static const uint64_t lengths[] = { 0, 1, 100, INT64_MAX, UINT64_MAX };
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        uint64_t first = 0;
        uint64_t count = 0;
        if (http_range_parse(input, lengths[i], &first, &count) != HTTP_RANGE_ONE)
            continue;
        INVARIANT(count > 0 && count <= lengths[i] && first <= lengths[i] - count);
    }
}

static void check_name(str input)
{
    struct buf out;
    buf_init(&out, 4096);
    INVARIANT(http_disposition_format(&out, true, input));
    str rest = str_skip(buf_str(&out), sizeof("attachment; filename=\"") - 1);
    ptrdiff_t quote = str_find_byte(rest, '"');
    INVARIANT(quote > 0);
    str after = str_skip(rest, (size_t)quote + 1);
    INVARIANT(after.n == 0 || str_has_prefix(after, STR("; filename*=UTF-8''")));
    INVARIANT(str_find_byte(after, '"') < 0);
    for (size_t i = 0; i < out.n; i++)
        INVARIANT(out.p[i] >= 0x20 && out.p[i] < 0x7f && out.p[i] != '/' && out.p[i] != '\\');
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    str value = STR_EMPTY;
    str input = str_of((const char *)data, n);
    arena_init(&a);
    check_encoding(&a, input);
    check_query(&a, input);
    check_range(input);
    check_name(input);
    if (http_cookie_find(input, STR("a"), &value))
        INVARIANT(value.n < input.n);
    (void)http_etag_matches(input, STR("\"a\""), true);
    arena_fini(&a);
    return 0;
}
