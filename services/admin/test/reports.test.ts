// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { everyDay } from "../src/reports/figures.ts";

test("days without a report are zero, and each date is there once", () => {
  const days = everyDay([{ day: "2026-03-01T00:00:00Z", good: 7, bad: 2 }], 3, new Date("2026-03-02T23:30:00Z"));
  expect(days.good).toEqual([0, 7, 0]);
  expect(days.bad).toEqual([0, 2, 0]);
  expect(days.times.map((one) => new Date(one * 1000).toISOString().slice(5, 10))).toEqual(["02-28", "03-01", "03-02"]);
});
