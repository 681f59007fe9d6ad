# SPDX-License-Identifier: Apache-2.0
"""Writes the contract as one page for people: no script, no other file, light and dark."""
import base64
import hashlib
import html
import json
import re

from bundle import follow, operations, server_of

STYLE = """
:root{color-scheme:light dark;--bg:light-dark(oklch(97.4% .006 232),oklch(17.5% .018 232));
--surface:light-dark(#fff,oklch(20.5% .02 232));--line:light-dark(oklch(91% .011 232),oklch(29% .02 232));
--text:light-dark(oklch(26% .03 232),oklch(94% .008 232));--soft:light-dark(oklch(45% .028 232),oklch(76% .02 232));
--accent:light-dark(oklch(50% .115 228),oklch(76% .1 220))}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.55 Inter,system-ui,sans-serif;display:grid;
grid-template-columns:17rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:24px 16px;border-inline-end:1px solid var(--line);font-size:13px}
nav h2{font-size:12px;color:var(--soft);margin:16px 0 4px}nav a{display:block;padding:3px 8px;border-radius:6px}
main{padding:24px 40px 96px;max-width:60rem}
a{color:var(--accent);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
h1{font-size:26px;letter-spacing:-.02em}h2{font-size:22px;letter-spacing:-.01em;margin:48px 0 8px}
h3{font-size:16px;margin:0}section{background:var(--surface);border-radius:16px;padding:20px 24px;margin:16px 0}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{background:var(--bg);border-radius:10px;padding:12px 16px;overflow:auto}
.path{font:600 14px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}.method{color:var(--accent)}
.soft{color:var(--soft)}table{border-collapse:collapse;width:100%}td,th{text-align:start;vertical-align:top;
padding:6px 12px 6px 0;border-top:1px solid var(--line)}th{font-weight:600;font-size:13px;color:var(--soft);border:0}
td:first-child{white-space:nowrap}td p{margin:0 0 4px}summary{cursor:pointer;color:var(--accent)}
.codes a{margin-inline-end:8px}
@media(max-width:700px){body{display:block}nav{position:static;height:auto;border:0}main{padding:16px}td:first-child{white-space:normal}}
"""


def text(value):
    return html.escape(str(value))


def prose(value):
    """The little of Markdown that descriptions use: headings, code, paragraphs."""
    out = []
    for block in re.split(r"\n\s*\n|\n(?=## )|(?<=\n)(?=## )", value.strip()):
        heading, _, rest = block.partition("\n") if block.startswith("## ") else ("", "", block)
        if heading:
            out.append(f"<h3>{text(heading[3:])}</h3>")
        if rest.strip():
            out.append("<p>" + re.sub(r"`([^`]+)`", r"<code>\1</code>", text(rest.strip())) + "</p>")
    return "\n".join(out)


def link(name):
    return f'<a href="#schema-{name}">{name}</a>'


def type_of(document, schema):
    """What a value may be, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        target = follow(document, schema)
        return link(name) if "object" in str(target.get("type")) or "oneOf" in target else type_of(document, target)
    if "oneOf" in schema:
        return " or ".join(type_of(document, part) for part in schema["oneOf"])
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds:
        return "list of " + type_of(document, schema["items"])
    words = " or ".join(text(k) for k in kinds)
    if "enum" in schema:
        return ", ".join(f"<code>{text(json.dumps(w) if w is None else w)}</code>" for w in schema["enum"])
    return words + (f" ({text(schema['format'])})" if "format" in schema else "")


def limits(schema):
    names = {"minimum": "at least", "maximum": "at most", "minLength": "at least", "maxLength": "at most",
             "minItems": "at least", "maxItems": "at most", "default": "default"}
    return ", ".join(f"{word} {text(json.dumps(schema[key]))}" for key, word in names.items() if key in schema)


def row(document, name, schema, required, description):
    target = follow(document, schema)
    notes = "; ".join(n for n in ("required" if required else "", limits(target)) if n)
    return (f"<tr><td><code>{text(name)}</code></td><td>{type_of(document, schema)}"
            f"<br><span class=soft>{notes}</span></td><td>{prose(description)}</td></tr>")


def parameters(document, op):
    nodes = [follow(document, p) for p in op.get("parameters", [])]
    if not nodes:
        return ""
    rows = "".join(row(document, p["name"], p["schema"], p.get("required"), f"{p['description']} ({p['in']})") for p in nodes)
    return f"<table><thead><tr><th>Parameter<th>Type<th>Meaning</thead><tbody>{rows}</tbody></table>"


def example(content):
    if "example" not in content:
        return ""
    return ("<details><summary>Example</summary><pre>"
            + text(json.dumps(content["example"], indent=2, ensure_ascii=False)) + "</pre></details>")


def body(document, node, title):
    out = ""
    for kind, content in follow(document, node).get("content", {}).items():
        schema = content.get("schema", {})
        out += f"<p>{title} <code>{text(kind)}</code> {type_of(document, schema) if '$ref' in schema else ''}</p>{example(content)}"
    return out


def responses(document, op):
    rows = codes = ""
    for status, node in op["responses"].items():
        if "/responses/" in node.get("$ref", ""):
            codes += f'<a href="#failure-{status}">{status}</a> '
            continue
        node = follow(document, node)
        rows += f"<tr><td><code>{status}</code></td><td>{prose(node['description'])}{body(document, node, '')}</td></tr>"
    failures = f"<p class=codes><span class=soft>Failures:</span> {codes}</p>" if codes else ""
    return f"<table><thead><tr><th>Status<th>Meaning</thead><tbody>{rows}</tbody></table>{failures}"


def curl(document, path, method, op):
    """The request as a line for the shell."""
    line = ["curl"] + ([] if method == "get" else ["-X", method.upper()])
    if op["x-scope"] != "public":
        line.append('-H "Authorization: Bearer $TOKEN"')
    content = op.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        sent = json.dumps(content["application/json"]["example"], ensure_ascii=False)
        line.append("--json '" + sent.replace("'", "'\\''") + "'")
    elif content:
        line.append("--data-binary @plan.pdf")
    for node in (follow(document, p) for p in op.get("parameters", [])):
        value = node.get("example", "")
        if node["in"] == "path":
            path = path.replace("{" + node["name"] + "}", str(value))
        elif node["in"] == "query" and node.get("required"):
            path += ("&" if "?" in path else "?") + f"{node['name']}={str(value).replace(' ', '+')}"
        elif node["in"] == "header" and node.get("required"):
            line.append(f'-H "{node["name"]}: {value}"')
    return " ".join(line) + f" 'https://mail.example.org{path}'"


def operation(document, path, method, op):
    full = server_of(document, path) + path
    scope = "open to all" if op["x-scope"] == "public" else f"needs {op['x-scope']}"
    return (f'<section id="{op["operationId"]}"><h3>{text(op["summary"])}</h3>'
            f'<p class=path><span class=method>{method.upper()}</span> {text(full)}</p>'
            f'<p class=soft><code>{op["operationId"]}</code>, {text(scope)}</p>'
            f'{prose(op["description"]) if op["description"] != op["summary"] else ""}{parameters(document, op)}'
            f'{body(document, op.get("requestBody", {}), "Send")}{responses(document, op)}'
            f"<details><summary>As a command</summary><pre>{text(curl(document, full, method, op))}</pre></details></section>")


def schema_section(document, name, schema):
    rows = "".join(row(document, field, part, field in schema.get("required", []),
                       part.get("description") or follow(document, part).get("description", ""))
                   for field, part in schema.get("properties", {}).items())
    options = " or ".join(type_of(document, part) for part in schema.get("oneOf", []))
    table = f"<table><thead><tr><th>Field<th>Type<th>Meaning</thead><tbody>{rows}</tbody></table>" if rows else f"<p>{options}</p>"
    return f'<section id="schema-{name}"><h3>{name}</h3>{prose(schema["description"])}{table}</section>'


def failures(document):
    """Each failure once, by its status."""
    nodes = document["components"]["responses"].values()
    by_status = sorted(((n["content"]["application/problem+json"]["example"]["status"], n) for n in nodes), key=lambda pair: pair[0])
    rows = "".join(f'<tr id="failure-{status}"><td><code>{status}</code></td><td>{prose(n["description"])}'
                   f'{example(n["content"]["application/problem+json"])}</td></tr>' for status, n in by_status)
    return f'<h2 id="failures">Failures</h2><section><table><thead><tr><th>Status<th>Meaning</thead><tbody>{rows}</tbody></table></section>'


def problems(document):
    rows = "".join(f'<tr id="problem-{slug}"><td><code>/problems/{slug}</code></td><td>{status}</td><td>{text(title)}</td></tr>'
                   for slug, (status, title) in document["x-problems"].items())
    return f'<h2 id="problems">Problems</h2><section><table><thead><tr><th>type<th>Status<th>Meaning</thead><tbody>{rows}</tbody></table></section>'


def reasons(document):
    rows = "".join(f"<tr><td><code>{code}</code></td><td>{text(sentence)}</td></tr>" for code, sentence in document["x-reasons"].items())
    return f'<h2 id="reasons">Sentences</h2><section><table><thead><tr><th>code<th>Sentence</thead><tbody>{rows}</tbody></table></section>'



def render(document):
    """The page, and the Content-Security-Policy that it is to be sent with."""
    menu = content = ""
    all_operations = list(operations(document))
    for tag in document["tags"]:
        menu += f"<h2>{text(tag['name'])}</h2>"
        content += f"<h2 id=\"tag-{text(tag['name'])}\">{text(tag['name'])}</h2>{prose(tag['description'])}"
        for path, method, op in all_operations:
            if tag["name"] in op["tags"]:
                menu += f'<a href="#{op["operationId"]}">{text(op["summary"])}</a>'
                content += operation(document, path, method, op)
    schemas = "".join(schema_section(document, name, schema) for name, schema in document["components"]["schemas"].items()
                      if "object" in str(schema.get("type")) or "oneOf" in schema)
    menu += '<h2>More</h2><a href="#failures">Failures</a><a href="#problems">Problems</a><a href="#reasons">Sentences</a><a href="#schemas">Schemas</a>'
    info = document["info"]
    page = (f'<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width">'
            f"<title>{text(info['title'])} API</title><style>{STYLE}</style></head><body><nav aria-label=Operations>{menu}</nav>"
            f"<main><h1>{text(info['title'])} API {text(info['version'])}</h1><p>{text(info['summary'])} "
            f'<a href="openapi.json">openapi.json</a></p>{prose(info["description"])}{content}{failures(document)}{problems(document)}{reasons(document)}'
            f'<h2 id="schemas">Schemas</h2>{schemas}</main></body></html>\n')
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return page, policy
