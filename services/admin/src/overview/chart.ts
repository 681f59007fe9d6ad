// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a chart over time. Pure: figures in, places on the drawing out.

export interface Series {
  label: string;
  values: readonly (number | null)[];
  /** A colour token, "--accent". */
  colour: string;
  /** Filled below the line; for the first of them only. */
  filled?: boolean;
}

export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Round steps from 0 to at least `max`, at most `most` of them. */
export function niceTicks(max: number, most = 4): number[] {
  const top = Math.max(max, 1);
  const rough = top / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power);
  const ticks: number[] = [];
  for (let value = 0; ; value += step) {
    ticks.push(value);
    if (value >= top) return ticks;
  }
}

/** Seconds of a day. */
export const DAY = 86_400;

/** What the clock on the wall shows, as seconds. */
function wall(time: number): number {
  return time - new Date(time * 1000).getTimezoneOffset() * 60;
}

/** Whether the clock shows this a second time, or did an hour ago: it was put back. */
export function isTwice(time: number): boolean {
  return [-3600, -1800, 1800, 3600].some((by) => wall(time + by) === wall(time));
}

/** Whether an interval is the first of its day; where the hours of a zone begin between those of UTC, not at midnight. */
export function beginsDay(times: readonly number[], i: number): boolean {
  const here = wall(times[i] ?? 0);
  const before = i > 0 ? wall(times[i - 1] ?? 0) : here - 1;
  return Math.floor(here / DAY) > Math.floor(before / DAY);
}

/** Places for labels on the time axis: indexes into `times`, about `wanted` of them, on round moments or, where the
 *  hours of a zone begin between those of UTC, on the first after each. `interval` seconds lie between two; whole days
 *  are those of UTC. */
export function timeTicks(times: readonly number[], wanted: number, interval: number): number[] {
  const first = times[0];
  const last = times.at(-1);
  if (first === undefined || last === undefined || times.length < 2) return [];
  const steps = [3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 259_200, 432_000, 604_800, 1_209_600];
  const span = (last - first) / Math.max(1, wanted);
  const step = steps.find((one) => one >= span) ?? 2_592_000;
  const local = interval < DAY ? times.map(wall) : times;
  return local.flatMap((time, i) => {
    const before = local[i - 1] ?? time - 1;
    // A clock that was put forward leaves round moments out, and what comes behind is not round.
    return Math.floor(time / step) > Math.floor(before / step) && time % step <= interval ? [i] : [];
  });
}

/** x of an interval. */
export function xOf(box: Box, i: number, n: number): number {
  return n < 2 ? box.left : box.left + ((box.right - box.left) * i) / (n - 1);
}

/** y of a value. */
export function yOf(box: Box, value: number, top: number): number {
  return box.bottom - ((box.bottom - box.top) * value) / Math.max(top, 1);
}

/** The line as an SVG path; unknown values leave a gap. */
export function linePath(values: readonly (number | null)[], box: Box, top: number): string {
  let path = "";
  let pen = "M";
  values.forEach((value, i) => {
    if (value === null) {
      pen = "M";
      return;
    }
    path += `${pen}${xOf(box, i, values.length).toFixed(1)} ${yOf(box, value, top).toFixed(1)}`;
    pen = "L";
  });
  return path;
}

/** The area below the line; each run of known values is closed by itself. */
export function areaPath(values: readonly (number | null)[], box: Box, top: number): string {
  let path = "";
  for (let i = 0; i < values.length; ) {
    if (values[i] === null) {
      i++;
      continue;
    }
    const start = i;
    while (i < values.length && values[i] !== null) i++;
    const run = values.slice(start, i).map((value, k) => {
      return `L${xOf(box, start + k, values.length).toFixed(1)} ${yOf(box, value ?? 0, top).toFixed(1)}`;
    });
    const from = xOf(box, start, values.length).toFixed(1);
    const to = xOf(box, i - 1, values.length).toFixed(1);
    path += `M${from} ${box.bottom}${run.join("")}L${to} ${box.bottom}Z`;
  }
  return path;
}

/** The interval that is nearest to a place, or -1. */
export function nearest(box: Box, x: number, n: number): number {
  if (n === 0) return -1;
  const share = (x - box.left) / Math.max(1, box.right - box.left);
  return Math.max(0, Math.min(n - 1, Math.round(share * (n - 1))));
}

export function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((all, value) => all + (value ?? 0), 0);
}
