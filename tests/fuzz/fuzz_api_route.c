/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: the first octet chooses the method, the rest is the path as sent. */
#include "services/api/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct api_route routes[] = {
    { .operation_id = "list", .method = API_GET },
    { .operation_id = "get", .method = API_GET },
    { .operation_id = "batch", .method = API_POST },
    { .operation_id = "deep", .method = API_DELETE },
};

/* /a, /a/{}, /a/batch, /a/{}/b/{}/{}/{}/{}: one more parameter than there may be. */
static const struct api_node nodes[] = {
    { .literal = "", .child = 1 },
    { .literal = "a", .child = 2, .routes = { [API_GET] = 1 } },
    { .literal = "batch", .sibling = 3, .routes = { [API_POST] = 3 } },
    { .literal = NULL, .child = 4, .routes = { [API_GET] = 2 } },
    { .literal = "b", .child = 5 },
    { .literal = NULL, .child = 6 },
    { .literal = NULL, .child = 7 },
    { .literal = NULL, .child = 8, .routes = { [API_DELETE] = 4 } },
    { .literal = NULL, .routes = { [API_DELETE] = 4 } },
};

static const struct api_route_table table = { routes, COUNT_OF(routes), nodes, COUNT_OF(nodes) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct api_match match;
    if (n == 0)
        return 0;
    str path = str_of((const char *)data + 1, n - 1);
    enum http_method method = (enum http_method)(data[0] % (HTTP_OTHER_METHOD + 1));
    enum api_found found = api_route_find(&table, method, path, &match);
    INVARIANT((found == API_FOUND) == (match.route != NULL));
    INVARIANT((found == API_NO_PATH) == (match.allowed == 0));
    INVARIANT(match.n <= API_PATH_VALUES_MAX);
    for (size_t i = 0; i < match.n; i++)
        INVARIANT(match.values[i].n > 0 && str_find_byte(match.values[i], '/') < 0);
    return 0;
}
