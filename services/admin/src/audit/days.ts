// SPDX-License-Identifier: Apache-2.0
// Days as a date field gives them ("2026-11-21", of the reader's time zone) as moments for the server.

function moment(day: string, later: number): string {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (!match) return "";
  const when = new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3]) + later);
  return Number.isNaN(when.getTime()) ? "" : when.toISOString();
}

/** The first moment of the day; empty for what is no day. */
export function dayBegins(day: string): string {
  return moment(day, 0);
}

/** The first moment after the day. */
export function dayEnds(day: string): string {
  return moment(day, 1);
}
