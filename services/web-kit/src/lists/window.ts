// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a list that only keeps the visible rows in the page. All rows have one height.

/** Browsers cap the height of an element (Chromium at 33,554,428 px): above this the scroll is scaled. */
export const HEIGHT_MAX = 16_000_000;

export interface Viewport {
  count: number;
  rowHeight: number;
  /** Height of what is visible. */
  height: number;
  scrollTop: number;
  /** Rows kept before and after what is visible. */
  overscan: number;
}

export interface Slice {
  /** First row to draw, and the one after the last. */
  start: number;
  end: number;
  /** Where row `start` is drawn, px from the top of the whole list. */
  offset: number;
  /** Height of the whole list, px. */
  total: number;
}

/** How many px of the real list one px of scrolling stands for; 1 for lists of usual length. */
export function scale(count: number, rowHeight: number, height: number): number {
  const real = count * rowHeight;
  return real <= HEIGHT_MAX ? 1 : (real - height) / (HEIGHT_MAX - height);
}

/** Which rows to draw, and where. */
export function slice(view: Viewport): Slice {
  const { count, rowHeight, height, scrollTop, overscan } = view;
  const factor = scale(count, rowHeight, height);
  const top = Math.max(0, scrollTop) * factor;
  const first = Math.floor(top / rowHeight);
  const start = Math.max(0, Math.min(first, count) - overscan);
  const end = Math.min(count, Math.ceil((top + height) / rowHeight) + overscan);
  return {
    start,
    end: Math.max(start, end),
    offset: start * rowHeight - top + Math.max(0, scrollTop),
    total: Math.min(count * rowHeight, HEIGHT_MAX),
  };
}

/** The scrollTop that shows row `index` with the least movement. */
export function reveal(view: Viewport, index: number): number {
  const factor = scale(view.count, view.rowHeight, view.height);
  const top = view.scrollTop * factor;
  const rowTop = index * view.rowHeight;
  if (rowTop < top) return rowTop / factor;
  if (rowTop + view.rowHeight > top + view.height) return (rowTop + view.rowHeight - view.height) / factor;
  return view.scrollTop;
}

// ---- what is about to be seen ----

/** How long an answer of the server may take without a row that is seen blank. */
const AHEAD_MS = 1000;
const AHEAD_MAX = 400;
/** Longer without movement is standing still. */
const REST_MS = 250;

export interface Travel {
  /** The first row drawn, and when that was, ms. */
  start: number;
  at: number;
  down: boolean;
  /** Rows a ms, smoothed. */
  speed: number;
}

export const STILL: Travel = { start: 0, at: 0, down: true, speed: 0 };

/** The way after a movement of the scroll. */
export function moved(before: Travel, start: number, at: number): Travel {
  const rows = start - before.start;
  const time = at - before.at;
  if (rows === 0) return before;
  const speed = Math.abs(rows) / Math.max(time, 1);
  const rested = time > REST_MS || before.at === 0;
  return { start, at, down: rows > 0, speed: rested ? 0 : (before.speed + speed) / 2 };
}

/** How many rows beyond the `drawn` ones are to be asked for. */
export function lookAhead(travel: Travel, drawn: number): number {
  return Math.max(drawn, Math.min(AHEAD_MAX, Math.ceil(travel.speed * AHEAD_MS)));
}
