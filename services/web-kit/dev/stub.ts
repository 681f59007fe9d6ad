// SPDX-License-Identifier: Apache-2.0
// A server of made-up mail inside Vite's own, to work on the apps without a Heronry. It answers in the
// shapes of the contract; it is no part of any build and of no test of the server.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import type { Schema } from "../src/api/client.ts";
import { makeFolders, makeThread, ME, type StubMessage } from "./data.ts";

type Row = Schema<"ThreadRow">;
interface Request {
  query: URLSearchParams;
  path: string[];
  body: Record<string, unknown>;
  raw: Buffer;
  headers: IncomingMessage["headers"];
}
interface Reply {
  status?: number;
  json?: unknown;
  text?: string;
  bytes?: Uint8Array;
  headers?: Record<string, string>;
}
type Handler = (request: Request) => Reply;

const CONVERSATIONS = Number(process.env["STUB_CONVERSATIONS"] ?? 50_000);

class Stub {
  signedIn = process.env["STUB_SIGNED_IN"] !== "0";
  folders = makeFolders();
  state = 1000;
  threads = new Map<string, StubMessage[]>();
  order: string[] = [];
  log: { state: number; thread: string }[] = [];
  streams = new Set<ServerResponse>();
  drafts = new Map<string, { draft: Schema<"Draft">; etag: number }>();
  blobs = new Map<string, Schema<"Blob">>();
  submissions = new Map<string, Schema<"Submission">>();
  settings: Schema<"Settings"> = {
    language: "auto", theme: "auto", density: "cosy", timeZone: "auto", undoSendSeconds: 10, singleKeys: true,
    markReadAfterSeconds: 0, desktopNotifications: false,
  };
  identities: Schema<"Identity">[] = [
    { id: "1", name: ME.name, address: ME.address, replyTo: null, signatureHtml: "<p>Bo Nakamura<br>Heron watch, north bank</p>", signatureText: "Bo Nakamura\nHeron watch, north bank", isDefault: true },
  ];
  next = 90_000_000;

  constructor() {
    const now = Date.now();
    for (let i = 0; i < CONVERSATIONS; i++) {
      const made = makeThread(i, now - i * 1_320_000);
      const id = made[0]?.message.threadId ?? "";
      this.threads.set(id, made);
      this.order.push(id);
    }
    this.count();
  }

  count(): void {
    const total = new Map<string, number>();
    const unread = new Map<string, number>();
    for (const messages of this.threads.values())
      for (const { message } of messages)
        for (const id of message.mailboxIds) {
          total.set(id, (total.get(id) ?? 0) + 1);
          if (!message.keywords.includes("$seen")) unread.set(id, (unread.get(id) ?? 0) + 1);
        }
    for (const one of this.folders) {
      one.totalMessages = total.get(one.id) ?? 0;
      one.unreadMessages = unread.get(one.id) ?? 0;
    }
  }

  row(id: string, mailboxId?: string): Row | undefined {
    const all = (this.threads.get(id) ?? []).map((one) => one.message);
    const here = mailboxId ? all.filter((one) => one.mailboxIds.includes(mailboxId)) : all;
    const last = here.at(-1);
    if (!last) return undefined;
    const people = new Map(all.flatMap((one) => one.from).map((one) => [one.address, one]));
    return {
      id, subject: last.subject, preview: last.preview, receivedAt: last.receivedAt, from: mailboxId === "3" || mailboxId === "2" ? last.to : [...people.values()],
      messageIds: all.map((one) => one.id), messageCount: all.length,
      unreadCount: all.filter((one) => !one.keywords.includes("$seen")).length,
      isFlagged: all.some((one) => one.keywords.includes("$flagged")), isAnswered: false,
      hasAttachment: all.some((one) => one.attachments.length > 0), hasDraft: all.some((one) => one.draftId !== null),
      keywords: [], mailboxIds: [...new Set(all.flatMap((one) => one.mailboxIds))], size: last.size,
    };
  }

  ids(mailboxId: string, filter = "all"): string[] {
    return this.order.filter((id) => {
      const row = this.row(id, mailboxId);
      if (!row) return false;
      return filter === "unread" ? row.unreadCount > 0 : filter === "flagged" ? row.isFlagged : filter === "attachments" ? row.hasAttachment : true;
    });
  }

  emit(event: Schema<"Event">): void {
    for (const stream of this.streams) stream.write(`id: ${this.state}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  changed(threads: Iterable<string>, arrived: Row[] = []): void {
    this.state++;
    for (const thread of new Set(threads)) this.log.push({ state: this.state, thread });
    this.count();
    this.emit({ type: "change", state: String(this.state), arrived, mailboxes: this.folders.map(({ id, totalMessages, unreadMessages }) => ({ id, totalMessages, unreadMessages })) });
  }

  arrive(subject: string): void {
    const made = makeThread(this.next++, Date.now()).slice(-1).map((one) => ({ ...one, message: { ...one.message, subject, keywords: [], mailboxIds: ["1"], from: [{ name: "Ada Lindqvist", address: "ada.lindqvist@example.org" }] } }));
    const id = made[0]?.message.threadId ?? "";
    this.threads.set(id, made);
    this.order.unshift(id);
    this.changed([id], [this.row(id, "1")].filter((one) => one !== undefined));
  }

  message(id: string): StubMessage | undefined {
    return this.threads.get(String(Math.floor(Number(id) / 10) * 10))?.find((one) => one.message.id === id);
  }

  page(ids: string[], query: URLSearchParams, mailboxId?: string): Schema<"ThreadPage"> {
    const from = Number(query.get("cursor") ?? 0);
    const limit = Number(query.get("limit") ?? 50);
    return {
      state: String(this.state), items: ids.slice(from, from + limit).flatMap((id) => this.row(id, mailboxId) ?? []),
      nextCursor: from + limit < ids.length ? String(from + limit) : null, total: query.get("total") === "true" ? ids.length : null,
    };
  }

  batch(body: Record<string, unknown>): Reply {
    const { target, change } = body as unknown as Schema<"BatchRequest">;
    const { mailboxId, newestOnly = false, ids = [] } = target.threads ?? {};
    const inThreads = ids.flatMap((id) => {
      const here = (this.threads.get(id) ?? []).filter((one) => !mailboxId || one.message.mailboxIds.includes(mailboxId));
      return newestOnly ? (here.findLast((one) => one.message.draftId === null) ?? here.at(-1) ?? []) : here;
    });
    const wanted = target.messageIds?.flatMap((id) => this.message(id) ?? []) ?? inThreads;
    const groups = new Map<string, string[]>();
    for (const { message } of wanted) {
      const before = message.mailboxIds[0] ?? "1";
      groups.set(before, [...(groups.get(before) ?? []), message.id]);
      if (change.move) message.mailboxIds = [change.move.to];
      for (const [name, on] of Object.entries(change.keywords ?? {})) {
        message.keywords = message.keywords.filter((one) => one !== name);
        if (on) message.keywords.push(name);
      }
      if (change.destroy) message.mailboxIds = [];
    }
    this.changed(wanted.map((one) => one.message.threadId));
    return { json: { state: String(this.state), changed: [...groups].map(([mailboxId, messageIds]) => ({ mailboxId, messageIds })), unchangedCount: 0, notFound: [], hasMore: false } };
  }

  search(query: URLSearchParams): Reply {
    const words = (query.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const ids = this.order.filter((id) => {
      const row = this.row(id);
      if (!row) return false;
      const text = `${row.subject} ${row.preview} ${row.from.map((one) => `${one.name} ${one.address}`).join(" ")}`.toLowerCase();
      return words.every((word) => (word === "is:unread" ? row.unreadCount > 0 : word === "has:attachment" ? row.hasAttachment : text.includes(word.replace(/^(from|subject):/, ""))));
    });
    const page = this.page(ids, query);
    const mark = (text: string): Schema<"Highlighted"> => {
      const word = words.find((one) => text.toLowerCase().includes(one));
      if (!word) return [{ text, isMatch: false }];
      const at = text.toLowerCase().indexOf(word);
      return [{ text: text.slice(0, at), isMatch: false }, { text: text.slice(at, at + word.length), isMatch: true }, { text: text.slice(at + word.length), isMatch: false }].filter((one) => one.text);
    };
    const items = page.items.map((thread) => ({ thread, messageIds: thread.messageIds, subject: mark(thread.subject), from: mark(thread.from[0]?.name ?? ""), snippet: mark(thread.preview) }));
    return { json: { state: page.state, items, nextCursor: page.nextCursor, total: Math.min(ids.length, 10_000), isTotalExact: ids.length < 10_000, isComplete: true, facets: query.get("facets") === "true" ? { from: [{ address: "ada.lindqvist@example.org", name: "Ada Lindqvist", count: 12 }], mailboxes: [{ id: "1", count: 20 }], years: [{ year: 2026, count: 20 }], unread: 4, attachments: 3 } : null } };
  }

  saveDraft(id: string | undefined, body: Record<string, unknown>, match: string | undefined): Reply {
    const old = id ? this.drafts.get(id) : undefined;
    if (id && !old) return problem(404, "not-found");
    if (old && match !== `"${old.etag}"`) return problem(412, "changed");
    const now = new Date().toISOString();
    const key = id ?? String(this.next++);
    const attachments = (body["attachments"] as { blobId: string; contentId?: string }[]).map(({ blobId, contentId }) => ({ blobId, name: this.blobs.get(blobId)?.name ?? "file", type: this.blobs.get(blobId)?.type ?? "application/octet-stream", size: this.blobs.get(blobId)?.size ?? 1, contentId: contentId ?? null }));
    const draft = { ...(body as unknown as Schema<"DraftInput">), id: key, messageId: null, identityId: "1", inReplyTo: null, attachments, createdAt: now, updatedAt: now } as Schema<"Draft">;
    const etag = (old?.etag ?? 0) + 1;
    this.drafts.set(key, { draft, etag });
    return { status: id ? 200 : 201, json: draft, headers: { ETag: `"${etag}"` } };
  }
}

function problem(status: number, slug: string): Reply {
  return { status, json: { type: `/problems/${slug}`, title: slug, status, requestId: "r-stub" }, headers: { "Content-Type": "application/problem+json" } };
}

function index(ids: string[]): Uint8Array {
  const bytes: number[] = [];
  let last = 0n;
  for (const id of ids) {
    const difference = BigInt(id) - last;
    last = BigInt(id);
    let value = BigInt.asUintN(64, (difference << 1n) ^ (difference >> 63n));
    while (value > 127n) {
      bytes.push(Number(value & 127n) | 128);
      value >>= 7n;
    }
    bytes.push(Number(value));
  }
  return Uint8Array.from(bytes);
}

function routes(stub: Stub): Record<string, Handler> {
  const account: Schema<"Account"> = { id: "7", address: ME.address, displayName: ME.name, addresses: [ME.address], isAdmin: true, quotaBytes: 5e9, usedBytes: 1.2e9, usedMessages: 50_000, createdAt: "2026-01-01T00:00:00Z" };
  const session = { id: "1", account, scopes: [], createdAt: "2026-01-01T00:00:00Z", expiresAt: null };
  const info = (id: string, isCurrent: boolean): Schema<"SessionInfo"> => ({ id, isCurrent, ip: "192.0.2.7", userAgent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", createdAt: "2026-10-01T00:00:00Z", lastUsedAt: new Date().toISOString(), expiresAt: "2027-01-01T00:00:00Z" });
  return {
    "POST /session": ({ body }) => (body["password"] === "wrong" ? problem(401, "wrong-credentials") : ((stub.signedIn = true), { json: session })),
    "GET /session": () => ({ json: session }),
    "DELETE /session": () => ((stub.signedIn = false), { status: 204 }),
    "GET /sessions": () => ({ json: { items: [info("1", true), info("2", false)], nextCursor: null } }),
    "DELETE /sessions/*": () => ({ status: 204 }),
    "POST /me/password": () => ({ status: 204 }),
    "PATCH /me": ({ body }) => ({ json: Object.assign(account, body) }),
    "PATCH /me/settings": ({ body }) => ({ json: Object.assign(stub.settings, body) }),
    "PATCH /identities/*": ({ body }) => ({ json: Object.assign(stub.identities[0] ?? {}, body) }),
    "GET /bootstrap": () => ({ json: { account, scopes: [], settings: stub.settings, mailboxes: stub.folders, identities: stub.identities, inbox: stub.page(stub.ids("1"), new URLSearchParams({ limit: "50", total: "true" }), "1"), state: String(stub.state), eventCursor: String(stub.state), limits: { messageBytes: 5e7, recipients: 100, uploadBytes: 5e7, partBytes: 4_194_304 }, version: "stub" } satisfies Schema<"Bootstrap"> }),
    "GET /mailboxes": () => ({ json: { state: String(stub.state), items: stub.folders } }),
    "GET /mailboxes/*/threads": ({ path, query }) => ({ json: stub.page(stub.ids(path[1] ?? "", query.get("filter") ?? "all"), query, path[1]) }),
    "GET /mailboxes/*/index": ({ path, query }) => ({ bytes: index(stub.ids(path[1] ?? "", query.get("filter") ?? "all")) }),
    "POST /threads/batchGet": ({ body }) => {
      const wanted = body as unknown as Schema<"ThreadsWanted">;
      const items = wanted.ids.flatMap((id) => stub.row(id, wanted.mailboxId) ?? []);
      return { json: { state: String(stub.state), items, notFound: wanted.ids.filter((id) => !items.some((one) => one.id === id)) } };
    },
    "GET /threads/*": ({ path }) => {
      const messages = stub.threads.get(path[1] ?? "")?.map((one) => one.message);
      return messages ? { json: { id: path[1], state: String(stub.state), subject: messages[0]?.subject ?? "", messages } } : problem(404, "not-found");
    },
    "POST /messages/batch": ({ body }) => stub.batch(body),
    "GET /messages/*/content": ({ path }) => {
      const one = stub.message(path[1] ?? "");
      return one ? { json: { hasHtml: one.html !== "", html: one.html || `<p>${one.text}</p>`, text: one.text, isCut: false, remote: { count: one.remote, pixels: one.remote ? 1 : 0, hosts: one.remote ? ["track.example.net"] : [] }, misleadingLinks: [] } } : problem(404, "not-found");
    },
    "GET /messages/*/body": ({ path }) => ({ text: `<!doctype html><meta charset="utf-8"><style>body{font:15px/1.55 system-ui;margin:0;padding:2px;overflow-wrap:break-word}</style>${stub.message(path[1] ?? "")?.html ?? ""}`, headers: { "Content-Type": "text/html", "Content-Security-Policy": "sandbox allow-same-origin allow-popups; default-src 'none'; style-src 'unsafe-inline'" } }),
    "GET /messages/*/parts/*": () => ({ text: "%PDF-", headers: { "Content-Type": "application/pdf", "Content-Disposition": 'attachment; filename="count-2026.pdf"' } }),
    "GET /changes": ({ query }) => {
      const since = Number(query.get("since"));
      const updated = [...new Set(stub.log.filter((one) => one.state > since).map((one) => one.thread))];
      const none = { created: [], updated: [], destroyed: [] };
      return { json: { oldState: String(since), newState: String(stub.state), hasMore: false, mailboxes: none, messages: none, threads: { ...none, updated } } };
    },
    "GET /search": ({ query }) => stub.search(query),
    "GET /search/suggest": ({ query }) => {
      const typed = (query.get("q") ?? "").toLowerCase();
      const people = new Map([...stub.threads.values()].slice(0, 200).flatMap((one) => one[0]?.message.from ?? []).map((one) => [one.address, one]));
      const persons = [...people.values()].filter((one) => `${one.name} ${one.address}`.toLowerCase().includes(typed.replace(/^\w+:/, ""))).map((one) => ({ kind: "person", text: one.name, insert: `from:${one.address}`, detail: one.address }));
      const operators = ["from:", "subject:", "is:unread", "has:attachment"].filter((one) => one.startsWith(typed)).map((one) => ({ kind: "operator", text: one, insert: one, detail: "" }));
      return { json: { items: [...operators, ...persons].slice(0, 6) } };
    },
    "POST /blobs": ({ query, raw }) => {
      const blob = { id: `b${stub.next++}`, name: query.get("name") ?? "", type: query.get("type") ?? "application/octet-stream", size: Number(query.get("size")), received: raw.length, isComplete: raw.length === Number(query.get("size")), expiresAt: "2027-01-01T00:00:00Z" };
      stub.blobs.set(blob.id, blob);
      return { status: 201, json: blob };
    },
    "PUT /blobs/*": ({ path, raw }) => {
      const blob = stub.blobs.get(path[1] ?? "");
      if (!blob) return problem(404, "not-found");
      blob.received += raw.length;
      blob.isComplete = blob.received === blob.size;
      return { json: blob };
    },
    "DELETE /blobs/*": () => ({ status: 204 }),
    "POST /drafts": ({ body }) => stub.saveDraft(undefined, body, undefined),
    "PUT /drafts/*": ({ path, body, headers }) => stub.saveDraft(path[1], body, headers["if-match"]),
    "GET /drafts/*": ({ path }) => {
      const one = stub.drafts.get(path[1] ?? "");
      return one ? { json: one.draft, headers: { ETag: `"${one.etag}"` } } : problem(404, "not-found");
    },
    "DELETE /drafts/*": ({ path }) => (stub.drafts.delete(path[1] ?? ""), { status: 204 }),
    "POST /submissions": ({ body }) => {
      const draft = stub.drafts.get(String(body["draftId"]))?.draft;
      if (!draft) return problem(404, "not-found");
      const made: Schema<"Submission"> = { id: String(stub.next++), draftId: draft.id, messageId: null, threadId: null, undoStatus: "pending", undoUntil: new Date(Date.now() + 10_000).toISOString(), from: ME.address, recipients: draft.to.map((one) => ({ address: one.address, status: "held", reply: "", told: null })), subject: draft.subject, createdAt: new Date().toISOString() };
      stub.submissions.set(made.id, made);
      return { status: 201, json: made };
    },
    "DELETE /submissions/*": ({ path }) => {
      const one = stub.submissions.get(path[1] ?? "");
      return one ? { json: Object.assign(one, { undoStatus: "canceled" }) } : problem(404, "not-found");
    },
    "POST /stub/arrive": ({ query }) => (stub.arrive(query.get("subject") ?? "Just landed"), { status: 204 }),
  };
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

function answer(response: ServerResponse, reply: Reply): void {
  response.statusCode = reply.status ?? 200;
  response.setHeader("Content-Type", reply.bytes ? "application/octet-stream" : "application/json");
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  response.end(reply.bytes ?? reply.text ?? (reply.json === undefined ? undefined : JSON.stringify(reply.json)));
}

/** The plug-in; STUB_CONVERSATIONS, STUB_SIGNED_IN and STUB_FAIL (a path that fails) steer it. */
export function stubServer(): Plugin {
  return {
    name: "heronry-stub",
    apply: "serve",
    configureServer(server) {
      const stub = new Stub();
      const table = Object.entries(routes(stub)).map(([key, run]) => {
        const [method = "", path = ""] = key.split(" ");
        return { method, pattern: new RegExp(`^${path.replaceAll("*", "[^/]+")}$`), run };
      });
      server.middlewares.use("/api/v1", (request, response) => {
        const url = new URL(request.url ?? "/", "http://stub");
        if (url.pathname === "/events") {
          response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
          response.write(": hello\n\n");
          stub.streams.add(response);
          request.on("close", () => stub.streams.delete(response));
          return;
        }
        void (async () => {
          const raw = await read(request);
          const json = request.headers["content-type"]?.includes("json") && raw.length > 0;
          const found = table.find((one) => one.method === request.method && one.pattern.test(url.pathname));
          const fail = process.env["STUB_FAIL"];
          if (!stub.signedIn && url.pathname !== "/session") return answer(response, problem(401, "not-signed-in"));
          if (!found || (fail && url.pathname.includes(fail))) return answer(response, problem(fail ? 503 : 404, "not-found"));
          answer(response, found.run({ query: url.searchParams, path: url.pathname.split("/").filter(Boolean), body: json ? (JSON.parse(raw.toString()) as Record<string, unknown>) : {}, raw, headers: request.headers }));
        })();
      });
    },
  };
}
