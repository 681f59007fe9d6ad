// SPDX-License-Identifier: Apache-2.0
// When a message may be sent instead of now: the times that people choose most, and the form of the browser's field.

export type Later = "tonight" | "tomorrow" | "monday";

/** The next mornings and the evening, as far as they lie ahead by an hour at least. */
export function laterTimes(now: Date): readonly { name: Later; at: Date }[] {
  const on = (days: number, hour: number): Date =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
  const toMonday = (8 - now.getDay()) % 7 || 7;
  const all: { name: Later; at: Date }[] = [
    { name: "tonight", at: on(0, 18) },
    { name: "tomorrow", at: on(1, 8) },
    { name: "monday", at: on(toMonday, 8) },
  ];
  return all.filter((one, i) => one.at.getTime() - now.getTime() >= 3_600_000 && !(i === 2 && toMonday === 1));
}

/** "2026-03-02T08:00" of the browser's own time zone, for a field of the kind datetime-local. */
export function fieldTime(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
