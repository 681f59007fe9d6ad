// SPDX-License-Identifier: Apache-2.0
// Dates, sizes and counts as people of the chosen language write them. The server's times are ISO 8601.
import { formatLocale } from "./i18n.svelte.ts";

const cache = new Map<string, Intl.DateTimeFormat>();

function dates(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const id = `${formatLocale()} ${key}`;
  let made = cache.get(id);
  if (!made) cache.set(id, (made = new Intl.DateTimeFormat(formatLocale(), options)));
  return made;
}

/** Short time of a list: the hour today, the day this year, the date before that. */
export function shortTime(iso: string, now: Date = new Date()): string {
  const when = new Date(iso);
  if (Number.isNaN(when.getTime())) return "";
  if (when.toDateString() === now.toDateString())
    return dates("hour", { hour: "2-digit", minute: "2-digit" }).format(when);
  if (when.getFullYear() === now.getFullYear()) return dates("day", { month: "short", day: "numeric" }).format(when);
  return dates("date", { year: "numeric", month: "2-digit", day: "2-digit" }).format(when);
}

/** Day and hour in words. */
export function longTime(iso: string): string {
  const when = new Date(iso);
  return Number.isNaN(when.getTime()) ? "" : dates("long", { dateStyle: "full", timeStyle: "short" }).format(when);
}

/** Day and hour, short enough for a table. */
export function tableTime(iso: string): string {
  const when = new Date(iso);
  return Number.isNaN(when.getTime()) ? "" : dates("table", { dateStyle: "medium", timeStyle: "short" }).format(when);
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** "in 5 minutes", "3 days ago"; short: "in 5 min.". */
export function relativeTime(iso: string, now: Date = new Date(), style: Intl.RelativeTimeFormatStyle = "long"): string {
  const seconds = (new Date(iso).getTime() - now.getTime()) / 1000;
  if (Number.isNaN(seconds)) return "";
  const words = new Intl.RelativeTimeFormat(formatLocale(), { numeric: "auto", style });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(Math.round(seconds), "second");
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** A number of bytes with the unit that leaves at most three figures before the comma. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return new Intl.NumberFormat(formatLocale(), {
    style: "unit",
    unit: UNITS[unit] ?? "byte",
    unitDisplay: unit === 0 ? "long" : "short",
    maximumFractionDigits: digits,
  }).format(value);
}

export function count(value: number): string {
  return new Intl.NumberFormat(formatLocale()).format(value);
}
