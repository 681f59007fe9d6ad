// SPDX-License-Identifier: Apache-2.0
// The way of mail as two people see it.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { accessible, ada, api, bo, calm, deliver, facts, goBy, newPerson, openRow, row, send, signedIn, stay, toast, undo, unique, until } from "./support/site.mjs";

test("mail arrives without a reload, and the answer joins the conversation", async () => {
  const [from, to] = [await signedIn(ada), await signedIn(bo)];
  const subject = unique("Boats ");
  await to.evaluate(() => (window.sameWindow = true));
  await send(from, { to: bo.address, subject, text: "Are the boats ready?" });
  await row(to, subject).waitFor();
  assert.equal(await to.evaluate(() => window.sameWindow), true);
  await openRow(to, subject);
  await to.getByText("Are the boats ready?").last().waitFor();
  // Opened is read.
  await until(async () => !(await row(to, subject).textContent()).includes("Unread"), "the row is read");

  await to.keyboard.press("r");
  const text = to.getByRole("textbox", { name: "Text of the message" });
  await text.waitFor();
  await text.click();
  await to.keyboard.press("Control+Home");
  await to.keyboard.type("They are.");
  await to.getByRole("button", { name: "Send", exact: true }).click();
  await toast(to, "Message sent");
  await row(from, subject).waitFor();
  await until(async () => (await row(from, subject).textContent()).includes("2"), "the conversation has two messages");
  await openRow(from, subject);
  await from.getByText("They are.").last().waitFor();
  await until(async () => (await to.locator("article").count()) >= 2, "the own answer is in the conversation");
  calm(from);
  calm(to);
  await from.context().close();
  await to.context().close();
});

test("an attachment of several parts comes down as it went up", async () => {
  const [from, to] = [await signedIn(ada), await signedIn(bo)];
  const subject = unique("Sheet ");
  const bytes = randomBytes(5_300_000);
  await send(from, { to: bo.address, subject, text: "Here it is.", files: [{ name: "Zählung 2026.bin", mimeType: "application/octet-stream", buffer: bytes }] });
  await row(to, subject).waitFor();
  await openRow(to, subject);
  const [download] = await Promise.all([to.waitForEvent("download"), to.getByRole("link", { name: /Zählung 2026\.bin/ }).click()]);
  assert.equal(download.suggestedFilename(), "Zählung 2026.bin");
  const back = await readFile(await download.path());
  const digest = (data) => createHash("sha256").update(data).digest("hex");
  assert.equal(digest(back), digest(bytes));
  calm(from);
  await from.context().close();
  await to.context().close();
});

test("what was sent can be taken back", async () => {
  const [from, to] = [await signedIn(await newPerson({ undoSendSeconds: 120 })), await signedIn(bo)];
  const subject = unique("Regret ");
  await send(from, { to: bo.address, subject, text: "This was too early.", wait: false });
  await undo(from, "Message sent");
  await toast(from, "Taken back");
  // The draft is open again, with its words.
  await from.getByRole("textbox", { name: "Text of the message" }).getByText("This was too early.").waitFor();
  const [last] = (await api(from, "/submissions?limit=1")).body.items;
  assert.equal(last.undoStatus, "canceled");
  const after = unique("After ");
  await from.getByRole("button", { name: "Discard the draft" }).click();
  await deliver({ to: bo.address, subject: after, text: "Later mail." });
  await row(to, after).waitFor();
  assert.equal(await row(to, subject).count(), 0);
  calm(from);
  await from.context().close();
  await to.context().close();
});

test("a draft outlives the tab that was killed", async () => {
  const page = await signedIn(ada);
  const subject = unique("Killed ");
  await page.keyboard.press("c");
  const composer = page.getByRole("dialog").last();
  await composer.getByRole("combobox", { name: "To" }).fill(bo.address);
  await page.keyboard.press("Enter");
  await composer.getByLabel("Subject").fill(subject);
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type("Half a thou");
  await composer.getByText("Saved in Drafts").waitFor();
  const state = await page.context().storageState();
  await page.context().close();

  const again = await signedIn(ada);
  await again.getByRole("link", { name: /Drafts/ }).click();
  await row(again, subject).getByRole("link").click();
  const body = again.getByRole("textbox", { name: "Text of the message" });
  await body.getByText("Half a thou").waitFor();
  assert.ok(state);
  // Going on writing keeps one draft, not two.
  await body.click();
  await again.keyboard.press("Control+Home");
  await again.keyboard.type("More of it. ");
  await again.getByText("Saved in Drafts").waitFor();
  await again.getByRole("button", { name: "Save and close" }).click();
  await until(async () => (await again.getByRole("row").filter({ hasText: subject }).count()) === 1, "one draft");
  calm(again);
  await again.context().close();
});

test("an own draft neither lifts its conversation in the list nor is told as new mail", async () => {
  const page = await signedIn(ada);
  const [older, newer] = [unique("Older "), unique("Newer ")];
  await deliver({ to: ada.address, subject: older, text: "First." });
  await row(page, older).waitFor();
  await deliver({ to: ada.address, subject: newer, text: "Second." });
  await row(page, newer).waitFor();
  await openRow(page, older);
  await page.keyboard.press("r");
  await page.getByRole("textbox", { name: "Text of the message" }).waitFor();
  await page.keyboard.type("Soon.");
  await page.getByText("Saved in Drafts").waitFor();
  // The row follows, in its place.
  await row(page, older).getByText("Draft").waitFor();
  const first = await page.getByRole("grid").locator("[aria-rowindex='1']").textContent();
  assert.ok(first.includes(newer), first);
  const news = await page.getByRole("status").allTextContents();
  assert.ok(!news.some((text) => text.includes(older) && !text.includes("Leo")), news.join());
  // Opened in its conversation it stays open, though each saving makes another message of it.
  await page.getByRole("button", { name: "Save and close" }).click();
  const former = page.getByRole("article").filter({ has: page.getByText("Draft", { exact: true }) });
  const goOn = former.getByRole("button", { name: "Go on writing" });
  await former.getByRole("button", { expanded: false }).first().click();
  await goOn.waitFor();
  await former.evaluate((article) => article.classList.add("former"));
  await goOn.click();
  await page.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type("And more. ");
  await page.locator("article:not(.former)").getByRole("button", { name: "Go on writing" }).waitFor();
  await page.getByRole("button", { name: "Discard the draft" }).click();
  calm(page);
  await page.context().close();
});

test("search finds by word, sender, phrase and beginning, while one types", async () => {
  const page = await signedIn(bo);
  const word = unique("kormoran");
  await deliver({ to: bo.address, subject: `${word} on the pier`, text: "Seventeen silver fishes in the net." });
  await row(page, word).waitFor();
  const line = page.getByRole("combobox", { name: "Search mail" });
  // It was not in the index when it was looked for first.
  let early = 0;
  await page.route(/\/api\/v1\/search\?/, async (route) => {
    if (new URL(route.request().url()).searchParams.get("q") !== word || early++ > 0) return route.fallback();
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...(await response.json()), items: [], total: 0, isComplete: false } });
  });
  for (const query of [word, word.slice(0, -3), `from:leo@example.net ${word}`, `"silver fishes" ${word}`, `subject:${word}`]) {
    await page.keyboard.press("Escape");
    await line.click();
    await line.fill("");
    await page.keyboard.type(query);
    await page.getByRole("heading", { name: "Search results" }).waitFor();
    // Each key searches: only what the whole query found counts. "subject:" alone finds, but marks nothing.
    await page.waitForURL((url) => new URLSearchParams(url.hash.split("?")[1]).get("q") === query);
    await row(page, "on the pier").locator("mark").first().waitFor();
  }
  assert.ok(early > 1, `it was looked for ${early} times`);
  await line.fill(`-${word} ${word}`);
  await page.getByText("Nothing was found").waitFor();
  await page.getByRole("button", { name: "End the search" }).click();
  await page.getByRole("heading", { name: "Inbox" }).waitFor();
  calm(page);
  await page.context().close();
});

test("archive, delete, star and read can be undone", async () => {
  // With no mail but this no row moves away below the pointer.
  const person = await newPerson();
  const page = await signedIn(person);
  const subject = unique("Undo ");
  await deliver({ to: person.address, subject, text: "To be moved about." });
  await row(page, subject).waitFor();
  // A notice goes after a while, so it is made to stay before anything else is looked at; and the answer to the act
  // itself is not taken for that to its undo.
  const act = async (key, text) => {
    const done = page.waitForResponse(/\/messages\/batch$/);
    await page.keyboard.press(key);
    await stay(page, text);
    await done;
  };
  // The row shows it at once; a reload before the answer would give the request up.
  const undoIn = async (text) => {
    const undone = page.waitForResponse(/\/messages\/batch$/);
    await undo(page, text);
    await undone;
  };
  const inRow = async (text) => (await row(page, subject).textContent()).includes(text);
  const tick = async () => {
    await row(page, subject).hover();
    await row(page, subject).getByRole("checkbox").check({ force: true });
  };

  await tick();
  await act("e", "Archived");
  await row(page, subject).waitFor({ state: "detached" });
  await undoIn("Archived");
  await row(page, subject).waitFor();

  await tick();
  await act("#", "Moved to the trash");
  await row(page, subject).waitFor({ state: "detached" });
  await undoIn("Moved to the trash");
  await row(page, subject).waitFor();

  await tick();
  await act("s", "Starred");
  await until(() => inRow("starred"), "the star");
  await undoIn("Starred");
  await until(async () => !(await inRow("starred")), "no star");

  await tick();
  await act("Shift+I", "Marked as read");
  await until(async () => !(await inRow("Unread")), "read");
  await undoIn("Marked as read");
  await until(() => inRow("Unread"), "unread again");

  // What the server has is what the screen shows.
  await page.reload();
  await row(page, subject).waitFor();
  assert.ok(await inRow("Unread"));
  assert.ok(!(await inRow("starred")));
  calm(page);
  await page.context().close();
});

test("another window of the same user follows", async () => {
  const [page, other] = [await signedIn(bo), await signedIn(bo)];
  const subject = unique("Follow ");
  await deliver({ to: bo.address, subject, text: "Seen twice." });
  await row(page, subject).waitFor();
  await row(other, subject).waitFor();
  await openRow(page, subject);
  await until(async () => !(await row(other, subject).textContent()).includes("Unread"), "read in the other window");
  await page.keyboard.press("e");
  await row(other, subject).waitFor({ state: "detached" });
  calm(other);
  for (const one of [page, other]) await one.context().close();
});

test("a forgotten attachment, a missing recipient and a wrong address are told", async () => {
  const page = await signedIn(ada);
  await page.keyboard.press("c");
  const composer = page.getByRole("dialog").last();
  await composer.getByRole("button", { name: "Send", exact: true }).click();
  await composer.getByText("Say whom it goes to.").waitFor();
  await composer.getByRole("combobox", { name: "To" }).fill("nobody");
  await page.keyboard.press("Enter");
  await composer.getByText("is no mail address").waitFor();
  await composer.getByRole("combobox", { name: "To" }).fill(bo.address);
  await page.keyboard.press("Enter");
  await composer.getByLabel("Subject").fill("The sheet");
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type("It is attached.");
  await composer.getByRole("button", { name: "Send", exact: true }).click();
  const question = page.getByRole("dialog", { name: /attachment missing/ });
  await question.waitFor();
  await question.getByRole("button", { name: "Close" }).click();
  await composer.getByRole("button", { name: "Discard the draft" }).click();
  calm(page);
  await page.context().close();
});

test("settings hold: name, signature, density, theme, language", async () => {
  const page = await signedIn(await newPerson());
  await goBy(page, "g,", "Settings");
  await page.getByRole("radio", { name: "Dark" }).check({ force: true });
  await until(() => page.evaluate(() => document.documentElement.dataset.theme === "dark"), "dark");
  await page.getByRole("radio", { name: "Compact" }).check({ force: true });
  const name = unique("Ada ");
  await page.getByLabel("Signature", { exact: true }).fill("Ada\nNorth bank");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Save" }).click();
  await toast(page, "Saved");
  const changed = page.waitForResponse((answer) => /"language"/.test(answer.request().postData() ?? ""));
  await page.getByLabel("Language", { exact: true }).selectOption("de");
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
  await changed;
  await page.reload();
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  await page.getByLabel("Sprache", { exact: true }).selectOption("auto");
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  await page.getByRole("radio", { name: "As the system" }).check({ force: true });
  await page.getByRole("radio", { name: "Cosy" }).check({ force: true });
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), name);
  await page.getByRole("button", { name: "Compose", exact: true }).click();
  await page.getByRole("textbox", { name: "Text of the message" }).getByText("North bank").waitFor();
  await page.getByRole("button", { name: "Save and close" }).click();
  calm(page);
  await page.context().close();
});

test("folders are made, renamed, filled and deleted", async () => {
  const page = await signedIn(bo);
  const [name, other, subject] = [unique("Nests "), unique("Herons "), unique("Filed ")];
  await deliver({ to: bo.address, subject, text: "To be filed." });
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill(name);
  await page.keyboard.press("Enter");
  await toast(page, "Folder created");
  await row(page, subject).waitFor();
  await openRow(page, subject);
  await page.getByRole("button", { name: "Move" }).first().click();
  await page.getByRole("menuitem", { name }).click();
  await toast(page, `Moved to ${name}`);
  await page.getByRole("link", { name }).click();
  await row(page, subject).waitFor();

  await page.getByRole("button", { name: "Change the folder" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill(other);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: other }).waitFor();

  await page.getByRole("button", { name: "Change the folder" }).click();
  await page.getByRole("menuitem", { name: "Delete the folder" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the folder" }).click();
  await page.getByRole("heading", { name: "Inbox" }).waitFor();
  await until(async () => (await page.getByRole("link", { name: other }).count()) === 0, "the folder is gone");
  await page.getByRole("link", { name: /^Trash/ }).click();
  await row(page, subject).waitFor();
  calm(page);
  await page.context().close();
});

test("a message to somebody elsewhere says where it is", async () => {
  const page = await signedIn(ada);
  const subject = unique("Away ");
  await send(page, { to: "far@one.example", subject, text: "Does it arrive?" });
  await page.getByRole("link", { name: /^Sent/ }).click();
  await row(page, subject).waitFor();
  await openRow(page, subject);
  // No server of that domain can be found here.
  await page.locator("summary").getByText(/^(On its way|Is tried again)$/).click();
  await page.getByText("far@one.example").last().waitFor();
  calm(page);
  await page.context().close();
});

test("a message is sent later, waits among the drafts, and is taken back", async () => {
  const page = await signedIn(ada);
  const subject = unique("Later ");
  await page.keyboard.press("c");
  await page.getByRole("combobox", { name: "To" }).fill(bo.address);
  await page.keyboard.press("Enter");
  await page.getByRole("textbox", { name: "Subject" }).fill(subject);
  await page.getByRole("button", { name: "Send later" }).click();
  await page.getByRole("menuitem", { name: "Choose day and time" }).click();
  const dialog = page.getByRole("dialog", { name: "Send later" });
  const field = dialog.getByLabel("Day and time");
  await field.fill("2020-01-01T08:00");
  await dialog.getByRole("button", { name: "Send later" }).click();
  await dialog.getByText("This lies in the past.").waitFor();
  // As far ahead as nobody forbids, on whatever day this is.
  const day = new Date(Date.now() + 40 * 86_400_000);
  await field.fill(`${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}T08:00`);
  await dialog.getByRole("button", { name: "Send later" }).click();
  await toast(page, `Is sent on`);
  await page.getByRole("link", { name: /^Drafts/ }).click();
  await row(page, subject).click();
  const told = day.toLocaleDateString("en-US", { month: "long", day: "numeric" });
  await page.getByText(new RegExp(`This message is sent on .*${told}\\b`)).waitFor();
  await page.getByRole("button", { name: "Take back and edit" }).click();
  await page.getByRole("textbox", { name: "Text of the message" }).waitFor();
  await until(async () => (await page.getByRole("textbox", { name: "Subject" }).inputValue()) === subject, "the draft is open");
  calm(page);
  await page.context().close();
});

test("a draft that came back says why", async () => {
  const page = await signedIn(ada);
  const keeper = await signedIn(facts.admin);
  const subject = unique("Back ");
  const never = `${unique("never")}@birds.example`;
  await api(keeper, `/admin/sending-limits/${ada.address}/suppressions/${never}`, { method: "PUT", body: "{}" });
  await keeper.context().close();
  const input = { to: [{ address: never }], cc: [], bcc: [], subject, html: "", text: "Is anybody there?", attachments: [] };
  const { body: draft } = await api(page, "/drafts", { method: "POST", body: JSON.stringify(input) });
  const { body: made } = await api(page, "/submissions", { method: "POST", body: JSON.stringify({ draftId: draft.id, undoSeconds: 0 }) });
  await until(async () => (await api(page, `/submissions/${made.id}`)).body.undoStatus === "canceled", "the message is back");
  await page.getByRole("link", { name: /^Drafts/ }).click();
  await row(page, subject).click();
  await page.getByText(`This message was not sent. The server says: You are not to write to ${never}`).waitFor();
  await accessible(page, "a draft that came back");
  calm(page);
  await page.context().close();
});

test("a forwarded message keeps the pictures in its text", async () => {
  const [from, to] = [await signedIn(ada), await signedIn(bo)];
  const [subject, picture] = [unique("Picture "), "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="];
  await from.evaluate(async ([title, address, png]) => {
    const call = async (path, body, type = "application/json") => {
      const headers = { "X-Heronry": "1", "Content-Type": type, "Idempotency-Key": crypto.randomUUID() };
      const answer = await fetch(`/api/v1${path}`, { method: "POST", headers, body });
      if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
      return { ...(await answer.json()), etag: answer.headers.get("etag") };
    };
    const bytes = Uint8Array.from(atob(png), (one) => one.charCodeAt(0));
    const blob = await call(`/blobs?name=dot.png&type=image/png&size=${bytes.length}`, bytes, "application/octet-stream");
    const draft = await call("/drafts", JSON.stringify({
      to: [{ address }], cc: [], bcc: [], subject: title, text: "", html: '<p>Look: <img src="cid:dot@here" alt="dot"></p>',
      attachments: [{ blobId: blob.id, name: "dot.png", contentId: "dot@here" }],
    }));
    await call("/submissions", JSON.stringify({ draftId: draft.id, draftEtag: draft.etag, undoSeconds: 0 }));
  }, [subject, bo.address, picture]);
  await row(to, subject).waitFor();
  await openRow(to, subject);
  await to.frameLocator("iframe").locator("img").first().waitFor();
  await to.keyboard.press("f");
  const editor = to.getByRole("textbox", { name: "Text of the message" });
  const seen = editor.locator("img");
  await until(() => seen.evaluate((one) => one.naturalWidth === 1), "the picture is in the editor");
  await to.getByRole("combobox", { name: "To" }).fill(ada.address);
  await to.keyboard.press("Enter");
  await to.getByRole("button", { name: "Send", exact: true }).click();
  await toast(to, "Message sent");
  await row(from, `Fwd: ${subject}`).waitFor();
  await openRow(from, `Fwd: ${subject}`);
  const shown = from.frameLocator("iframe").last().locator("img");
  await until(() => shown.evaluate((one) => one.naturalWidth === 1), "the picture came along");
  calm(to);
  for (const one of [from, to]) await one.context().close();
});
