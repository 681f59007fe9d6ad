/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to operations: literals before parameters, and what has no operation. */
#include "services/api/route.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct api_route routes[] = {
    { .operation_id = "list", .method = API_GET, .path = "/a/things" },
    { .operation_id = "make", .method = API_POST, .path = "/a/things" },
    { .operation_id = "get", .method = API_GET, .path = "/a/things/{id}" },
    { .operation_id = "batch", .method = API_POST, .path = "/a/things/batch" },
    { .operation_id = "part", .method = API_GET, .path = "/a/things/{id}/parts/{n}" },
    { .operation_id = "health", .method = API_GET, .path = "/health" },
};

static const struct api_node nodes[] = {
    { .literal = "", .child = 1 },
    { .literal = "a", .child = 3, .sibling = 2 },
    { .literal = "health", .routes = { [API_GET] = 6 } },
    { .literal = "things", .child = 4, .routes = { [API_GET] = 1, [API_POST] = 2 } },
    { .literal = "batch", .sibling = 5, .routes = { [API_POST] = 4 } },
    { .literal = NULL, .child = 6, .routes = { [API_GET] = 3 } },
    { .literal = "parts", .child = 7 },
    { .literal = NULL, .routes = { [API_GET] = 5 } },
};

static const struct api_route_table table = { routes, COUNT_OF(routes), nodes, COUNT_OF(nodes) };

struct route_case {
    enum http_method method;
    const char *path;
    enum api_found found;
    const char *operation_id; /* API_FOUND */
    const char *values;       /* "a b" */
};

static const struct route_case cases[] = {
    { HTTP_GET, "/a/things", API_FOUND, "list", "" },
    { HTTP_HEAD, "/a/things", API_FOUND, "list", "" },
    { HTTP_POST, "/a/things", API_FOUND, "make", "" },
    { HTTP_GET, "/a/things/5", API_FOUND, "get", "5 " },
    { HTTP_GET, "/a/things/%2f", API_FOUND, "get", "%2f " },
    { HTTP_POST, "/a/things/batch", API_FOUND, "batch", "" },
    { HTTP_GET, "/a/things/5/parts/1.2", API_FOUND, "part", "5 1.2 " },
    { HTTP_GET, "/health", API_FOUND, "health", "" },
    { HTTP_GET, "/a/things/batch", API_NO_METHOD, NULL, "" },
    { HTTP_DELETE, "/a/things", API_NO_METHOD, NULL, "" },
    { HTTP_OPTIONS, "/a/things", API_NO_METHOD, NULL, "" },
    { HTTP_OTHER_METHOD, "/a/things", API_NO_METHOD, NULL, "" },
    { HTTP_GET, "/", API_NO_PATH, NULL, "" },
    { HTTP_GET, "", API_NO_PATH, NULL, "" },
    { HTTP_GET, "*", API_NO_PATH, NULL, "" },
    { HTTP_GET, "/a", API_NO_PATH, NULL, "" },
    { HTTP_GET, "/a/things/", API_NO_PATH, NULL, "" },
    { HTTP_GET, "/a//things", API_NO_PATH, NULL, "" },
    { HTTP_GET, "//a/things", API_NO_PATH, NULL, "" },
    { HTTP_GET, "/a/things/5/parts", API_NO_PATH, NULL, "" },
    { HTTP_GET, "/a/things/5/parts/1/2", API_NO_PATH, NULL, "" },
    { HTTP_GET, "/A/things", API_NO_PATH, NULL, "" },
};

static void test_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct route_case *c = &cases[i];
        struct api_match match;
        struct buf values;
        buf_init(&values, 256);
        enum api_found found = api_route_find(&table, c->method, str_from_cstr(c->path), &match);
        for (size_t k = 0; found == API_FOUND && k < match.n; k++)
            assert_true(buf_addf(&values, "%.*s ", STR_FMT(match.values[k])));
        const char *id = match.route ? match.route->operation_id : NULL;
        bool same =
            id && c->operation_id ? strcmp(id, c->operation_id) == 0 : id == c->operation_id;
        if (found != c->found || !same || strcmp(buf_cstr(&values), c->values) != 0) {
            fail_msg("%d %s: %d %s %s", (int)c->method, c->path, (int)found, id ? id : "-",
                     buf_cstr(&values));
        }
        buf_fini(&values);
    }
}

static void test_allowed_methods(void **state)
{
    (void)state;
    struct api_match match;
    struct buf allow;
    buf_init(&allow, 256);
    (void)api_route_find(&table, HTTP_DELETE, STR("/a/things"), &match);
    api_methods_format(match.allowed, &allow);
    assert_string_equal(buf_cstr(&allow), "GET, HEAD, POST");
    buf_clear(&allow);
    (void)api_route_find(&table, HTTP_GET, STR("/a/things/batch"), &match);
    api_methods_format(match.allowed, &allow);
    assert_string_equal(buf_cstr(&allow), "POST");
    buf_fini(&allow);
    assert_string_equal(api_method_name(API_PATCH), "PATCH");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_allowed_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
