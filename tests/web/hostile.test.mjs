// SPDX-License-Identifier: Apache-2.0
// Mail that attacks its reader, opened in a real browser. Every name that is not ours leads to a tripwire:
// one connection there, one script that ran, one frame that went elsewhere fails the test.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { facts, openWindow, row, sharedWindow, signIn, until } from "./support/site.mjs";
import { hits, setTripwire, tripwireNotices } from "./support/tripwire.mjs";

const attacked = sharedWindow(async () => {
  const page = await openWindow({ shared: true });
  page.on("dialog", (dialog) => {
    hits.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await signIn(page, facts.victim);
  return page;
});

before(setTripwire);

function mails() {
  return readdirSync(facts.hostile).filter((name) => name.endsWith(".eml"));
}

/** The window in which the whole inbox is listed, nothing is open, and the cursor is at its first row. */
async function inbox() {
  const page = await attacked();
  await page.goto(`${facts.base}/#/`);
  await page.getByRole("heading", { level: 1, name: "Inbox" }).waitFor();
  await until(async () => Number(await page.getByRole("grid").getAttribute("aria-rowcount")) === mails().length, "all mails in the list");
  await page.getByText("Nothing open").waitFor();
  await page.keyboard.press("Home");
  return page;
}

test("the tripwire notices", async () => tripwireNotices(await attacked()));

test("no hostile mail gets out, runs or leads away", async () => {
  const page = await inbox();
  const count = mails().length;
  assert.ok(count >= 45, `${count} mails`);
  await page.evaluate(() => (window.pwned = undefined));
  const here = page.url().split("#")[0];
  const seen = new Set();
  for (let i = 0; i < count; i++) {
    const before = page.url();
    await page.keyboard.press(i === 0 ? "Enter" : "j");
    await until(() => page.url() !== before, "the next mail is open");
    const open = page.getByRole("region", { name: "Conversation" });
    await open.locator("article .paper").first().waitFor();
    await page.waitForTimeout(150);
    const subject = await open.getByRole("heading", { level: 1 }).textContent();
    seen.add(page.url().split("#")[1]);
    for (const frame of page.frames()) {
      if (frame === page.mainFrame()) continue;
      // A frame is there before its page is.
      await until(() => frame.isDetached() || frame.url() !== "", `${subject} is loaded`);
      if (frame.isDetached()) continue;
      assert.match(frame.url(), /^https:\/\/localhost:\d+\/api\/v1\/messages\/\d+\/body$|^about:blank$/, subject);
      const state = await frame.evaluate(() => ({
        scripts: document.scripts.length,
        forms: document.forms.length,
        frames: document.querySelectorAll("iframe, frame, object, embed").length,
        pwned: typeof window.pwned,
      })).catch((error) => (frame.isDetached() ? null : assert.fail(`${subject}: ${error.message}`)));
      if (state === null) continue; // of the mail before
      assert.deepEqual(state, { scripts: 0, forms: 0, frames: 0, pwned: "undefined" }, subject);
    }
    assert.equal(page.url().split("#")[0], here, subject);
    assert.equal(await page.evaluate(() => typeof window.pwned), "undefined", subject);
    assert.deepEqual(hits, [], `${subject} reached out`);
  }
  assert.equal(seen.size, count, "every mail was opened");
});

test("what is readable in a hostile mail can still be read", async () => {
  const keeps = (name) => /^X-Keeps: (.+)$/m.exec(readFileSync(join(facts.hostile, name), "latin1"))?.[1];
  const text = keeps("01-script.eml");
  assert.ok(text);
  const page = await inbox();
  await page.keyboard.press("End");
  await page.getByRole("row").filter({ has: page.getByText("Script", { exact: true }) }).getByRole("link").click();
  await page.frameLocator("iframe").getByText(text.trim()).first().waitFor();
});

test("a link that shows another server than its own is told of", async () => {
  const page = await inbox();
  await page.getByRole("combobox", { name: "Search mail" }).fill("subject:misleading");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Search results" }).waitFor();
  await until(async () => (await page.getByRole("row").count()) === 1, "the only hit");
  const open = page.getByRole("region", { name: "Conversation" });
  const warning = open.getByRole("status").filter({ hasText: "links to www.bank.example that lead to tripwire.example" });
  await row(page, "Misleading").getByRole("link").click();
  await warning.waitFor();
  const links = page.frameLocator("iframe").locator("a[title='Leads to tripwire.example']");
  await links.first().waitFor();
  assert.ok((await links.allTextContents()).every((text) => text.includes("bank.example")));
});

/** Nothing in the editor that acts, leads away or belongs to a form. */
async function assertToothless(editor, where) {
  const state = await editor.evaluate((one) => ({
    bad: one.querySelectorAll("script, iframe, object, embed, form, style, link, meta, base, svg, math, img:not([data-cid])").length,
    handlers: [...one.querySelectorAll("*")].filter((node) => [...node.attributes].some((attribute) => /^on/i.test(attribute.name))).length,
    links: [...one.querySelectorAll("[href]")].filter((node) => !/^(?:https?|mailto|tel):/i.test(node.getAttribute("href"))).length,
  }));
  assert.deepEqual(state, { bad: 0, handlers: 0, links: 0 }, where);
}

const EACH_KEPT = 11; // of so many mails the answer is kept as a draft, and opened again

test("answering and forwarding any hostile mail quotes it without its teeth", async () => {
  const page = await inbox();
  const total = mails().length;
  const seen = new Set();
  for (let i = 0; i < total; i++) {
    const before = page.url();
    await page.keyboard.press(i === 0 ? "Enter" : "j");
    await until(() => page.url() !== before, "the next mail is open");
    seen.add(page.url());
    const open = page.getByRole("region", { name: "Conversation" });
    await open.locator("article .paper").first().waitFor();
    for (const key of ["r", "f"]) {
      await page.keyboard.press(key);
      const editor = page.getByRole("textbox", { name: "Text of the message" });
      await editor.waitFor();
      await assertToothless(editor, `${key} of mail ${i}`);
      if (key === "r" && i % EACH_KEPT === 0) {
        await editor.focus();
        await page.keyboard.press("Control+Home");
        await page.keyboard.type("Kept. ");
        await page.getByRole("button", { name: "Save and close" }).click();
        await editor.waitFor({ state: "detached" });
        const draft = open.getByRole("article").filter({ has: page.getByText("Draft", { exact: true }) });
        await draft.getByRole("button").first().click();
        await draft.getByRole("button", { name: "Go on writing" }).click();
        await editor.getByText("Kept.").first().waitFor();
        await assertToothless(editor, `the draft of mail ${i}`);
      }
      await page.getByRole("button", { name: "Discard the draft" }).click();
      await editor.waitFor({ state: "detached" });
    }
    assert.equal(await page.evaluate(() => typeof window.pwned), "undefined", `mail ${i}`);
    assert.deepEqual(hits, [], `mail ${i}`);
  }
  assert.equal(seen.size, total, "every mail was quoted");
});
