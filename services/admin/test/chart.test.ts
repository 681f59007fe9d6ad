// SPDX-License-Identifier: Apache-2.0
import { expect, test, vi } from "vitest";
import { areaPath, linePath, nearest, niceTicks, sum, timeTicks, xOf, yOf } from "../src/overview/chart.ts";

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

test("labels stand on round moments, not too many", () => {
  const hours = Array.from({ length: 168 }, (_, i) => 1_767_225_600 + i * 3600);
  const marks = timeTicks(hours, 6);
  expect(marks.length).toBeGreaterThan(2);
  expect(marks.length).toBeLessThanOrEqual(8);
  expect(timeTicks([], 5)).toEqual([]);
  // Also where days begin at half past of an hour of UTC (Asia/Kolkata).
  const zone = vi.spyOn(Date.prototype, "getTimezoneOffset").mockReturnValue(-330);
  expect(timeTicks(hours, 6)).toEqual([43, 91, 139]);
  zone.mockRestore();
});
