// SPDX-License-Identifier: Apache-2.0
// The open conversation stays true, also when the server could not answer in time.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Reader } from "../src/state/reader.svelte.ts";

const answers = vi.hoisted(() => [] as (() => Promise<unknown>)[]);
vi.mock("@heronry/web-kit/api/client.ts", () => ({
  api: { GET: () => (answers.shift() ?? lost)() },
  ok: (call: Promise<unknown>) => call,
}));

const thread = (subject: string) => (): Promise<unknown> => Promise.resolve({ subject, messages: [] });
const lost = (): Promise<unknown> => Promise.reject(new Error("lost"));
const never = (): Promise<unknown> => new Promise(() => undefined);

async function opened(): Promise<Reader> {
  const reader = new Reader();
  answers.push(thread("before"));
  await reader.open("1");
  return reader;
}

beforeEach(() => {
  answers.length = 0;
  vi.useFakeTimers();
});
afterEach(() => void vi.useRealTimers());

it("is asked for again when it could not be read anew, also instead of an earlier question", async () => {
  const reader = await opened();
  answers.push(never);
  void reader.load();
  answers.push(lost);
  await reader.load();
  expect(reader.error).toBeNull();
  answers.push(lost, thread("after"));
  await vi.advanceTimersByTimeAsync(16_000);
  expect(reader.thread?.subject).toBe("after");
  expect(vi.getTimerCount()).toBe(0);
});

it("is not asked for again when another one is open", async () => {
  const reader = await opened();
  answers.push(lost);
  await reader.load();
  answers.push(thread("another"));
  await reader.open("2");
  expect(vi.getTimerCount()).toBe(0);
  expect(reader.thread?.subject).toBe("another");
});
