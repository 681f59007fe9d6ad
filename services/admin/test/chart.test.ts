// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { areaPath, beginsDay, isTwice, linePath, nearest, niceTicks, sum, timeTicks, xOf, yOf } from "../src/overview/chart.ts";

const box = { left: 0, right: 100, top: 0, bottom: 50 };

test("ticks are round, begin at 0 and reach the highest value", () => {
  expect(niceTicks(0)).toEqual([0, 1]);
  expect(niceTicks(3)).toEqual([0, 1, 2, 3]);
  expect(niceTicks(1480)).toEqual([0, 500, 1000, 1500]);
  for (const max of [1, 7, 99, 12_345, 9_876_543]) {
    const ticks = niceTicks(max);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
    expect(ticks.length).toBeLessThanOrEqual(6);
  }
});

test("places follow values", () => {
  expect(xOf(box, 0, 3)).toBe(0);
  expect(xOf(box, 2, 3)).toBe(100);
  expect(yOf(box, 0, 10)).toBe(50);
  expect(yOf(box, 10, 10)).toBe(0);
  expect(nearest(box, 49, 3)).toBe(1);
  expect(nearest(box, -5, 3)).toBe(0);
  expect(nearest(box, 5, 0)).toBe(-1);
});

test("unknown values leave a gap", () => {
  expect(linePath([0, null, 10], box, 10)).toBe("M0.0 50.0M100.0 0.0");
  expect(linePath([0, 10], box, 10)).toBe("M0.0 50.0L100.0 0.0");
  expect(areaPath([10, 10, null], box, 10)).toBe("M0.0 50L0.0 0.0L50.0 0.0L50.0 50Z");
  expect(sum([1, null, 2])).toBe(3);
});

/** Hours of UTC, or parts of them. */
function every(seconds: number, n: number, from: string): number[] {
  return Array.from({ length: n }, (_, i) => Date.parse(from) / 1000 + i * seconds);
}

/** As if minutes before UTC were `earlier` up to a moment, and `later` from then on. */
function inZone(earlier: number, later = earlier, change = "2026-01-01T00:00Z"): void {
  vi.spyOn(Date.prototype, "getTimezoneOffset").mockImplementation(function (this: Date) {
    return this.getTime() < Date.parse(change) ? earlier : later;
  });
}

afterEach(() => vi.restoreAllMocks());

test("labels stand on round moments, not too many", () => {
  const hours = every(3600, 168, "2026-01-01T00:00Z");
  const marks = timeTicks(hours, 6, 3600);
  expect(marks.length).toBeGreaterThan(2);
  expect(marks.length).toBeLessThanOrEqual(8);
  expect(timeTicks([], 5, 3600)).toEqual([]);
});

test("days begin where those of the reader do, at half past of an hour of UTC, too", () => {
  inZone(-330); // Asia/Kolkata
  const hours = every(3600, 168, "2026-01-01T00:00Z");
  expect(timeTicks(hours, 6, 3600)).toEqual([43, 91, 139]);
  expect([0, 18, 19, 43, 44].filter((i) => beginsDay(hours, i))).toEqual([19, 43]);
});

test("whole days are those of UTC", () => {
  inZone(300); // America/New_York
  expect(timeTicks(every(86_400, 6, "2026-01-01T00:00Z"), 6, 86_400)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("clocks that change leave no two labels on one place, and tell what they show twice", () => {
  const quarters = every(900, 48, "2026-10-24T22:00Z"); // midnight in Europe/Berlin, in summer
  inZone(-120, -60, "2026-10-25T01:00Z");
  expect(timeTicks(quarters, 6, 900)).toEqual([0, 8, 20, 28, 36, 44]);
  expect(quarters.map((time, i) => (isTwice(time) ? i : -1)).filter((i) => i >= 0)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
  vi.restoreAllMocks();
  inZone(-60, -120, "2026-03-29T01:00Z");
  const spring = every(900, 48, "2026-03-28T23:00Z");
  expect(timeTicks(spring, 6, 900)).toEqual([0, 12, 20, 28, 36, 44]); // 0, 4, 6, 8 ... o'clock: there is no 2, and 3 is not round
  expect(spring.some(isTwice)).toBe(false);
});
