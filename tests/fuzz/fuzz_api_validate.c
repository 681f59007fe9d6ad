/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests: the first octet chooses a schema of the contract, the rest is the body. What
 * is read is written and read again as the same; who is refused is told why. */
#include "api_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_same(json_t *json)
{
    struct err e = ERR_CLEAR;
    json_t *again = NULL;
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    INVARIANT(text);
    bool ok = api_json_read(str_from_cstr(text), &again, &e);
    INVARIANT(ok && json_equal(json, again));
    json_decref(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    json_t *json;
    if (n == 0)
        return 0;
    if (!api_json_read(str_of((const char *)data + 1, n - 1), &json, &e))
        return 0;
    arena_init(&a);
    struct api_faults faults = { .arena = &a };
    const struct api_schema *schema = api_all_schemas[data[0] % api_all_schemas_n];
    bool ok = api_validate(schema, json, &faults);
    INVARIANT(ok == (faults.n == 0));
    for (size_t i = 0; i < faults.n; i++) {
        str pointer = faults.list[i].pointer;
        INVARIANT(pointer.n == 0 || pointer.p[0] == '/');
        INVARIANT(faults.list[i].detail.n > 0);
    }
    check_same(json);
    json_decref(json);
    arena_fini(&a);
    return 0;
}
