// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { batchesOf, foldersMeant, runBatches, type Batch } from "../src/state/batches.ts";

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i + 1));
const sizes = (batches: readonly Batch[]): number[] => batches.map((one) => one.ids.length);

describe("batches of conversations", () => {
  it("have at most 500 conversations and 1000 messages", () => {
    expect(sizes(batchesOf({ ids: ids(1001), mailboxId: "3" }, () => 1))).toEqual([500, 500, 1]);
    expect(sizes(batchesOf({ ids: ids(450), mailboxId: null }, () => 5))).toEqual([200, 200, 50]);
    const uneven = batchesOf({ ids: ids(5), mailboxId: null }, (id) => (id === "3" ? 500 : 300));
    expect(sizes(uneven)).toEqual([2, 2, 1]);
    expect(uneven.flatMap((one) => one.ids)).toEqual(ids(5));
    expect(batchesOf({ ids: [], mailboxId: null }, () => 1)).toEqual([]);
    const newest = batchesOf({ ids: ids(501), mailboxId: "3", newestOnly: true }, () => 400);
    expect([sizes(newest), newest.every((one) => one.newestOnly)]).toEqual([[500, 1], true]);
  });
  it("go in halves when they have more messages than was known", async () => {
    const sent: number[] = [];
    const send = (batch: Batch): Promise<number> => {
      sent.push(batch.ids.length);
      return batch.ids.length > 2 ? Promise.reject(new Error("too many")) : Promise.resolve(batch.ids.length);
    };
    const { results, done, failed, error } = await runBatches([{ ids: ids(7), mailboxId: null }], send, () => true);
    expect(sent).toEqual([7, 4, 2, 2, 3, 2, 1]);
    expect([results, done.size, failed.size, error]).toEqual([[2, 2, 2, 1], 7, 0, null]);
  });
  it("tell what was done when a later one fails", async () => {
    const no = new Error("no");
    const send = (batch: Batch): Promise<number> => (batch.ids.includes("501") ? Promise.reject(no) : Promise.resolve(1));
    const batches = batchesOf({ ids: ids(1100), mailboxId: null }, () => 1);
    const { results, done, failed, error } = await runBatches(batches, send, () => false);
    expect([results.length, done.size, failed.size, error]).toEqual([1, 500, 600, no]);
    expect(failed.has("500")).toBe(false);
    expect(failed.has("1100")).toBe(true);
  });
  it("give up one conversation that is too much alone", async () => {
    const no = new Error("too many");
    const { done, failed, error } = await runBatches([{ ids: ["1"], mailboxId: null }], () => Promise.reject(no), () => true);
    expect([done.size, [...failed], error]).toEqual([0, ["1"], no]);
  });
});

describe("what an act in a search is about", () => {
  const roles = { "1": "inbox", "2": "sent", "3": "drafts", "4": "trash", "5": "junk" } as const;
  const meant = (...places: string[]): readonly string[] => foldersMeant(places, (id) => roles[id as keyof typeof roles] ?? null);
  it("is mail that came, not what was written or thrown away", () => {
    expect(meant("1", "2", "3", "4", "5", "9")).toEqual(["1", "9"]);
    expect(meant("2", "9")).toEqual(["9"]);
  });
  it("is what was thrown away, and what was written, where there is nothing else", () => {
    expect(meant("2", "4", "5")).toEqual(["4", "5"]);
    expect(meant("2")).toEqual(["2"]);
    expect(meant("3")).toEqual(["3"]);
  });
});
