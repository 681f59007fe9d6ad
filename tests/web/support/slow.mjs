// SPDX-License-Identifier: Apache-2.0
// Slowness on purpose, to find what passes by luck: a test that acts before the app listens, an app that takes
// answers in one order only. Off, but where the environment asks for it:
//   HERONRY_WEB_SLOW=6     the pages compute at a sixth of their speed
//   HERONRY_WEB_DELAY=400  what the apps ask for, code too, is on its way up to 400 ms longer, each as chance has it
//   HERONRY_WEB_PAUSE=300  the tests dawdle up to 300 ms before each act and after each wait, and now and then between
//                          two letters; 2000 are more than the app waits before it saves what is written
const RATE = Number(process.env.HERONRY_WEB_SLOW ?? 1);
const DELAY_MS = Number(process.env.HERONRY_WEB_DELAY ?? 0);
const PAUSE_MS = Number(process.env.HERONRY_WEB_PAUSE ?? 0);
const HALF = 0.5;
const NOW_AND_THEN = 0.1;

const chance = (most) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));

async function throttle(page) {
  try {
    const client = await page.context().newCDPSession(page);
    await client.send("Emulation.setCPUThrottlingRate", { rate: RATE });
  } catch {
    // a page that is gone already
  }
}

/** A request is late, or its answer is: but for a stream, which has no end to be waited for, and for one that sets a
 *  cookie, which the page is not told of then. */
async function dawdle(route) {
  try {
    const { pathname } = new URL(route.request().url());
    if (/\/(?:events|session)$/.test(pathname) || Math.random() < HALF) {
      await chance(DELAY_MS);
      return await route.fallback();
    }
    const response = await route.fetch();
    await chance(DELAY_MS);
    return await route.fulfill({ response });
  } catch {
    return route.abort().catch(() => undefined); // given up meanwhile, or the window is closed
  }
}

const ACTS = {
  Keyboard: ["press", "type", "down", "up", "insertText"],
  Mouse: ["click", "move", "down", "up"],
  Locator: ["click", "check", "fill", "focus", "hover", "press", "selectOption", "setInputFiles", "uncheck", "waitFor"],
  Page: ["goto", "reload", "evaluate"],
};
const dawdling = new Set();

/** Lets the methods that tests act by take their time before, and waits after. */
function pauseIn(kind, object) {
  const methods = Object.getPrototypeOf(object);
  if (dawdling.has(kind)) return;
  dawdling.add(kind);
  for (const name of ACTS[kind]) {
    const act = methods[name];
    methods[name] = async function (...rest) {
      if (name !== "waitFor") await chance(PAUSE_MS);
      const value = await act.apply(this, rest);
      if (name === "waitFor") await chance(PAUSE_MS);
      return value;
    };
  }
}

/** Letter by letter. */
function pauseInTyping(keyboard) {
  const methods = Object.getPrototypeOf(keyboard);
  if (dawdling.has("letters")) return;
  dawdling.add("letters");
  const { type } = methods;
  methods.type = async function (text, ...rest) {
    for (const letter of text) {
      if (Math.random() < NOW_AND_THEN) await chance(PAUSE_MS);
      await type.call(this, letter, ...rest);
    }
  };
}

function pauseInAll(page) {
  pauseInTyping(page.keyboard);
  const objects = { Page: page, Keyboard: page.keyboard, Mouse: page.mouse, Locator: page.locator("html") };
  for (const [kind, object] of Object.entries(objects)) pauseIn(kind, object);
}

/** Makes a new context, and all of its pages, as slow as it is asked for. */
export async function slowDown(context) {
  if (RATE > 1) context.on("page", throttle);
  if (PAUSE_MS > 0) context.on("page", pauseInAll);
  if (DELAY_MS > 0) await context.route(/\/(?:api\/v1|assets)\//, dawdle);
}
