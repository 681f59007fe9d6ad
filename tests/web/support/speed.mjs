// SPDX-License-Identifier: Apache-2.0
// How fast the webmail is in a browser, as JSON; tools/bench starts the server. Times are told, not judged.
import { argv } from "node:process";
import { ada, facts, openWindow, row, shut, signIn, until } from "./site.mjs";

const rounds = Number(argv[2] ?? 7);
const FRAMES = 240;
const A_WHEEL_PX = 400;

/** Milliseconds from the navigation until rows are in the page, and what came before them. */
async function firstRows(page) {
  await page.goto("about:blank");
  await page.goto(facts.base, { waitUntil: "commit" });
  await row(page, "Conversation").waitFor();
  return page.evaluate(() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0;
    const [rows] = performance.getEntriesByName("heronry-rows");
    const asked = performance.getEntriesByType("resource").find((one) => one.name.endsWith("/bootstrap"));
    return { paint, rows: rows?.startTime ?? 0, bootstrap: asked?.responseEnd ?? 0 };
  });
}

/** Tells the page's own clock when the first row is in it. */
function watchRows() {
  const look = () => {
    if (!document.querySelector("[role=row] a")) return false;
    requestAnimationFrame(() => setTimeout(() => performance.mark("heronry-rows")));
    return true;
  };
  const watcher = new MutationObserver(() => look() && watcher.disconnect());
  watcher.observe(document, { childList: true, subtree: true });
}

/** Milliseconds of each frame while the list is scrolled as by a wheel, and frames in which no row was to be seen. */
function scroll(grid, step) {
  return grid.evaluate(async (list, { count, by }) => {
    const frames = [];
    let empty = 0;
    list.scrollTop = 0;
    for (let last = performance.now(), i = 0; i < count; i++) {
      list.scrollTop += by;
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - last);
      last = now;
      if (!list.querySelector("[role=row] a")) empty++;
    }
    return { frames: frames.slice(1).sort((a, b) => a - b), empty };
  }, { count: FRAMES, by: step });
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

const page = await openWindow({ judged: false });
await page.addInitScript(watchRows);
await signIn(page, ada);
const client = await page.context().newCDPSession(page);
await client.send("Network.enable");
await client.send("Network.setCacheDisabled", { cacheDisabled: true });
const loads = [];
for (let i = 0; i < rounds; i++) loads.push(await firstRows(page));
const grid = page.getByRole("grid");
await until(async () => Number(await grid.getAttribute("aria-rowcount")) >= facts.conversations, "the whole order", 60);
await page.waitForTimeout(1000);
const { frames, empty } = await scroll(grid, A_WHEEL_PX);
const jumped = Date.now();
await grid.evaluate((list) => (list.scrollTop = list.scrollHeight));
await row(page, "Conversation 1 ").waitFor();
console.log(JSON.stringify({
  paint: median(loads.map((one) => one.paint)),
  bootstrap: median(loads.map((one) => one.bootstrap)),
  rows: median(loads.map((one) => one.rows)),
  frame_p50: frames[Math.floor(frames.length / 2)],
  frame_p95: frames[Math.floor(frames.length * 0.95)],
  empty,
  jump: Date.now() - jumped,
}));
await shut();
