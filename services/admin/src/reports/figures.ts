// SPDX-License-Identifier: Apache-2.0
// Sums of reports as a chart wants them. Pure.

export interface Day {
  day: string;
  good: number;
  bad: number;
}

export interface Days {
  /** Seconds: a report is about a day of UTC. */
  times: number[];
  good: number[];
  bad: number[];
}

/** The last `span` dates up to that of `now`, with zeros where nothing was reported. */
export function everyDay(list: readonly Day[], span: number, now: Date): Days {
  const known = new Map(list.map((one) => [one.day.slice(0, 10), one]));
  const days: Days = { times: [], good: [], bad: [] };
  for (let back = span - 1; back >= 0; back--) {
    const date = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() - back));
    const one = known.get(date.toISOString().slice(0, 10));
    days.times.push(date.getTime() / 1000);
    days.good.push(one?.good ?? 0);
    days.bad.push(one?.bad ?? 0);
  }
  return days;
}
