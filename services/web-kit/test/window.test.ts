// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { HEIGHT_MAX, lookAhead, moved, reveal, slice, STILL, type Viewport } from "../src/lists/window.ts";

const view = (more: Partial<Viewport>): Viewport => ({
  count: 1000,
  rowHeight: 64,
  height: 640,
  scrollTop: 0,
  overscan: 4,
  ...more,
});

describe("window of a long list", () => {
  it("draws what is visible and a little more", () => {
    expect(slice(view({}))).toEqual({ start: 0, end: 14, offset: 0, total: 64_000 });
    expect(slice(view({ scrollTop: 6400 }))).toEqual({ start: 96, end: 114, offset: 96 * 64, total: 64_000 });
  });
  it("ends with the list", () => {
    expect(slice(view({ scrollTop: 1e9 })).end).toBe(1000);
    expect(slice(view({ count: 0 }))).toEqual({ start: 0, end: 0, offset: 0, total: 0 });
  });
  it("reaches the last of a million rows below the height that browsers can do", () => {
    const million = view({ count: 1_000_000 });
    expect(slice(million).total).toBe(HEIGHT_MAX);
    const bottom = slice({ ...million, scrollTop: HEIGHT_MAX - 640 });
    expect(bottom.end).toBe(1_000_000);
    // The last row ends where the list ends.
    expect(bottom.offset + (bottom.end - bottom.start) * 64).toBeCloseTo(HEIGHT_MAX, 0);
  });
  it("draws every row of the visible part wherever the scroll is", () => {
    for (const count of [10, 1000, 1_000_000]) {
      const total = Math.min(count * 64, HEIGHT_MAX);
      for (let i = 0; i <= 50; i++) {
        const scrollTop = ((total - 640) * i) / 50;
        const { start, end, offset } = slice(view({ count, scrollTop, overscan: 0 }));
        expect(offset).toBeLessThanOrEqual(scrollTop + 0.001);
        expect(offset + (end - start) * 64).toBeGreaterThanOrEqual(Math.min(scrollTop + 640, total) - 0.001);
      }
    }
  });
  it("reveals a row with the least movement", () => {
    expect(reveal(view({}), 3)).toBe(0);
    expect(reveal(view({}), 10)).toBe(64);
    expect(reveal(view({ scrollTop: 6400 }), 50)).toBe(3200);
  });
  it("looks ahead the farther the faster it goes, and not after a rest", () => {
    let travel = STILL;
    for (let i = 1; i <= 20; i++) travel = moved(travel, i * 3, 1000 + i * 16);
    expect(travel.down).toBe(true);
    expect(lookAhead(travel, 20)).toBeGreaterThan(150);
    expect(moved(travel, travel.start, 5000)).toBe(travel);
    expect(lookAhead(moved(travel, travel.start + 1, 5000), 20)).toBe(20);
    expect(moved(travel, 0, travel.at + 16).down).toBe(false);
    expect(lookAhead(moved(travel, 1_000_000, travel.at + 1), 20)).toBe(400);
    expect(lookAhead(moved(STILL, 5000, 100), 20)).toBe(20);
  });
});
