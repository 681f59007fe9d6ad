// SPDX-License-Identifier: Apache-2.0
// The conversations of a folder or of a search: their order as a whole, their rows as they are wanted.
import { SvelteMap } from "svelte/reactivity";
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { asProblem, isAborted } from "@heronry/web-kit/api/problem.ts";
import { ASK_AGAIN_MS, pauseMs } from "./again.ts";
import { decodeIds } from "./varint.ts";
import type { Filter } from "./route.svelte.ts";

export type Row = Schema<"ThreadRow">;
export type Hit = Schema<"SearchHit">;

export type Source =
  | { kind: "folder"; mailboxId: string; filter: Filter }
  | { kind: "search"; q: string; mailboxId: string | null };

const PAGE = 50;
const BLOCK = 50;
/** A search that lacks mail of the last moments is made again after this, then after twice that, so many times. */
const INDEXED_MS = 500;
const LOOKS = 8;

function matches(row: Row, filter: Filter): boolean {
  switch (filter) {
    case "unread":
      return row.unreadCount > 0;
    case "flagged":
      return row.isFlagged;
    case "attachments":
      return row.hasAttachment;
    case "all":
      return true;
  }
}

export class ThreadList {
  readonly source: Source;
  ids = $state.raw<readonly string[]>([]);
  loading = $state(true);
  error = $state.raw<unknown>(null);
  /** Of a search: how many messages match, and whether that is all of them. */
  found = $state.raw<{ total: number; exact: boolean } | null>(null);
  facets = $state.raw<Schema<"Facets"> | null>(null);
  #rows = new SvelteMap<string, Row>();
  #hits = new Map<string, Hit>();
  #asked = new Set<string>();
  #places: Map<string, number> | undefined;
  #cursor: string | null = null;
  #abort = new AbortController();
  /** Conversations that an act of ours is changing now: news about them wait for its end. */
  #held = new Map<string, number>();
  /** How many acts of ours have begun, and which was the last with a conversation. */
  #acts = 0;
  #acted = new Map<string, number>();
  /** Held ones of which there was news. */
  #missed = new Set<string>();
  /** Pages and orders that are being read. */
  #reads = new Set<Promise<void>>();
  /** Ends when all news so far has been taken in, one after the other: answers may come in any order. */
  #news: Promise<void> = Promise.resolve();
  #reindexing: ReturnType<typeof setTimeout> | undefined;
  /** Until it is read once more: as a whole, when that failed, or the beginning of a search. */
  #later: ReturnType<typeof setTimeout> | undefined;
  #failed = 0;

  #left: (list: ThreadList, before: readonly string[]) => void;

  /** `left` is told of rows that went without an act of ours, and how the list was before. */
  constructor(source: Source, left: (list: ThreadList, before: readonly string[]) => void = () => undefined) {
    this.source = source;
    this.#left = left;
  }

  get mailboxId(): string | null {
    return this.source.mailboxId;
  }

  row(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  hit(id: string): Hit | undefined {
    return this.#hits.get(id);
  }

  indexOf(id: string): number {
    this.#places ??= new Map(this.ids.map((one, i) => [one, i]));
    return this.#places.get(id) ?? -1;
  }

  #setIds(ids: readonly string[]): void {
    this.ids = ids;
    this.#places = undefined;
  }

  /** Rows that came with something else (the bootstrap): shown at once. */
  seed(page: Schema<"ThreadPage">): void {
    for (const row of page.items) this.#rows.set(row.id, row);
    this.#setIds(page.items.map((one) => one.id));
    this.#cursor = page.nextCursor;
    this.loading = false;
  }

  /** Gives up everything that is still asked for. */
  close(): void {
    this.#abort.abort();
    clearTimeout(this.#reindexing);
    clearTimeout(this.#later);
  }

  /** What is asked for now may be answered after news that it does not know of: news wait for it. */
  #reading(read: Promise<void>): Promise<void> {
    this.#reads.add(read);
    return read.finally(() => this.#reads.delete(read));
  }

  /** Reads the list anew, again later when rows are shown that may not be true; `seeded` when the first page is there
   *  already. */
  load(seeded = false): Promise<void> {
    return this.#reading(this.#load(seeded));
  }

  async #load(seeded: boolean): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#later);
    const { signal } = (this.#abort = new AbortController());
    this.#asked.clear();
    if (!seeded) this.loading = true;
    try {
      if (this.source.kind === "search") await this.#search(null, signal);
      else await this.#folder(this.source, seeded, signal);
      this.error = null;
      this.#failed = 0;
      this.loading = false;
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      this.error = error;
      this.loading = false;
      // An empty list tells that it could not be read. These would never be told of what they lack.
      const { status, retryAfter } = asProblem(error);
      if (this.ids.length === 0 || status === 401 || status === 404) return;
      this.#later = setTimeout(() => void this.load(), pauseMs(this.#failed++, retryAfter));
    }
  }

  async #folder(source: Source & { kind: "folder" }, seeded: boolean, signal: AbortSignal): Promise<void> {
    const path = { mailboxId: source.mailboxId };
    const { filter } = source;
    const before = this.ids;
    if (!seeded) {
      const since = this.#acts;
      const query = { limit: PAGE, filter };
      const page = await ok(api.GET("/mailboxes/{mailboxId}/threads", { params: { path, query }, signal }));
      const ours = this.#oursSince(since);
      const kept = ours.flatMap((id) => this.#rows.get(id) ?? []);
      const order = this.#asShown(page.items.map((one) => one.id), ours);
      this.#rows.clear();
      this.seed(page);
      for (const row of kept) this.#rows.set(row.id, row);
      this.#setIds(order);
      this.#askLater(ours);
    }
    if (this.#cursor !== null) {
      const since = this.#acts;
      const bytes = await ok(
        api.GET("/mailboxes/{mailboxId}/index", {
          params: { path, query: { filter } },
          parseAs: "arrayBuffer",
          signal,
        }),
      );
      const ours = this.#oursSince(since);
      this.#setIds(this.#asShown(decodeIds(new Uint8Array(bytes as ArrayBuffer)), ours));
      this.#askLater(ours);
    }
    this.#left(this, before);
  }

  /** `look`: how often the beginning was asked for before. The rows of a repetition are those of
   * before an act of ours that came meanwhile: it is made again then. */
  async #search(cursor: string | null, signal: AbortSignal, look = 0): Promise<void> {
    const acts = this.#acts;
    const { q, mailboxId } = this.source as Source & { kind: "search" };
    const query = {
      q,
      limit: PAGE,
      facets: cursor === null,
      ...(mailboxId ? { mailboxId } : {}),
      ...(cursor ? { cursor } : {}),
    };
    const page = await ok(api.GET("/search", { params: { query }, signal }));
    if (look > 0 && acts !== this.#acts) return this.#lookAgain(look - 1, signal);
    const ours = this.#oursSince(acts);
    for (const hit of page.items) {
      const { id } = hit.thread;
      if (!ours.includes(id) || !this.#rows.has(id)) this.#rows.set(id, hit.thread);
      this.#hits.set(id, hit);
    }
    this.#askLater(ours);
    const fresh = page.items.map((one) => one.thread.id);
    const known = cursor || look > 0 ? this.ids : [];
    this.#setIds([...new Set(cursor ? [...known, ...fresh] : [...fresh, ...known])]);
    if (look === 0 || this.#asked.size === 0) this.#cursor = page.nextCursor;
    this.found = { total: page.total, exact: page.isTotalExact };
    if (page.facets) this.facets = page.facets;
    if (cursor === null && !page.isComplete) this.#lookAgain(look, signal);
  }

  /** What came a moment ago is not in the index yet: it may be found soon. */
  #lookAgain(look: number, signal: AbortSignal): void {
    if (signal.aborted || look >= LOOKS) return;
    this.#later = setTimeout(() => {
      if (this.#held.size > 0) this.#lookAgain(look, signal);
      else this.#reading(this.#search(null, signal, look + 1)).catch(() => this.#lookAgain(look + 1, signal));
    }, INDEXED_MS * 2 ** look);
  }

  /** Told by the list which rows are about to be seen: asks for those that are missing. */
  want(start: number, end: number): void {
    const { signal } = this.#abort;
    if (this.source.kind === "search") {
      if (end >= this.ids.length - 10 && this.#cursor && !this.#asked.has(this.#cursor)) {
        this.#asked.add(this.#cursor);
        this.#reading(this.#search(this.#cursor, signal)).catch(() => this.#asked.clear());
      }
      return;
    }
    // By whole blocks: one question for each row that comes near would be many.
    for (let i = start - (start % BLOCK); i < end; i += BLOCK) {
      const missing = this.ids.slice(i, i + BLOCK).filter((id) => !this.#rows.has(id) && !this.#asked.has(id));
      if (missing.length > 0) void this.#fetch(missing, signal);
    }
  }

  async #fetch(ids: string[], signal: AbortSignal): Promise<void> {
    for (const id of ids) this.#asked.add(id);
    try {
      const got = await this.#get(ids, signal);
      // News that came meanwhile is newer.
      for (const row of got.items) if (!this.#rows.has(row.id)) this.#rows.set(row.id, row);
      this.#leave(got.notFound);
    } catch {
      // The row stays empty and is asked for again when it comes into view the next time.
    } finally {
      for (const id of ids) this.#asked.delete(id);
    }
  }

  #get(ids: string[], signal: AbortSignal): Promise<Schema<"ThreadsGotten">> {
    const { mailboxId } = this.source;
    const body = this.source.kind === "folder" && mailboxId ? { ids, mailboxId } : { ids };
    return ok(api.POST("/threads/batchGet", { body, signal }));
  }

  // ---- acts of ours ----

  /** News about these wait until the result is called. */
  hold(ids: readonly string[]): () => void {
    this.#acts++;
    for (const id of ids) {
      this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
      this.#acted.set(id, this.#acts);
    }
    return () => {
      for (const id of ids) {
        const left = (this.#held.get(id) ?? 1) - 1;
        if (left > 0) this.#held.set(id, left);
        else this.#held.delete(id);
      }
      void this.ask(ids.filter((id) => !this.#held.has(id) && this.#missed.delete(id)));
    };
  }

  /** Asks how conversations are now; again, when the server cannot answer. */
  async ask(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const { signal } = this.#abort;
    try {
      await this.changed(ids);
    } catch {
      if (!signal.aborted) setTimeout(() => void this.ask(ids), ASK_AGAIN_MS);
    }
  }

  /** What acts of ours have changed since so many had begun: an answer to an earlier question does not know. */
  #oursSince(since: number): string[] {
    return [...this.#acted].filter(([id, act]) => act > since || this.#held.has(id)).map(([id]) => id);
  }

  /** An order as the server told it, but for these: they stay where they are, or away. */
  #asShown(order: readonly string[], ours: readonly string[]): readonly string[] {
    if (ours.length === 0) return order;
    const away = new Set(ours.filter((id) => this.indexOf(id) < 0));
    const now = order.filter((id) => !away.has(id));
    const there = new Set(now);
    const shown = ours.map((id) => ({ id, at: this.indexOf(id) })).filter(({ id, at }) => at >= 0 && !there.has(id));
    for (const { id, at } of shown.sort((a, b) => a.at - b.at)) now.splice(Math.min(at, now.length), 0, id);
    return now;
  }

  /** An answer could not tell of these: they are asked for as soon as nothing holds them. */
  #askLater(ids: readonly string[]): void {
    void this.ask(ids.filter((id) => !this.#isHeld(id)));
  }

  /** Takes rows out; the result puts them back where they were, or some of them only. */
  remove(ids: readonly string[]): (only?: ReadonlySet<string>) => void {
    const gone = new Set(ids);
    const before = this.ids.flatMap((id, index) => (gone.has(id) ? [{ id, index }] : []));
    this.#setIds(this.ids.filter((id) => !gone.has(id)));
    return (only = gone) => {
      if (only.size === 0) return;
      const now = [...this.ids];
      const there = new Set(now);
      for (const { id, index } of before)
        if (only.has(id) && !there.has(id)) now.splice(Math.min(index, now.length), 0, id);
      this.#setIds(now);
    };
  }

  /** Changes rows before the server says so; the result changes them back, or some of them only. */
  patch(ids: readonly string[], change: (row: Row) => Partial<Row>): (only?: ReadonlySet<string>) => void {
    const before: Row[] = [];
    for (const id of ids) {
      const row = this.#rows.get(id);
      if (!row) continue;
      before.push(row);
      this.#rows.set(id, { ...row, ...change(row) });
    }
    return (only) => {
      for (const row of before) if (only?.has(row.id) ?? true) this.#rows.set(row.id, row);
    };
  }

  // ---- news from the server ----

  /** Whether news about it have to wait; then it is asked about when it is not held any more. */
  #isHeld(id: string): boolean {
    if (this.#held.has(id)) this.#missed.add(id);
    return this.#held.has(id);
  }

  /** New mail, told with its rows; while the list is read, what changed is asked for when it has been. */
  arrived(rows: readonly Row[]): void {
    if (this.#reads.size > 0) return;
    for (const row of rows) {
      if (!row.mailboxIds.includes(this.mailboxId ?? "") || this.#isHeld(row.id)) continue;
      // What is listed already moves when we know how it stands in this folder: an own draft does not lift it.
      if (this.indexOf(row.id) >= 0) continue;
      this.#place(row);
    }
  }

  #place(row: Row): void {
    if (this.source.kind === "search") return;
    const known = this.#rows.get(row.id);
    const at = this.indexOf(row.id);
    this.#rows.set(row.id, row);
    const moved = known !== undefined && known.receivedAt !== row.receivedAt;
    if (at >= 0 && !moved) return;
    if (at < 0 && !matches(row, this.source.filter)) return;
    const first = this.ids[0] === undefined ? undefined : this.#rows.get(this.ids[0]);
    const newest = this.ids.length === 0 || (first !== undefined && row.receivedAt >= first.receivedAt);
    if (newest) this.#setIds([row.id, ...this.ids.filter((id) => id !== row.id)]);
    else this.#reindex();
  }

  /** Its place cannot be told from the rows that are here: asks for the order again, soon. */
  #reindex(afterMs = 250): void {
    clearTimeout(this.#reindexing);
    this.#reindexing = setTimeout(() => {
      const { signal } = this.#abort;
      const source = this.source as Source & { kind: "folder" };
      this.#cursor ??= "";
      this.#reading(this.#folder(source, true, signal)).catch(() => signal.aborted || this.#reindex(ASK_AGAIN_MS));
    }, afterMs);
  }

  /** Takes out rows that are not here any more. */
  #leave(ids: readonly string[]): void {
    const before = this.ids;
    const leaving = ids.filter((id) => this.indexOf(id) >= 0);
    if (leaving.length === 0) return;
    this.remove(leaving);
    this.#left(this, before);
  }

  /** Conversations of which something is different now. */
  changed(ids: readonly string[]): Promise<void> {
    const taken = this.#news.then(() => this.#changed(ids));
    this.#news = taken.catch(() => undefined);
    return taken;
  }

  async #changed(ids: readonly string[]): Promise<void> {
    await Promise.allSettled(this.#reads);
    const { signal } = this.#abort;
    const since = this.#acts;
    const concern = ids.filter((id) => !this.#isHeld(id) && (this.source.kind === "folder" || this.#rows.has(id)));
    if (concern.length === 0) return;
    if (concern.length > 200) return this.load();
    const got = await this.#get(concern, signal).catch((error: unknown) => {
      if (signal.aborted) return null; // it is read as a whole now
      // The folder itself is gone, and all of it.
      if (asProblem(error).status === 404) return { items: [], notFound: this.ids };
      throw error;
    });
    if (!got) return;
    const mailboxId = this.source.kind === "folder" ? this.source.mailboxId : null;
    const ours = new Set(this.#oursSince(since));
    const gone = new Set(got.notFound);
    for (const row of got.items) {
      if (ours.has(row.id)) continue;
      if (mailboxId && !row.mailboxIds.includes(mailboxId)) gone.add(row.id);
      else if (this.source.kind === "folder") this.#place(row);
      else this.#rows.set(row.id, row);
    }
    this.#leave([...gone].filter((id) => !ours.has(id)));
    this.#askLater(concern.filter((id) => ours.has(id)));
  }
}
