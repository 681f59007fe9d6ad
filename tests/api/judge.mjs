// SPDX-License-Identifier: Apache-2.0
// Judges answers by the contract with ajv: which operation a request was, and whether the answer is
// one that the contract allows. Knows no server.
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

// Formats of ours: `pattern` and lengths say the same where it matters.
const OWN = ["account", "content-range", "cursor", "domain", "etag", "id", "key", "keyword", "line", "mailbox-name",
  "media-type", "part", "password", "queue-id", "state", "token"];

function makeAjv(document) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv, ["date-time"]);
  ajv.addFormat("email", (text) => text.lastIndexOf("@") > 0);
  for (const name of OWN) ajv.addFormat(name, true);
  ajv.addSchema({ $id: "contract", ...document });
  return ajv;
}

/** The node that a reference of the bundle means. */
export function follow(document, node) {
  while (node && node.$ref) node = node.$ref.slice(2).split("/").reduce((at, name) => at[name], document);
  return node;
}

/** Every operation with its whole path, as "GET /api/v1/mailboxes/{mailboxId}". */
export function operations(document) {
  const all = [];
  for (const [path, item] of Object.entries(document.paths)) {
    const base = (item.servers ?? document.servers)[0].url.replace(/\/$/, "");
    for (const method of ["get", "post", "put", "patch", "delete"]) {
      if (item[method]) all.push({ method: method.toUpperCase(), path: base + path, ...item[method] });
    }
  }
  return all;
}

const pointer = (parts) => "contract#/" + parts.map((p) => encodeURIComponent(p.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");

export class Judge {
  constructor(document) {
    this.document = document;
    this.ajv = makeAjv(document);
    this.compiled = new Map();
    this.operations = operations(document).map((op) => ({ ...op, segments: op.path.slice(1).split("/") }));
  }

  /** The operation of a request, or undefined. A literal segment goes before a parameter, as in the
   * server. */
  find(method, path) {
    const segments = path.split("?")[0].slice(1).split("/");
    const fits = this.operations.filter((op) => op.segments.length === segments.length
      && op.segments.every((s, i) => (s.startsWith("{") ? segments[i] !== "" : s === segments[i])));
    const wanted = method === "HEAD" ? "GET" : method;
    const literals = (op) => op.segments.filter((s) => !s.startsWith("{")).length;
    const most = Math.max(...fits.map(literals));
    return fits.find((op) => literals(op) === most && op.method === wanted);
  }

  /** What is wrong with a value by a schema of the bundle; a list of sentences. */
  judge(key, schema, value) {
    if (!this.compiled.has(key)) this.compiled.set(key, this.ajv.compile(this.rooted(schema)));
    const validate = this.compiled.get(key);
    return validate(value) ? [] : validate.errors.map((e) => `${e.instancePath || "/"} ${e.message}`
      + (e.params.additionalProperty ? ` (${e.params.additionalProperty})` : ""));
  }

  rooted(schema) {
    return JSON.parse(JSON.stringify(schema), (name, value) => (name === "$ref" ? pointer(value.slice(2).split("/")) : value));
  }

  /** Sentences of a problem that have no code (openapi/reasons.yaml). */
  untold(body) {
    if (!body.subarray(0, 20).includes("/problems/")) return [];
    const { detail, told, errors = [] } = JSON.parse(body.toString("utf8"));
    const said = errors.length > 0 || !detail ? errors : [{ detail, told }];
    return said.filter((one) => !one.told).map((one) => one.detail);
  }

  /** Judges one answer: { method, path, status, headers (lower case), body (Buffer) }. Gives
   * { operationId, faults }; operationId is null for what is not in the contract. */
  answer({ method, path, status, headers, body }) {
    const op = this.find(method, path);
    if (!op) return { operationId: null, faults: [] };
    const node = follow(this.document, op.responses[String(status)]);
    if (!node) return { operationId: op.operationId, faults: [`answers ${status}, which the contract does not have`] };
    const faults = this.headers(node, headers);
    const kinds = Object.keys(node.content ?? {});
    if (kinds.length === 0 && body.length > 0) faults.push("has a body, which the contract does not have");
    if (kinds.length > 0 && method !== "HEAD") faults.push(...this.body(op, status, node, kinds, headers, body));
    return { operationId: op.operationId, faults };
  }

  headers(node, headers) {
    const wanted = Object.entries(node.headers ?? {}).filter(([, h]) => follow(this.document, h).required);
    return wanted.filter(([name]) => headers[name.toLowerCase()] === undefined).map(([name]) => `lacks the header ${name}`);
  }

  body(op, status, node, kinds, headers, body) {
    const kind = (headers["content-type"] ?? "").split(";")[0].trim().toLowerCase();
    const known = kinds.find((k) => k === kind || k === "*/*");
    if (!known) return [`is ${kind || "without a type"}, not ${kinds.join(" or ")}`];
    const schema = node.content[known].schema ?? {};
    const key = `${op.operationId} ${status} ${known}`;
    if (known.endsWith("json")) return this.json(key, schema, body.toString("utf8"));
    if (known === "text/event-stream") return this.events(key, schema, body.toString("utf8"));
    return [];
  }

  json(key, schema, text) {
    try {
      const value = JSON.parse(text);
      const faults = this.judge(key, schema, value);
      if (value?.type?.startsWith?.("/problems/") && !value.requestId) faults.push("is a problem without a requestId");
      return faults;
    } catch (why) {
      return [`is not JSON: ${why.message}`];
    }
  }

  events(key, schema, text) {
    const data = text.split("\n").filter((line) => line.startsWith("data: "));
    return data.flatMap((line) => this.json(key, schema, line.slice(6)));
  }
}
