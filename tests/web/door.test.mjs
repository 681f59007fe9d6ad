// SPDX-License-Identifier: Apache-2.0
// The door: signing in and out, what is loaded, what the header fields forbid.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ada, calm, facts, openWindow, signedIn, signIn, until } from "./support/site.mjs";

test("a wrong password is told, and costs nothing but a try", async () => {
  const page = await openWindow();
  await page.goto(facts.base);
  await page.getByLabel("E-mail address").fill(ada.address);
  await page.getByLabel("Password", { exact: true }).fill("not this one");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "do not match" }).waitFor();
  await page.getByLabel("Password", { exact: true }).fill(ada.password);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Folders" }).waitFor();
  calm(page);
  await page.context().close();
});

test("the session is a cookie that scripts cannot see, and ends when somebody signs out", async () => {
  const page = await signedIn(ada);
  const cookie = (await page.context().cookies()).find((one) => one.name === "__Host-heronry");
  assert.ok(cookie?.httpOnly && cookie.secure && cookie.sameSite === "Strict" && cookie.path === "/");
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage }).includes(document.title)), false);
  await page.getByRole("button", { name: "Account and settings" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByLabel("E-mail address").waitFor();
  await page.reload();
  await page.getByLabel("E-mail address").waitFor();
  const status = await page.evaluate(async () => (await fetch("/api/v1/me")).status);
  assert.equal(status, 401);
  calm(page);
  await page.context().close();
});

test("a session that is ended elsewhere leads back to the door", async () => {
  const page = await signedIn(ada);
  const other = await signedIn(ada);
  const ended = await other.evaluate(async () => {
    const answer = await fetch("/api/v1/sessions", { method: "DELETE", headers: { "X-Heronry": "1" } });
    return answer.status;
  });
  assert.equal(ended, 200);
  await page.getByText("Your session has ended").waitFor();
  await page.context().close();
  await other.context().close();
});

/** Tells the page's own clock when the list is in it. */
function watchList() {
  const look = () => {
    const isThere = document.querySelector("[role=grid]") || document.body?.textContent.includes("All read, all done");
    if (isThere) window.listedAt ??= performance.now();
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}

test("the first picture needs little code", async () => {
  const page = await openWindow();
  await page.addInitScript(watchList);
  await signIn(page, ada);
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  const sizes = new Map();
  const kinds = new Map();
  client.on("Network.responseReceived", (event) => kinds.set(event.requestId, event));
  client.on("Network.loadingFinished", (event) => sizes.set(event.requestId, event.encodedDataLength));
  await client.send("Network.setCacheDisabled", { cacheDisabled: true });
  await page.goto("about:blank");
  sizes.clear();
  kinds.clear();
  await page.goto(facts.base);
  await page.getByRole("grid").or(page.getByText("All read, all done")).first().waitFor();
  // What is loaded a second later, to have it at hand, is not of the first picture: the reader of mail, and what comes with it.
  const started = () => page.evaluate(() => performance.getEntriesByType("resource").map((one) => [one.name, one.startTime]));
  const [, readerAt] = await until(async () => (await started()).find(([name]) => name.includes("/ReaderPane-")), "the reader is loaded");
  assert.ok(readerAt > (await page.evaluate(() => window.listedAt)), "the list is there before the reader is asked for");
  const first = (await started()).filter(([, at]) => at < readerAt - 100).map(([name]) => name);
  await until(() => first.every((url) => !url.endsWith(".js") || [...kinds].some(([id, one]) => one.response.url === url && sizes.has(id))), "all of it is loaded");
  const code = [...kinds].filter(([, one]) => one.response.url.endsWith(".js") && first.includes(one.response.url));
  const bytes = code.reduce((sum, [id]) => sum + (sizes.get(id) ?? 0), 0);
  const coding = new Set(code.map(([, one]) => one.response.headers["content-encoding"]));
  console.log(`${bytes} octets of code in ${code.length} files (${[...coding]})`);
  assert.ok(bytes > 10_000 && bytes < 60_000, `${bytes} octets of code at first`);
  const assets = await page.evaluate(async (url) => (await fetch(url)).headers.get("cache-control"), code[0][1].response.url);
  assert.match(assets ?? "", /immutable/);
  await page.context().close();
});

test("the page may do only what it needs", async () => {
  const page = await openWindow();
  const answer = await page.goto(facts.base);
  const policy = answer.headers()["content-security-policy"] ?? "";
  for (const part of ["default-src 'self'", "script-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"])
    assert.ok(policy.includes(part), part);
  assert.doesNotMatch(policy, /unsafe-eval|script-src[^;]*unsafe-inline/);
  assert.equal(answer.headers()["x-content-type-options"], "nosniff");
  const ran = await page.evaluate(() => {
    try {
      document.body.innerHTML = "<img src=x>";
      return true;
    } catch {
      return false;
    }
  });
  assert.equal(ran, false, "HTML from a text must be refused");
  await page.context().close();
});

test("two windows share one stream of events", async () => {
  const page = await signedIn(ada);
  const second = await page.context().newPage();
  const streams = [];
  second.on("request", (request) => {
    if (request.url().includes("/events")) streams.push(request.url());
  });
  await second.goto(facts.base);
  await second.getByRole("navigation", { name: "Folders" }).waitFor();
  await until(() => second.evaluate(async () => (await navigator.locks.query()).pending.length > 0), "the second window waits for the lock");
  assert.deepEqual(streams, []);
  await page.context().close();
});
