/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters: the first octet chooses an operation of the contract; lines follow for two values of
 * the path, the query, and header fields as "name: value". */
#include "api_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    FIELDS_MAX = 8
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    str values[2];
    struct http_field fields[FIELDS_MAX];
    struct api_params_input in = { .values = values, .n_values = 2, .fields = fields };
    void *out = NULL;
    if (n == 0)
        return 0;
    str rest = str_of((const char *)data + 1, n - 1);
    (void)str_cut(rest, '\n', &values[0], &rest);
    (void)str_cut(rest, '\n', &values[1], &rest);
    (void)str_cut(rest, '\n', &in.query, &rest);
    while (!str_is_empty(rest) && in.n_fields < FIELDS_MAX) {
        str line;
        (void)str_cut(rest, '\n', &line, &rest);
        (void)str_cut(line, ':', &fields[in.n_fields].name, &fields[in.n_fields].value);
        fields[in.n_fields].value = str_trim(fields[in.n_fields].value);
        in.n_fields++;
    }
    arena_init(&a);
    struct api_faults faults = { .arena = &a };
    const struct api_params *params = api_all_params[data[0] % api_all_params_n];
    enum api_params_result result = api_params_read(params, &in, &a, &out, &faults);
    INVARIANT(result != API_PARAMS_OK || (faults.n == 0 && out));
    INVARIANT(result != API_PARAMS_WRONG || faults.n > 0);
    arena_fini(&a);
    return 0;
}
