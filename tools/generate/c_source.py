# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of the API in C: structs of parameters, prototypes of handlers, routes, schemas
of bodies, problems. services/api/{route,params,validate}.h say what the tables mean."""
import json
import re

from bundle import ContractError, follow, operations, server_of, snake

HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n/* {} Made by tools/generate from openapi/. */\n"
TYPE_BITS = {"null": "API_TYPE_NULL", "boolean": "API_TYPE_BOOLEAN", "integer": "API_TYPE_INTEGER",
             "number": "API_TYPE_NUMBER", "string": "API_TYPE_TEXT", "array": "API_TYPE_ARRAY",
             "object": "API_TYPE_OBJECT"}
C_TYPES = {"TEXT": "str", "INTEGER": "int64_t", "ID": "int64_t", "TIME": "int64_t", "BOOLEAN": "bool",
           "CHOICES": "unsigned"}
# What validate.c and params.c check; `pattern` says the same as `format`, for other readers.
KNOWN_KEYS = {"type", "format", "pattern", "enum", "const", "minimum", "maximum", "minLength", "maxLength",
              "minItems", "maxItems", "minProperties", "maxProperties", "items", "uniqueItems", "properties",
              "required", "additionalProperties", "propertyNames", "description", "examples", "default", "$ref"}


def quote(text):
    return json.dumps(text, ensure_ascii=True)


def number(value):
    if value == -2**63:
        return "INT64_MIN"
    return str(value) if abs(value) < 2**31 else f"INT64_C({value})"


def format_name(schema):
    return "API_FORMAT_" + schema.get("format", "none").replace("-", "_").upper()


class Param:
    """A parameter of an operation, as C sees it."""

    def __init__(self, document, node):
        node = follow(document, node)
        self.name, self.place = node["name"], node["in"]
        self.schema = schema = follow(document, node["schema"])
        self.required = node.get("required", False)
        self.field = snake(self.name)
        self.has = not self.required and "default" not in schema
        unknown = set(schema) - KNOWN_KEYS
        if unknown:
            raise ContractError(f"parameter {self.name}: no check for {sorted(unknown)}")
        self.words = [str(w) for w in schema.get("items", schema).get("enum", [])]
        self.kind = self.find_kind()

    def find_kind(self):
        kind, form = self.schema["type"], self.schema.get("format")
        if kind == "array":
            return "CHOICES"
        if self.words:
            return "CHOICE"
        if kind == "string":
            return {"id": "ID", "state": "ID", "date-time": "TIME"}.get(form, "TEXT")
        return {"integer": "INTEGER", "boolean": "BOOLEAN"}[kind]

    def enum_name(self, operation):
        return f"{operation}_{self.field}"

    def word_name(self, operation, word):
        """newest -> LIST_THREADS_SORT_NEWEST; -name, the other way round, -> ..._NAME_DESC."""
        text = snake(word.lstrip("-")) + ("_desc" if word.startswith("-") else "")
        return f"{operation}_{self.field}_{text}".upper().replace("/", "_")

    def c_type(self, operation):
        return f"enum {self.enum_name(operation)}" if self.kind == "CHOICE" else C_TYPES[self.kind]

    def bounds(self):
        lo, hi = ("minimum", "maximum") if self.kind == "INTEGER" else ("minLength", "maxLength")
        return self.schema.get(lo, 0), self.schema.get(hi, 0)

    def default(self, operation):
        value = self.schema["default"]
        if self.kind == "CHOICE":
            return self.word_name(operation, str(value))
        if self.kind == "CHOICES":
            return " | ".join(self.word_name(operation, v) for v in value)
        if self.kind == "TEXT":
            return f"STR_INIT({quote(value)})"
        return ("false", "true")[value] if self.kind == "BOOLEAN" else number(value)


class Operation:
    """An operation of the contract, as C sees it."""

    def __init__(self, document, path, method, node):
        self.id = node["operationId"]
        self.name = snake(self.id)
        self.path = server_of(document, path) + path
        self.method = method.upper()
        self.node = node
        self.scope = "API_SCOPE_" + node["x-scope"].replace(":", "_").upper()
        self.rate = "API_RATE_" + node["x-rate"].upper()
        self.params = [Param(document, p) for p in node.get("parameters", [])]
        self.params.sort(key=lambda p: p.place != "path" or self.path.index("{" + p.name + "}"))
        content = node.get("requestBody", {}).get("content", {})
        self.json = content.get("application/json", {}).get("schema")
        if self.json and "$ref" not in self.json:
            raise ContractError(f"{self.id}: the schema of a body has a name in components")
        self.schema_name = "schema_" + snake(self.json["$ref"].rsplit("/", 1)[1]) if self.json else None
        self.body = "JSON" if self.json else "RAW" if content else "NONE"
        self.body_limit = node.get("x-body-limit", 0)
        self.is_stream = node.get("x-stream", False)


# ---- header ----

def header_params(op):
    for p in op.params:
        if p.kind == "CHOICE":
            yield f"enum {p.enum_name(op.name)} {{\n"
            yield ",\n".join(f"    {p.word_name(op.name, w)}" for w in p.words) + "\n};\n\n"
        if p.kind == "CHOICES":
            yield "enum {\n" + ",\n".join(f"    {p.word_name(op.name, w)} = {1 << i}" for i, w in enumerate(p.words)) + "\n};\n\n"
    if not op.params:
        return
    yield f"struct {op.name}_params {{\n"
    for p in op.params:
        yield f"    {p.c_type(op.name)} {p.field};\n"
        if p.has:
            yield f"    bool has_{p.field};\n"
    yield "};\n\n"


def header(ops):
    yield HEAD.format("Operations of the API: parameters and handlers.")
    yield "#ifndef API_ROUTES_H\n#define API_ROUTES_H\n\n#include \"services/api/route.h\"\n\n"
    yield ("/* A handler answers its call before it returns. `p` holds the parameters (NULL when the\n"
           " * operation has none), `body` the JSON body, judged already (NULL when it has none). Yields. */\n\n")
    for op in ops:
        yield f"/* {op.method} {op.path}: {op.node['summary']}. */\n"
        yield from header_params(op)
        params = f"const struct {op.name}_params *p" if op.params else "const void *p"
        yield f"YIELDS void rest_{op.name}(struct api_call *call, {params}, const json_t *body);\n\n"
    yield ("extern const struct api_route_table api_routes;\n"
           "extern const struct api_problem api_problems[];\nextern const size_t api_n_problems;\n"
           "/* Those with the most letters beside their places first. */\n"
           "extern const struct api_reason api_reasons[];\nextern const size_t api_n_reasons;\n"
           "/* The contract as JSON with its ETag (in quotes), and as a page with the policy that it needs. */\n"
           "extern const str api_openapi_json;\nextern const str api_openapi_etag;\nextern const str api_docs_html;\n"
           "extern const str api_docs_policy;\n\n"
           "#endif\n")


def list_of(kind, name, members):
    """All tables of a kind, for tests that go through them."""
    yield f"const struct {kind} *const {name}[] = {{\n" + "".join(f"    &{m},\n" for m in members)
    yield f"}};\nconst size_t {name}_n = sizeof({name}) / sizeof({name}[0]);\n"


# ---- parameters ----

def params_table(op):
    if not op.params:
        return
    for p in op.params:
        if p.words:
            yield f"static const char *const {op.name}_{p.field}_words[] = {{ {', '.join(quote(w) for w in p.words)} }};\n"
    defaults = [f"    .{p.field} = {p.default(op.name)},\n" for p in op.params if "default" in p.schema]
    values = " = {\n" + "".join(defaults) + "}" if defaults else ""
    yield f"static const struct {op.name}_params {op.name}_defaults{values};\n"
    yield f"static const struct api_param {op.name}_list[] = {{\n"
    for p in op.params:
        lo, hi = p.bounds()
        offset = f"offsetof(struct {op.name}_params, {{}})"
        name = p.name.lower() if p.place == "header" else p.name
        yield (f"    {{ .name = {quote(name)}, .in = API_IN_{p.place.upper()}, .kind = API_PARAM_{p.kind},\n"
               f"      .format = {format_name(p.schema)}, .is_required = {str(p.required).lower()},\n"
               f"      .offset = {offset.format(p.field)},\n")
        if p.has:
            yield f"      .has_offset = {offset.format('has_' + p.field)},\n"
        if p.words:
            yield f"      .words = {op.name}_{p.field}_words, .n_words = {len(p.words)},\n"
        yield f"      .min = {number(lo)}, .max = {number(hi)} }},\n"
    yield "};\n"


def params_source(ops):
    yield HEAD.format("Parameters of the operations.") + "#include \"api_tables.h\"\n\n"
    for op in ops:
        yield from params_table(op)
        fields = (f".list = {op.name}_list, .n = {len(op.params)}, .size = sizeof({op.name}_defaults), "
                  f".defaults = &{op.name}_defaults" if op.params else ".n = 0")
        yield f"const struct api_params api_params_{op.name} = {{ {fields} }};\n\n"
    yield from list_of("api_params", "api_all_params", [f"api_params_{op.name}" for op in ops])


# ---- schemas ----

class Schemas:
    """Every schema that a request body uses, each once, by its name or the place where it stands."""

    def __init__(self, document, bodies):
        self.document = document
        self.bodies = bodies
        self.names = set()
        self.text = []

    def name_of(self, schema, where):
        """The C name of the schema's table, which is written when it is new."""
        if "$ref" in schema:
            where = schema["$ref"].rsplit("/", 1)[1]
        schema = follow(self.document, schema)
        name = "schema_" + snake(where)
        if name not in self.names:
            self.names.add(name)
            scope = "" if name in self.bodies else "static "
            self.text.append(f"{scope}const struct api_schema {name} = {{\n" + "".join(self.fields(schema, where)) + "};\n")
        return name

    def types(self, schema, where):
        kinds = schema.get("type")
        if kinds is None:
            raise ContractError(f"{where}: a schema of a request needs a type")
        if schema.get("const") is True:
            return "API_TYPE_TRUE"
        return " | ".join(TYPE_BITS[k] for k in ([kinds] if isinstance(kinds, str) else kinds))

    def fields(self, schema, where):
        unknown = set(schema) - KNOWN_KEYS
        if unknown:
            raise ContractError(f"{where}: no check for {sorted(unknown)}")
        kinds = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type")]
        yield f"    .types = {self.types(schema, where)},\n"
        if "integer" in kinds:
            yield f"    .min = {number(schema.get('minimum', -2**63))},\n    .max = {number(schema.get('maximum', 2**63 - 1))},\n"
        for least, most in (("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties")):
            if least in schema:
                yield f"    .least = {schema[least]},\n"
            if most in schema:
                yield f"    .most = {schema[most]},\n"
        if "string" in kinds:
            yield from self.text_fields(schema, where)
        if "array" in kinds:
            yield from self.array_fields(schema, where)
        if "object" in kinds:
            yield from self.object_fields(schema, where)

    def text_fields(self, schema, where):
        words = [w for w in schema.get("enum", []) if w is not None]
        if words:
            name = f"words_{snake(where)}"
            self.text.append(f"static const char *const {name}[] = {{ {', '.join(quote(w) for w in words)} }};\n")
            yield f"    .words = {name},\n    .n_words = {len(words)},\n"
        elif "maxLength" not in schema:
            raise ContractError(f"{where}: a text of a request needs maxLength")
        yield f"    .format = {format_name(schema)},\n"

    def array_fields(self, schema, where):
        if "maxItems" not in schema:
            raise ContractError(f"{where}: a list of a request needs maxItems")
        yield f"    .items = &{self.name_of(schema['items'], where + 'Item')},\n"
        if schema.get("uniqueItems"):
            yield "    .is_unique = true,\n"

    def object_fields(self, schema, where):
        others = schema.get("additionalProperties")
        if others is None or others is True:
            raise ContractError(f"{where}: an object of a request says what other fields it may have")
        rows = []
        for name, part in sorted(schema.get("properties", {}).items()):
            target = self.name_of(part, f"{where}{name[0].upper()}{name[1:]}")
            required = str(name in schema.get("required", [])).lower()
            rows.append(f"    {{ {quote(name)}, &{target}, {required} }},\n")
        if rows:
            table = f"properties_{snake(where)}"
            self.text.append(f"static const struct api_property {table}[] = {{\n" + "".join(rows) + "};\n")
            yield f"    .properties = {table},\n    .n_properties = {len(rows)},\n"
        if others is not False:
            yield f"    .others = &{self.name_of(others, where + 'Other')},\n"
        if "propertyNames" in schema:
            yield f"    .names = &{self.name_of(schema['propertyNames'], where + 'Name')},\n"


def schemas_source(document, ops):
    schemas = Schemas(document, {op.schema_name for op in ops})
    for op in ops:
        if op.json:
            schemas.name_of(op.json, op.id)
    return [HEAD.format("What bodies of requests have to be.") + "#include \"api_tables.h\"\n\n", *schemas.text,
            *list_of("api_schema", "api_all_schemas", sorted({op.schema_name for op in ops if op.json}))]


def tables_header(ops):
    yield HEAD.format("What the generated sources share.")
    yield "#ifndef API_TABLES_H\n#define API_TABLES_H\n\n#include \"api_routes.h\"\n\n#include <stddef.h>\n\n"
    for op in ops:
        yield f"extern const struct api_params api_params_{op.name};\n"
    for name in sorted({op.schema_name for op in ops if op.json}):
        yield f"extern const struct api_schema {name};\n"
    yield ("extern const struct api_params *const api_all_params[];\nextern const size_t api_all_params_n;\n"
           "extern const struct api_schema *const api_all_schemas[];\nextern const size_t api_all_schemas_n;\n")
    yield "\n#endif\n"


# ---- routes ----

class Node:
    def __init__(self, literal):
        self.literal = literal
        self.children = []
        self.routes = {}

    def child(self, segment):
        literal = None if segment.startswith("{") else segment
        for child in self.children:
            if child.literal == literal:
                return child
        self.children.append(Node(literal))
        self.children.sort(key=lambda n: (n.literal is None, n.literal))
        return self.children[-1] if literal is None else next(c for c in self.children if c.literal == literal)


def tree_of(ops):
    """The nodes in the order of their index, the root first."""
    root = Node("")
    for index, op in enumerate(ops):
        node = root
        for segment in op.path.strip("/").split("/"):
            node = node.child(segment)
        node.routes[op.method] = index + 1
    nodes = [root]
    for node in nodes:
        nodes.extend(node.children)
    return nodes


def tree_source(ops):
    nodes = tree_of(ops)
    index = {id(n): i for i, n in enumerate(nodes)}
    after = {}
    for node in nodes:
        after.update({id(a): index[id(b)] for a, b in zip(node.children, node.children[1:])})
    yield "static const struct api_node nodes[] = {\n"
    for node in nodes:
        literal = "NULL" if node.literal is None else quote(node.literal)
        child = index[id(node.children[0])] if node.children else 0
        routes = ", ".join(f"[API_{m}] = {r}" for m, r in sorted(node.routes.items()))
        routes = f", .routes = {{ {routes} }}" if routes else ""
        yield f"    {{ .literal = {literal}, .child = {child}, .sibling = {after.get(id(node), 0)}{routes} }},\n"
    yield "};\n\n"


def routes_source(ops):
    yield HEAD.format("Routes of the API.") + "#include \"api_tables.h\"\n\n"
    for op in ops:
        yield (f"YIELDS static void call_{op.name}(struct api_call *call, const void *params, const json_t *body)\n"
               f"{{\n    rest_{op.name}(call, params, body);\n}}\n\n")
    yield "static const struct api_route routes[] = {\n"
    for op in ops:
        schema = f"&{op.schema_name}" if op.json else "NULL"
        yield (f"    {{ .operation_id = {quote(op.id)}, .path = {quote(op.path)}, .method = API_{op.method},\n"
               f"      .scope = {op.scope}, .rate = {op.rate}, .body = API_BODY_{op.body},\n"
               f"      .is_stream = {str(op.is_stream).lower()}, .body_limit = {op.body_limit},\n"
               f"      .params = &api_params_{op.name}, .schema = {schema},\n"
               f"      .handle = call_{op.name} }},\n")
    yield "};\n\n"
    yield from tree_source(ops)
    yield ("const struct api_route_table api_routes = { routes, sizeof(routes) / sizeof(routes[0]), nodes,\n"
           "                                            sizeof(nodes) / sizeof(nodes[0]) };\n\n")


def problems_source(document):
    yield "const struct api_problem api_problems[] = {\n"
    for slug, (status, title) in document["x-problems"].items():
        yield f"    {{ {quote(slug)}, {status}, {quote(title)} }},\n"
    yield "};\nconst size_t api_n_problems = sizeof(api_problems) / sizeof(api_problems[0]);\n"


def reasons_source(document):
    """Sentences from the one that says most itself to the one that is nearly all places."""
    reasons = sorted(document["x-reasons"].items(), key=lambda one: (-len(re.sub(r"{\w+}", "", one[1])), one[0]))
    yield "const struct api_reason api_reasons[] = {\n"
    for code, sentence in reasons:
        yield f"    {{ {quote(code)}, {quote(sentence)} }},\n"
    yield "};\nconst size_t api_n_reasons = sizeof(api_reasons) / sizeof(api_reasons[0]);\n"


# ---- documents ----

def embed(name, data):
    """Octets as an array: a literal of this length is more than compilers have to take."""
    yield f"static const unsigned char {name}_octets[] = {{\n"
    for at in range(0, len(data), 24):
        yield ",".join(str(b) for b in data[at:at + 24]) + ",\n"
    yield f"}};\nconst str {name} = {{ (const char *){name}_octets, sizeof({name}_octets) }};\n"


def documents_source(texts):
    """`texts`: name -> bytes."""
    yield HEAD.format("The contract itself, to be served.") + "#include \"api_tables.h\"\n\n"
    for name, data in texts.items():
        yield from embed(name, data)


def operations_of(document):
    return [Operation(document, path, method, node) for path, method, node in operations(document)]
