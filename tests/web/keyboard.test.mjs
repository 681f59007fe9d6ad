// SPDX-License-Identifier: Apache-2.0
// Everything by the keyboard alone, and nothing that axe finds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, bo, calm, deliver, DESKTOP, newPerson, openRow, PHONE, row, signedIn, openWindow, facts, toast, unique, until } from "./support/site.mjs";

test("read, answer, send, take back, search, star and archive without a pointer", async () => {
  const person = await newPerson({ undoSendSeconds: 120 });
  const subject = unique("Keys ");
  const page = await openWindow();
  await page.goto(facts.base);
  await page.getByLabel("E-mail address").waitFor();
  await page.keyboard.type(person.address);
  await page.keyboard.press("Tab");
  await page.keyboard.type(person.password);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Folders" }).waitFor();
  await deliver({ to: person.address, subject, text: "Press some keys." });
  await row(page, subject).waitFor();

  // The newest is the first row: the cursor is there, Enter opens it.
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: subject }).waitFor();
  await page.keyboard.press("r");
  const text = page.getByRole("textbox", { name: "Text of the message" });
  await text.waitFor();
  await until(() => text.evaluate((one) => one.contains(document.activeElement)), "the keyboard is in the text");
  await page.keyboard.type("Pressed.");
  await page.keyboard.press("Control+Enter");
  await toast(page, "Message sent");
  await page.keyboard.press("z");
  await toast(page, "Taken back");
  await text.getByText("Pressed.").waitFor();
  await text.focus();
  await page.keyboard.press("Control+Enter");
  await toast(page, "Message sent");

  await page.keyboard.press("u");
  await page.getByText("Nothing open").waitFor();
  await page.keyboard.press("s");
  await until(async () => (await row(page, subject).textContent()).includes("starred"), "the star");
  await page.keyboard.press("/");
  await page.keyboard.type(subject);
  await until(async () => (await page.getByRole("heading", { name: "Search results" }).count()) && (await row(page, subject).count()) > 0, "the hit");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Inbox" }).waitFor();
  await until(() => page.evaluate(() => document.activeElement?.tagName !== "INPUT"), "the keyboard left the search");

  await row(page, subject).waitFor();
  await page.keyboard.press("Home");
  await page.keyboard.press("e");
  await toast(page, "Archived");
  assert.ok(await page.evaluate(() => document.activeElement !== null));
  await page.keyboard.press("Control+k");
  const palette = page.getByRole("combobox", { name: "Commands" });
  await palette.waitFor();
  await page.keyboard.type("go to archive");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Archive" }).waitFor();
  await row(page, subject).waitFor();
  await page.keyboard.press("v");
  await palette.waitFor();
  await page.keyboard.type("inbox");
  await page.keyboard.press("Enter");
  await toast(page, "Moved to Inbox");
  await row(page, subject).waitFor({ state: "detached" });
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  calm(page);
  await page.context().close();
});

test("letters are letters while somebody writes", async () => {
  const page = await signedIn(bo);
  await page.keyboard.press("/");
  await page.keyboard.type("cream");
  assert.equal(await page.getByRole("combobox", { name: "Search mail" }).inputValue(), "cream");
  assert.equal(await page.getByRole("dialog").count(), 0);
  // Ctrl+A is the field's own.
  await page.keyboard.press("Control+a");
  await page.keyboard.type("tea");
  assert.equal(await page.getByRole("combobox", { name: "Search mail" }).inputValue(), "tea");
  await page.context().close();
});

const ROUTES = [
  ["list", async () => undefined],
  ["conversation", (page, subject) => openRow(page, subject)],
  ["empty folder", (page) => page.goto(`${facts.base}/#/f/0`).then(() => page.evaluate(() => (location.hash = document.querySelector("nav a[title=Junk]").getAttribute("href"))))],
  ["search", async (page, subject) => {
    await page.getByRole("combobox", { name: "Search mail" }).fill(subject);
    await page.getByRole("heading", { name: "Search results" }).waitFor();
  }],
  ["settings", (page) => page.goto(`${facts.base}/#/settings`).then(() => page.getByRole("heading", { name: "Settings" }).waitFor())],
  ["composer", async (page) => {
    await page.keyboard.press("c");
    await page.getByRole("textbox", { name: "Text of the message" }).waitFor();
  }],
  ["palette", async (page) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Commands" }).waitFor();
  }],
  ["shortcuts", async (page) => {
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  }],
];

for (const scheme of ["light", "dark"]) {
  for (const [size, device] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    test(`axe finds nothing, ${scheme}, ${size}`, async () => {
      const subject = unique("Axe ");
      await deliver({ to: bo.address, subject, text: "For every eye and ear." });
      const page = await openWindow({ ...device, colorScheme: scheme });
      await page.goto(facts.base);
      await page.getByLabel("E-mail address").waitFor();
      await accessible(page, "door");
      await page.getByLabel("E-mail address").fill(bo.address);
      await page.getByLabel("Password", { exact: true }).fill(bo.password);
      await page.keyboard.press("Enter");
      for (const [name, show] of ROUTES) {
        await row(page, subject).waitFor();
        await show(page, subject);
        await page.waitForTimeout(400); // until nothing moves or fades any more
        await accessible(page, name);
        await page.goto("about:blank");
        await page.goto(facts.base);
      }
      calm(page);
      await page.context().close();
    });
  }
}
