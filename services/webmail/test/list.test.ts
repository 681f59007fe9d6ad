// SPDX-License-Identifier: Apache-2.0
// Answers in any order: whatever is asked for first and told last, the list ends with what is newest.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ThreadList, type Row } from "../src/state/list.svelte.ts";

interface Question {
  path: string;
  body: { ids: string[] } | undefined;
  answer: (value: unknown) => void;
  fail: () => void;
}
/** Questions that nobody has looked at, and who waits for one that was not asked yet. */
const { asked, awaited } = vi.hoisted(() => ({
  asked: [] as Question[],
  awaited: [] as { kind: RegExp; take: (question: Question) => void }[],
}));

vi.mock("@heronry/web-kit/api/client.ts", () => {
  const ask = (path: string, { body, signal }: { body?: Question["body"]; signal: AbortSignal }): Promise<unknown> =>
    new Promise((answer, reject) => {
      signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      const question = { path, body, answer, fail: () => reject(new Error("lost")) };
      const at = awaited.findIndex(({ kind }) => kind.test(path));
      if (at >= 0) awaited.splice(at, 1)[0]?.take(question);
      else asked.push(question);
    });
  return { api: { GET: ask, POST: ask }, ok: (call: Promise<unknown>) => call };
});

/** The next question of a kind, whenever it is asked. */
function question(kind: RegExp): Promise<Question> {
  const known = asked.find((one) => kind.test(one.path));
  if (!known) return new Promise((take) => awaited.push({ kind, take }));
  asked.splice(asked.indexOf(known), 1);
  return Promise.resolve(known);
}

const ROWS = /batchGet/;
const PAGE = /\/threads$/;
const ORDER = /\/index$/;

function row(id: string, some: Partial<Row> = {}): Row {
  return { id, receivedAt: `2026-01-01T00:00:0${id}Z`, mailboxIds: ["1"], isFlagged: false, unreadCount: 0, messageCount: 1, ...some } as Row;
}

const page = (...items: Row[]): unknown => ({ items, nextCursor: null });
const rows = (...items: Row[]): unknown => ({ items, notFound: [] });
/** Ids as the index has them: zigzag differences. */
const order = (...ids: number[]): unknown => Uint8Array.from(ids.map((id, i) => ((id - (ids[i - 1] ?? 0)) * 2) ^ ((id - (ids[i - 1] ?? 0)) >> 31))).buffer;
/** All that can happen without a further answer has happened. */
const calm = (): Promise<void> => new Promise((done) => setTimeout(done, 20));
/** Answers a question as soon as it is asked. */
const soon = (kind: RegExp, value: unknown): Promise<void> => question(kind).then(({ answer }) => answer(value));

async function loaded(...items: Row[]): Promise<ThreadList> {
  const list = new ThreadList({ kind: "folder", mailboxId: "1", filter: "all" });
  const done = list.load();
  (await question(PAGE)).answer(page(...items));
  await done;
  return list;
}

beforeEach(() => {
  asked.length = 0;
  awaited.length = 0;
});
afterEach(() => void vi.useRealTimers());

describe("news", () => {
  it("of one conversation are taken in one after the other", async () => {
    const list = await loaded(row("2"), row("1"));
    const both = Promise.all([list.changed(["1"]), list.changed(["1"])]);
    const first = await question(ROWS);
    await calm();
    expect(asked).toHaveLength(0);
    first.answer(rows(row("1", { unreadCount: 1 })));
    (await question(ROWS)).answer(rows(row("1", { unreadCount: 2 })));
    await both;
    expect(list.row("1")?.unreadCount).toBe(2);
  });

  it("are not overwritten by a page that was asked for before", async () => {
    const list = await loaded(row("1"));
    const read = list.load();
    const first = await question(PAGE);
    const told = list.changed(["1", "2"]);
    list.arrived([row("2")]);
    const answered = soon(ROWS, rows(row("1", { isFlagged: true }), row("2")));
    await calm();
    first.answer(page(row("1")));
    await Promise.all([read, told, answered]);
    expect(list.ids).toEqual(["2", "1"]);
    expect(list.row("1")?.isFlagged).toBe(true);
  });

  it("are not overwritten by an order that was asked for before", async () => {
    const list = new ThreadList({ kind: "folder", mailboxId: "1", filter: "all" });
    const read = list.load();
    (await question(PAGE)).answer({ items: [row("2"), row("1")], nextCursor: "more" });
    const index = await question(ORDER);
    list.arrived([row("3")]);
    const told = list.changed(["3"]);
    const answered = soon(ROWS, rows(row("3")));
    await calm();
    index.answer(order(2, 1));
    await Promise.all([read, told, answered]);
    expect(list.ids).toEqual(["3", "2", "1"]);
  });

  it("of rows that a search is still reading are asked for", async () => {
    const list = new ThreadList({ kind: "search", q: "x", mailboxId: null });
    const read = list.load();
    const first = await question(/search/);
    const told = list.changed(["1"]);
    const answered = soon(ROWS, rows(row("1", { isFlagged: true })));
    await calm();
    first.answer({ items: [{ thread: row("1") }], nextCursor: null, total: 1, isTotalExact: true, isComplete: true });
    await Promise.all([read, told, answered]);
    expect(list.row("1")?.isFlagged).toBe(true);
  });

  it("that come while rows are fetched stay", async () => {
    const list = new ThreadList({ kind: "folder", mailboxId: "1", filter: "all" });
    const read = list.load();
    (await question(PAGE)).answer({ items: [row("2")], nextCursor: "more" });
    (await question(ORDER)).answer(order(2, 1));
    await read;
    list.want(0, 2);
    const fetched = await question(ROWS);
    const told = list.changed(["1"]);
    (await question(ROWS)).answer(rows(row("1", { isFlagged: true })));
    await told;
    fetched.answer(rows(row("1")));
    await calm();
    expect(list.row("1")?.isFlagged).toBe(true);
  });

  it("about an order that could not be had are asked for again", async () => {
    vi.useFakeTimers();
    const list = await loaded(row("3"), row("1"));
    const told = list.changed(["2"]);
    (await question(ROWS)).answer(rows(row("2")));
    await told;
    await vi.advanceTimersByTimeAsync(300);
    (await question(ORDER)).fail();
    await vi.advanceTimersByTimeAsync(6000);
    (await question(ORDER)).answer(order(3, 2, 1));
    await vi.advanceTimersByTimeAsync(0);
    expect(list.ids).toEqual(["3", "2", "1"]);
  });
});

describe("a reading that fails", () => {
  it("is made again when rows are shown: of the order", async () => {
    vi.useFakeTimers();
    const list = new ThreadList({ kind: "folder", mailboxId: "1", filter: "all" });
    const read = list.load();
    (await question(PAGE)).answer({ items: [row("2")], nextCursor: "more" });
    (await question(ORDER)).fail();
    await read;
    expect(list.ids).toEqual(["2"]);
    await vi.advanceTimersByTimeAsync(5000);
    (await question(PAGE)).answer({ items: [row("2")], nextCursor: "more" });
    (await question(ORDER)).answer(order(2, 1));
    await vi.advanceTimersByTimeAsync(0);
    expect(list.ids).toEqual(["2", "1"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is made again when rows are shown: after much news", async () => {
    vi.useFakeTimers();
    const list = await loaded(row("1"));
    const told = list.changed(Array.from({ length: 201 }, (_, i) => `${i + 1}`));
    (await question(PAGE)).fail();
    await told;
    await vi.advanceTimersByTimeAsync(5000);
    (await question(PAGE)).answer(page(row("2"), row("1")));
    await vi.advanceTimersByTimeAsync(0);
    expect(list.ids).toEqual(["2", "1"]);
  });

  it("is not made again when the list is closed, nor while it tells so itself", async () => {
    vi.useFakeTimers();
    const list = await loaded(row("1"));
    const read = list.load();
    (await question(PAGE)).fail();
    await read;
    list.close();
    const empty = new ThreadList({ kind: "folder", mailboxId: "1", filter: "all" });
    const first = empty.load();
    (await question(PAGE)).fail();
    await first;
    expect(empty.error).not.toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("an act", () => {
  it("is not taken back on screen by an answer to an earlier question", async () => {
    const list = await loaded(row("2"), row("1"));
    const told = list.changed(["1"]);
    const early = await question(ROWS);
    const release = list.hold(["1"]);
    list.remove(["1"]);
    release();
    early.answer(rows(row("1", { receivedAt: "2026-02-01T00:00:00Z" })));
    await told;
    expect(list.ids).toEqual(["2"]);
    (await question(ROWS)).answer({ items: [], notFound: ["1"] });
    await calm();
    expect(list.ids).toEqual(["2"]);
  });

  it("outlives a reading of the whole list, and is asked about afterwards", async () => {
    const list = await loaded(row("3"), row("2"), row("1"));
    const read = list.load();
    const first = await question(PAGE);
    const release = list.hold(["1", "2"]);
    list.remove(["1"]);
    list.patch(["2"], () => ({ isFlagged: true }));
    first.answer(page(row("3"), row("2"), row("1")));
    await read;
    expect(list.ids).toEqual(["3", "2"]);
    expect(list.row("2")?.isFlagged).toBe(true);
    release();
    const { body, answer } = await question(ROWS);
    expect(body?.ids.toSorted()).toEqual(["1", "2"]);
    answer({ items: [row("2", { isFlagged: true })], notFound: ["1"] });
    await calm();
    expect(list.ids).toEqual(["3", "2"]);
  });
});

it("tells which rows went without an act", async () => {
  const left = vi.fn();
  const list = new ThreadList({ kind: "folder", mailboxId: "1", filter: "all" }, left);
  const read = list.load();
  (await question(PAGE)).answer(page(row("2"), row("1")));
  await read;
  left.mockClear();
  list.remove(["2"]);
  expect(left).not.toHaveBeenCalled();
  const told = list.changed(["1"]);
  (await question(ROWS)).answer({ items: [], notFound: ["1"] });
  await told;
  expect(left).toHaveBeenCalledWith(list, ["1"]);
});
