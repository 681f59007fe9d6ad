/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the tree from the events of libyaml. */
#include "config/tree.h"

#include <yaml.h>

enum {
    MAX_DEPTH = 8,
    MAX_NODES = 10000,
    MAX_SCALAR = 65536, /* bytes of a scalar with its variables */
    MAX_VARIABLE = 128  /* bytes of a variable's name */
};

struct builder {
    const struct tree_source *source;
    struct arena *a;
    yaml_parser_t parser;
    unsigned nodes;
};

#define FAIL(b, line, e, ...) fail((b), (line), ERR(e, ERR_SYNTAX, __VA_ARGS__), (e))

/* Puts the place in front of the sentence. Always false, as its third argument is. */
static bool fail(const struct builder *b, int line, bool result, struct err *e)
{
    (void)err_wrap(e, "%s:%d", b->source->file, line);
    return result;
}

static int line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

/* ---- variables ---- */

static bool is_variable_name(str name)
{
    bool ok = name.n > 0 && name.n < MAX_VARIABLE && !ascii_is_digit(name.p[0]);
    for (size_t i = 0; ok && i < name.n; i++)
        ok = ascii_is_alnum(name.p[i]) || name.p[i] == '_';
    return ok;
}

/* Appends the value of the variable whose "name}" begins *rest, and moves *rest behind it. */
static bool add_variable(const struct builder *b, int line, str *rest, struct buf *out,
                         struct err *e)
{
    str name;
    char cstr[MAX_VARIABLE];
    if (!str_cut(*rest, '}', &name, rest) || !is_variable_name(name))
        return FAIL(b, line, e, "\"${\" without a variable's name and \"}\"");
    memcpy(cstr, name.p, name.n);
    cstr[name.n] = '\0';
    const char *value = b->source->variable(cstr, b->source->arg);
    if (!value || !value[0])
        return FAIL(b, line, e, "the variable %s is %s", cstr, value ? "empty" : "not set");
    if (!buf_add(out, str_from_cstr(value)))
        return FAIL(b, line, e, "value longer than %d bytes", MAX_SCALAR);
    return true;
}

/* Replaces ${NAME}; "$${" becomes "${". */
static bool replace_variables(const struct builder *b, int line, str text, struct buf *out,
                              struct err *e)
{
    while (text.n) {
        ptrdiff_t at = str_find(text, STR("${"));
        size_t plain = at < 0 ? text.n : (size_t)at;
        bool is_escaped = at > 0 && text.p[at - 1] == '$';
        /* An escaped one keeps its "$" from in front. */
        if (!buf_add(out, str_of(text.p, plain)) || (is_escaped && !buf_add_byte(out, '{')))
            return FAIL(b, line, e, "value longer than %d bytes", MAX_SCALAR);
        text = str_skip(text, plain + (at < 0 ? 0 : 2));
        if (at >= 0 && !is_escaped && !add_variable(b, line, &text, out, e))
            return false;
    }
    return true;
}

/* ---- events ---- */

static bool next_event(struct builder *b, yaml_event_t *event, struct err *e)
{
    if (yaml_parser_parse(&b->parser, event))
        return true;
    int line = (int)b->parser.problem_mark.line + 1;
    const char *problem = b->parser.problem ? b->parser.problem : "cannot be read";
    return FAIL(b, line, e, "not YAML: %s", problem);
}

static bool check_plain(const struct builder *b, int line, const yaml_char_t *anchor,
                        const yaml_char_t *tag, struct err *e)
{
    if (anchor)
        return FAIL(b, line, e, "anchors are not supported");
    if (tag)
        return FAIL(b, line, e, "tags are not supported");
    return true;
}

static bool build_scalar(struct builder *b, const yaml_event_t *event, struct tree_node *node,
                         struct err *e)
{
    str raw = str_of((const char *)event->data.scalar.value, event->data.scalar.length);
    if (!check_plain(b, node->line, event->data.scalar.anchor, event->data.scalar.tag, e))
        return false;
    if (str_find_byte(raw, '\0') >= 0)
        return FAIL(b, node->line, e, "a NUL is not allowed");
    struct buf text;
    buf_init(&text, MAX_SCALAR);
    bool ok = replace_variables(b, node->line, raw, &text, e);
    node->text = arena_cstr(b->a, buf_str(&text));
    node->is_null = raw.n == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    buf_fini(&text);
    return ok;
}

/* The key of the entry that `event` begins, checked against its older sisters. */
static bool build_key(struct builder *b, const yaml_event_t *event, const struct tree_node *map,
                      const char **key, struct err *e)
{
    int line = line_of(event);
    if (event->type != YAML_SCALAR_EVENT)
        return FAIL(b, line, e, "a key must be a word");
    str text = str_of((const char *)event->data.scalar.value, event->data.scalar.length);
    if (!check_plain(b, line, event->data.scalar.anchor, event->data.scalar.tag, e))
        return false;
    if (text.n == 0 || text.n > 64 || str_find_byte(text, '\0') >= 0)
        return FAIL(b, line, e, "a key must have 1 to 64 characters");
    for (const struct tree_node *n = map->child; n; n = n->next) {
        if (str_eq(text, str_from_cstr(n->key)))
            return FAIL(b, line, e, "%s is there twice", n->key);
    }
    *key = arena_cstr(b->a, text);
    return true;
}

static bool build_node(struct builder *b, const yaml_event_t *event, unsigned depth,
                       struct tree_node **out, struct err *e);

/* One child of `parent` that `event` begins (its key, in a map). */
static bool build_child(struct builder *b, const yaml_event_t *event, struct tree_node *parent,
                        unsigned depth, struct tree_node **out, struct err *e)
{
    if (parent->kind == TREE_LIST)
        return build_node(b, event, depth, out, e);
    const char *key = NULL;
    yaml_event_t value;
    if (!build_key(b, event, parent, &key, e) || !next_event(b, &value, e))
        return false;
    bool ok = build_node(b, &value, depth, out, e);
    yaml_event_delete(&value);
    if (ok) {
        (*out)->key = key;
        (*out)->key_line = line_of(event);
    }
    return ok;
}

static bool build_children(struct builder *b, struct tree_node *parent, yaml_event_type_t end,
                           unsigned depth, struct err *e)
{
    struct tree_node **last = &parent->child;
    for (;;) {
        yaml_event_t event;
        if (!next_event(b, &event, e))
            return false;
        bool is_end = event.type == end;
        bool ok = is_end || build_child(b, &event, parent, depth, last, e);
        yaml_event_delete(&event);
        if (!ok || is_end)
            return ok;
        last = &(*last)->next;
    }
}

/* The node that `event` begins; reads on to its end. The depth is bounded, so is the recursion. */
static bool build_node(struct builder *b, const yaml_event_t *event, unsigned depth,
                       struct tree_node **out, struct err *e)
{
    struct tree_node *node = ARENA_NEW(b->a, struct tree_node);
    node->line = line_of(event);
    if (depth > MAX_DEPTH || ++b->nodes > MAX_NODES)
        return FAIL(b, node->line, e, "more than %d levels or %d values", MAX_DEPTH, MAX_NODES);
    bool ok = false;
    if (event->type == YAML_SCALAR_EVENT) {
        ok = build_scalar(b, event, node, e);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        node->kind = TREE_LIST;
        ok = check_plain(b, node->line, event->data.sequence_start.anchor,
                         event->data.sequence_start.tag, e) &&
             build_children(b, node, YAML_SEQUENCE_END_EVENT, depth + 1, e);
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        node->kind = TREE_MAP;
        ok = check_plain(b, node->line, event->data.mapping_start.anchor,
                         event->data.mapping_start.tag, e) &&
             build_children(b, node, YAML_MAPPING_END_EVENT, depth + 1, e);
    } else {
        ok = FAIL(b, node->line, e, "aliases are not supported");
    }
    /* Set only now: a list that is being built must not hold a half-made child. */
    if (ok)
        *out = node;
    return ok;
}

/* Reads events up to the first node of the document; *out stays NULL when there is none. */
static bool build_document(struct builder *b, struct tree_node **out, struct err *e)
{
    bool ok = true;
    bool is_end = false;
    while (ok && !is_end) {
        yaml_event_t event;
        if (!next_event(b, &event, e))
            return false;
        is_end = event.type == YAML_STREAM_END_EVENT;
        bool is_frame = event.type == YAML_STREAM_START_EVENT || is_end ||
                        event.type == YAML_DOCUMENT_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT) {
            ok = !*out || FAIL(b, line_of(&event), e, "only one document is allowed");
        } else if (!is_frame) {
            ok = build_node(b, &event, 0, out, e);
        }
        yaml_event_delete(&event);
    }
    return ok;
}

bool tree_parse(str text, const struct tree_source *source, struct arena *a,
                struct tree_node **root, struct err *e)
{
    struct builder b = { .source = source, .a = a };
    struct tree_node *node = NULL;
    if (!yaml_parser_initialize(&b.parser))
        return ERR(e, ERR_INTERNAL, "libyaml does not start");
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    bool ok = build_document(&b, &node, e);
    yaml_parser_delete(&b.parser);
    if (ok && !node) {
        node = ARENA_NEW(a, struct tree_node);
        *node = (struct tree_node){ .kind = TREE_MAP, .line = 1 };
    }
    *root = node;
    return ok;
}
