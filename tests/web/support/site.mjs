// SPDX-License-Identifier: Apache-2.0
// What all browser tests share: Chromium, signing in, finding things as people name them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";
import { after, afterEach } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { chromium, request } from "playwright-core";
import { judgeAnswers } from "./contract.mjs";
import { slowDown } from "./slow.mjs";

/** Facts of the running server, from test_web.py: base, users, folder, tripwire ... */
export const facts = JSON.parse(readFileSync(process.env.HERONRY_WEB_FACTS ?? "", "utf8"));
export const [ada, bo] = facts.users;

// Ends what hangs; on a machine that is busy with other tests a page may take most of a minute.
const PATIENCE_S = 120;
export const DESKTOP = { viewport: { width: 1440, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

let browser;
let keeper;
let extra = [];
let windows = [];
after(async () => {
  await keeper?.dispose();
  await browser?.close();
});
// Whatever became of a test, its windows act no more while others run.
afterEach(async () => {
  const open = windows;
  windows = [];
  await Promise.allSettled(open.map((context) => context.close()));
});

/** Ends the browser, for programs that are no tests. */
export async function shut() {
  await browser?.close();
}

/** More arguments for Chromium; before the first window. */
export function chromiumArguments(list) {
  extra = list;
}

/** A test that puts its own answers into those of the server may be at one when the window closes: nobody waits for it. */
function leaveAnswersBehind(context) {
  const close = context.close.bind(context);
  context.close = async (...how) => {
    await Promise.all(context.pages().map((page) => page.unrouteAll({ behavior: "ignoreErrors" })));
    await close(...how);
  };
}

/** A window of its own, with nothing kept from others; it closes with its test, unless other tests go on in it
 * (`shared`). Errors of the page fail `calm(page)`; so do answers that break the contract, but where times are
 * measured (`judged: false`). */
export async function openWindow({ judged = true, shared = false, ...options } = {}) {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    timeout: PATIENCE_S * 1000,
    // ignoreHTTPSErrors is of pages: a download that needs a new connection asks no page and gives up.
    args: ["--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", ...extra],
  });
  const context = await browser.newContext({ ...DESKTOP, locale: "en-US", ignoreHTTPSErrors: true, acceptDownloads: true, ...options });
  leaveAnswersBehind(context);
  if (!shared) windows.push(context);
  context.setDefaultTimeout(PATIENCE_S * 1000);
  await slowDown(context);
  const page = await context.newPage();
  page.faults = [];
  if (judged) judgeAnswers(page);
  page.on("pageerror", (error) => page.faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // 401 at the start tells the app that nobody is signed in; the browser logs it as an error.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.faults.push(message.text());
  });
  return page;
}

/** Closes the notices of a test, so that the next one does not take them for its own. */
async function hush(page) {
  await page.evaluate(() => document.querySelectorAll(".toast .icon-button").forEach((one) => one.click()));
  await until(async () => (await page.locator(".toast").count()) === 0, "the notices are closed");
}

/** A window that the tests of a file share, opened by the first of them. One that failed may have left it in any
 * state: the next test begins in a new window. */
export function sharedWindow(open) {
  let page;
  const close = async () => {
    await page?.context().close();
    page = undefined;
  };
  after(close);
  afterEach(({ passed }) => passed || close());
  return async () => {
    page ??= await open();
    await hush(page);
    return page;
  };
}

/** Nothing went wrong inside of the page, no rule of the policy was broken. */
export function calm(page) {
  assert.deepEqual(page.faults, []);
}

/** Who is signed in by the API alone. */
async function caller(user) {
  const context = await request.newContext({ baseURL: facts.base, ignoreHTTPSErrors: true, timeout: PATIENCE_S * 1000, extraHTTPHeaders: { "X-Heronry": "1", Origin: facts.base } });
  const answer = await context.post("/api/v1/session", { data: { login: user.address, password: user.password, remember: false } });
  assert.equal(answer.status(), 200, await answer.text());
  return context;
}

/** Somebody new, for a test whose changes to settings, folders or drafts others should not meet: {address, password}. */
export async function newPerson(settings = {}) {
  keeper ??= await caller(facts.admin);
  const person = { address: `${unique("somebody")}@${facts.domain}`, password: unique("long enough ") };
  const made = await keeper.post("/api/v1/admin/accounts", { data: person });
  assert.equal(made.status(), 201, await made.text());
  if (Object.keys(settings).length === 0) return person;
  const own = await caller(person);
  const set = await own.patch("/api/v1/me/settings", { data: settings });
  assert.equal(set.status(), 200, await set.text());
  await own.dispose();
  return person;
}

export async function signIn(page, user, path = "/") {
  await page.goto(facts.base + path);
  await page.getByLabel("E-mail address").fill(user.address);
  await page.getByLabel("Password", { exact: true }).fill(user.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await ready(page);
}

/** The webmail is there and listens to keys. */
export async function ready(page) {
  await page.getByRole("navigation", { name: "Folders" }).or(page.getByRole("button", { name: "Open the folders" })).first().waitFor();
}

/** A window in which somebody is signed in. */
export async function signedIn(user, options = {}) {
  const page = await openWindow(options);
  await signIn(page, user);
  return page;
}

export function row(page, text) {
  return page.getByRole("row").filter({ hasText: text }).first();
}

/** Opens a conversation by its subject; keys are about it then, not about the one that was open before. */
export async function openRow(page, subject, region = "Conversation") {
  await row(page, subject).getByRole("link").click();
  await page.getByRole("region", { name: region }).getByRole("heading", { level: 1 }).filter({ hasText: subject }).waitFor();
}

/** Presses keys that belong together ("g", then "d") until what they bring is there: a key that comes more than a
 *  second after the one before begins anew. */
export async function pressUntil(page, keys, there) {
  await until(async () => {
    for (const key of keys) await page.keyboard.press(key);
    return there.waitFor({ timeout: 5000 }).then(() => true, () => false);
  }, `${there} by ${keys}`);
}

/** Goes to a page of an app by its keys. */
export function goBy(page, keys, heading) {
  return pressUntil(page, keys, page.getByRole("heading", { level: 1, name: heading }));
}

/** Types into a search field above a table and waits until the table shows nothing else: a row that is still to move
 *  cannot be clicked on. */
export async function filter(page, field, text) {
  await page.getByRole("searchbox", { name: field }).fill(text);
  const rows = page.locator("tbody tr");
  const found = rows.filter({ hasText: text });
  await until(async () => (await rows.count()) > 0 && (await rows.count()) === (await found.count()), `the table shows ${text} alone`);
}

export async function toast(page, text) {
  await page.locator(".toast", { hasText: text }).waitFor();
}

/** As toast(), for a notice that is needed later: it would go by itself, but pointed at it stays. */
export async function stay(page, text) {
  await toast(page, text);
  await page.locator(".toasts").dispatchEvent("pointerenter");
}

/** Takes back what a notice tells of. */
export async function undo(page, text) {
  await stay(page, text);
  await page.locator(".toast", { hasText: text }).getByRole("button", { name: /Undo/ }).click();
}

/** A call of the API in the name of who is signed in: {status, body}. */
export function api(page, path, options = {}) {
  return page.evaluate(
    async ([url, more]) => {
      const headers = { "X-Heronry": "1", ...(more.body ? { "Content-Type": "application/json" } : {}) };
      const answer = await fetch(`/api/v1${url}`, { ...more, headers });
      const text = await answer.text();
      return { status: answer.status, body: text ? JSON.parse(text) : null };
    },
    [path, options],
  );
}

/** Writes and sends a message by the composer. */
export async function send(page, { to, subject, text, files = [], wait = true }) {
  await page.getByRole("button", { name: "Compose", exact: true }).click();
  const composer = page.getByRole("dialog", { name: /./ }).last();
  await composer.getByRole("combobox", { name: "To" }).fill(to);
  await page.keyboard.press("Enter");
  await composer.getByLabel("Subject").fill(subject);
  const body = composer.getByRole("textbox", { name: "Text of the message" });
  await body.click();
  await page.keyboard.type(text);
  if (files.length > 0) {
    await composer.locator("input[type=file]").setInputFiles(files);
    await composer.locator("progress").waitFor({ state: "detached" });
  }
  await composer.getByRole("button", { name: "Send", exact: true }).click();
  if (wait) await toast(page, "Message sent");
}

/** Mail from outside, by SMTP; `type` is its Content-Type, `inReplyTo` what the delivery of another one gave. */
export async function deliver({ to, subject, text, from = "leo@example.net", name = "Leo Park", type = "text/plain; charset=utf-8", inReplyTo = "" }) {
  const socket = net.connect(facts.ports.smtp, "127.0.0.1");
  const lines = (async function* () {
    let rest = "";
    for await (const data of socket) {
      rest += data;
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (line[3] === " ") yield line;
      }
    }
  })();
  const say = async (words, code) => {
    if (words) socket.write(`${words}\r\n`);
    const { value } = await lines.next();
    assert.ok(value?.startsWith(code), `${words}: ${value}`);
  };
  const id = `<${Math.random().toString(36).slice(2)}@example.net>`;
  const message = [
    `From: ${name} <${from}>`, `To: <${to}>`, `Subject: ${subject}`, `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    ...(inReplyTo ? [`In-Reply-To: ${inReplyTo}`] : []), `Message-ID: ${id}`, "MIME-Version: 1.0", `Content-Type: ${type}`, "", text,
  ].join("\r\n");
  await say(null, "220");
  await say("EHLO client.example", "250");
  await say(`MAIL FROM:<${from}>`, "250");
  await say(`RCPT TO:<${to}>`, "250");
  await say("DATA", "354");
  await say(`${message}\r\n.`, "250");
  await say("QUIT", "221");
  socket.destroy();
  return id;
}

/** What moves or fades comes to rest: half-way its colours are nobody's. */
async function settled(page) {
  await page.evaluate(() => {
    const ending = document.getAnimations().filter((one) => Number.isFinite(one.effect?.getComputedTiming().endTime));
    return Promise.allSettled(ending.map((one) => one.finished));
  });
}

/** No finding of axe, in what is on screen now. */
export async function accessible(page, name) {
  await settled(page);
  // Only what is wrong is told in full, and without frames no second page is needed: half of the time.
  const result = await new AxeBuilder({ page })
    .options({ resultTypes: ["violations"] })
    .setLegacyMode(page.frames().length === 1)
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const found = result.violations.map((one) => `${one.id}: ${one.help}\n    ${one.nodes.map((node) => node.html.slice(0, 160)).join("\n    ")}`);
  assert.deepEqual(found, [], name);
}

/** Polls until `check` gives something true. */
export async function until(check, what, seconds = PATIENCE_S) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) assert.fail(`${what} did not come true within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A word that no other test uses. */
export function unique(prefix) {
  return `${prefix}${Math.random().toString(36).slice(2, 9)}`;
}
