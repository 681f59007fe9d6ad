/* SPDX-License-Identifier: Apache-2.0 */
/* Goes down the tree of segments. */
#include "services/api/route.h"

static const char *const method_names[API_METHOD_COUNT] = { "GET", "POST", "PUT", "PATCH",
                                                            "DELETE" };

const char *api_method_name(enum api_method method)
{
    return method_names[method];
}

/* The operation's method, or API_METHOD_COUNT for one that no operation has. */
static enum api_method method_of(enum http_method method)
{
    static const enum api_method all[] = {
        [HTTP_GET] = API_GET,
        [HTTP_HEAD] = API_GET,
        [HTTP_POST] = API_POST,
        [HTTP_PUT] = API_PUT,
        [HTTP_PATCH] = API_PATCH,
        [HTTP_DELETE] = API_DELETE,
        [HTTP_OPTIONS] = API_METHOD_COUNT,
        [HTTP_OTHER_METHOD] = API_METHOD_COUNT,
    };
    return all[method];
}

/* The child of a node that the segment leads to, or NULL. */
static const struct api_node *find_child(const struct api_route_table *table,
                                         const struct api_node *node, str segment)
{
    for (int16_t at = node->child; at; at = table->nodes[at].sibling) {
        const struct api_node *child = &table->nodes[at];
        if (!child->literal || str_eq(segment, str_from_cstr(child->literal)))
            return child;
    }
    return NULL;
}

static const struct api_node *find_node(const struct api_route_table *table, str path,
                                        struct api_match *out)
{
    const struct api_node *node = &table->nodes[0];
    str segment;
    bool more = str_has_prefix(path, STR("/"));
    if (!more)
        return NULL;
    path = str_skip(path, 1);
    while (more && node) {
        more = str_cut(path, '/', &segment, &path);
        if (str_is_empty(segment))
            return NULL;
        node = find_child(table, node, segment);
        if (node && !node->literal) {
            if (out->n == API_PATH_VALUES_MAX)
                return NULL;
            out->values[out->n++] = segment;
        }
    }
    return node;
}

enum api_found api_route_find(const struct api_route_table *table, enum http_method method,
                              str path, struct api_match *out)
{
    *out = (struct api_match){ .n = 0 };
    const struct api_node *node = find_node(table, path, out);
    for (unsigned m = 0; node && m < API_METHOD_COUNT; m++) {
        if (node->routes[m])
            out->allowed |= 1U << m;
    }
    if (!node || !out->allowed)
        return API_NO_PATH;
    enum api_method wanted = method_of(method);
    if (wanted == API_METHOD_COUNT || !node->routes[wanted])
        return API_NO_METHOD;
    out->route = &table->routes[node->routes[wanted] - 1];
    return API_FOUND;
}

void api_methods_format(unsigned allowed, struct buf *out)
{
    for (unsigned m = 0; m < API_METHOD_COUNT; m++) {
        if (!(allowed & 1U << m))
            continue;
        (void)buf_addf(out, "%s%s%s", out->n ? ", " : "", method_names[m],
                       m == API_GET ? ", HEAD" : "");
    }
}
