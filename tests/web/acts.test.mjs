// SPDX-License-Identifier: Apache-2.0
// What people do with mail does what it says: nothing is sent without its files, nothing else is moved along.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, api, bo, calm, deliver, facts, newPerson, openRow, row, signedIn, stay, toast, undo, unique, until } from "./support/site.mjs";

/** Each message of the only conversation that a search finds, as the roles of its folders. */
async function placesOf(page, word) {
  const { mailboxes } = (await api(page, "/bootstrap")).body;
  const { items } = (await api(page, `/search?q=${word}`)).body;
  assert.equal(items.length, 1);
  const { messages } = (await api(page, `/threads/${items[0].thread.id}`)).body;
  const roleOf = (id) => mailboxes.find((one) => one.id === id)?.role;
  return messages.map((one) => one.mailboxIds.map(roleOf).join()).sort();
}

test("what was once decided about a domain is seen in the settings, and taken back", async () => {
  const page = await signedIn(facts.asked);
  await page.goto(`${facts.base}/#/settings`);
  await page.getByRole("heading", { name: "Domains with less secure delivery" }).waitFor();
  await page.getByText("to any server, also without TLS · for ever").waitFor();
  await accessible(page, "settings with exceptions");
  const button = page.getByRole("button", { name: "Take back: lax.example" });
  await button.click();
  await toast(page, "Mail to lax.example waits for you again when it cannot go securely");
  await button.waitFor({ state: "detached" });
  assert.deepEqual((await api(page, "/tls-exceptions")).body.items.map((one) => one.domain), ["laxer.example"]);
  calm(page);
});

test("what is held is decided at the message in Sent, in the language of the app", async () => {
  const page = await signedIn(facts.asked);
  await page.getByRole("link", { name: "Sent" }).click();
  await openRow(page, "Invitation");
  await page.getByText("Failed later, as a report says").first().click();
  await page.locator("code", { hasText: "550 5.1.1 who is that?" }).waitFor();
  await accessible(page, "a message that came back later");
  await page.getByRole("link", { name: "Sent" }).click();
  await openRow(page, "Contract");
  await page.getByText("This message waits for your decision: it cannot go to shady.example securely.").waitFor();
  await page.locator("p", { hasText: "The server's certificate does not verify" }).waitFor();
  await page.getByRole("button", { name: "Whitelist shady.example", exact: true }).waitFor();
  await accessible(page, "a message that is held");
  await api(page, "/me/settings", { method: "PATCH", body: JSON.stringify({ language: "de" }) });
  await page.reload();
  await page.getByText("Diese Nachricht wartet auf deine Entscheidung: zu shady.example kommt sie nicht sicher.").waitFor();
  await page.locator("p", { hasText: "Der Grund: Das Zertifikat des Servers stimmt nicht" }).waitFor();
  const choice = page.getByRole("button", { name: "Nur diese senden" });
  await choice.click();
  await toast(page, "Das ist entschieden");
  await choice.waitFor({ state: "detached" });
  calm(page);
});

test("a message is not sent without a file that was not uploaded", async () => {
  const page = await signedIn(bo);
  const refused = { type: "https://heronry.example/problems/invalid-fields", title: "Refused", status: 422, code: "invalid-fields" };
  const answer = { status: 422, contentType: "application/problem+json", body: JSON.stringify(refused) };
  await page.route("**/api/v1/blobs*", (route) => route.fulfill(answer));
  await page.keyboard.press("c");
  const composer = page.getByRole("dialog").last();
  await composer.getByRole("combobox", { name: "To" }).fill(bo.address);
  await page.keyboard.press("Enter");
  await composer.getByLabel("Subject").fill(unique("Sheet "));
  await composer.locator("input[type=file]").setInputFiles([{ name: "count.txt", mimeType: "text/plain", buffer: Buffer.from("17 herons") }]);
  await composer.getByRole("alert").filter({ hasText: "A file was not uploaded" }).waitFor();
  const button = composer.getByRole("button", { name: "Send", exact: true });
  assert.equal(await button.isDisabled(), true);
  await accessible(page, "a failed file");
  const sent = [];
  page.on("request", (request) => request.url().endsWith("/submissions") && sent.push(request.url()));
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.press("Control+Enter");
  await composer.getByText("Saved in Drafts").waitFor();
  assert.deepEqual(sent, []);

  await page.unrouteAll({ behavior: "wait" });
  await composer.getByRole("button", { name: "Upload count.txt again" }).click();
  await until(() => button.isEnabled(), "it can be sent");
  assert.equal(await composer.getByRole("alert").count(), 0);
  await composer.getByRole("button", { name: "Discard the draft" }).click();
  await page.context().close();
});

test("archiving what a search found leaves the own draft where it is", async () => {
  const page = await signedIn(bo);
  const word = unique("reiher");
  await deliver({ to: bo.address, subject: word, text: "Where do they nest?" });
  await openRow(page, word);
  await page.keyboard.press("r");
  await page.getByRole("textbox", { name: "Text of the message" }).waitFor();
  await page.keyboard.type("By the river.");
  await page.getByText("Saved in Drafts").waitFor();
  await page.getByRole("button", { name: "Save and close" }).click();
  await page.evaluate((q) => (location.hash = `#/search?q=${q}`), word);
  await page.getByRole("heading", { name: "Search results" }).waitFor();
  await row(page, word).waitFor();
  await page.keyboard.press("x");
  await page.keyboard.press("e");
  await stay(page, "Archived");
  assert.deepEqual(await placesOf(page, word), ["archive", "drafts"]);
  await undo(page, "Archived");
  await until(async () => (await placesOf(page, word)).join() === "drafts,inbox", "it is in the inbox again");
  calm(page);
  await page.context().close();
});

test("a text is shown that comes after news about its conversation", async () => {
  const page = await signedIn(bo);
  const word = unique("crane");
  await deliver({ to: bo.address, subject: word, text: "They fly at dawn." });
  await row(page, word).waitFor();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/api/v1/messages/*/content", (route) => held.then(() => route.continue()));
  const asked = page.waitForRequest(/\/messages\/\d+\/content$/);
  await row(page, word).getByRole("link").click();
  const [, id] = /messages\/(\d+)/.exec((await asked).url());
  const again = page.waitForResponse(/\/threads\/\d+$/);
  const body = JSON.stringify({ target: { messageIds: [id] }, change: { keywords: { $flagged: true } } });
  assert.equal((await api(page, "/messages/batch", { method: "POST", body })).status, 200);
  await again;
  release();
  await page.getByRole("article").getByText("They fly at dawn.").waitFor();
  calm(page);
  await page.context().close();
});

test("a letter is printed whole, and alone", async () => {
  const page = await signedIn(bo);
  const lines = Array.from({ length: 400 }, (_, i) => `Line ${i} of the letter.`);
  const kinds = [["text/plain", lines.join("\r\n")], ["text/html", `<p>${lines.join("</p>\r\n<p>")}</p>`]];
  for (const [type, text] of kinds) {
    const word = unique("long");
    await deliver({ to: bo.address, subject: word, text, type: `${type}; charset=utf-8` });
    await openRow(page, word);
    await page.getByRole("heading", { level: 1, name: word }).waitFor();
    if (type === "text/html") await page.locator("iframe.ready").waitFor();
    else await page.getByText("Line 399 of").waitFor();
    const pdf = (await page.pdf({ format: "A4", margin: { top: "15mm", bottom: "15mm" } })).toString("latin1");
    const pages = pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    // 400 lines of 23 px, or paragraphs, on pages of about 1000 px.
    assert.ok(pages >= 8 && pages <= 24, `${type}: ${pages} pages`);
  }
  await page.emulateMedia({ media: "print" });
  for (const name of ["Folders", "Conversations"]) assert.equal(await page.locator(`[aria-label="${name}"]`).first().isVisible(), false, name);
  calm(page);
  await page.context().close();
});

test("a conversation that another program deleted is told as gone, also to who comes by its address", async () => {
  const page = await signedIn(bo);
  const word = unique("egret");
  await deliver({ to: bo.address, subject: word, text: "It flew away." });
  await openRow(page, word);
  const address = page.url();
  const { messages } = (await api(page, `/threads/${/\d+$/.exec(address)[0]}`)).body;
  const body = JSON.stringify({ target: { messageIds: messages.map((one) => one.id) }, change: { destroy: true } });
  assert.equal((await api(page, "/messages/batch", { method: "POST", body })).status, 200);
  await row(page, word).waitFor({ state: "detached" });
  const other = await page.context().newPage();
  await other.goto(address);
  for (const one of [page, other]) await one.getByText("This conversation is no longer there").waitFor();
  await accessible(other, "gone");
  await other.close();
  calm(page);
  await page.context().close();
});

test("a star goes to a conversation whose draft was sent or saved anew before the list heard of it", async () => {
  const person = await newPerson();
  const page = await signedIn(person);
  const word = unique("star");
  await deliver({ to: person.address, subject: word, text: "Look up." });
  await row(page, word).waitFor();
  const inbox = (await api(page, "/bootstrap")).body.mailboxes.find((one) => one.role === "inbox").id;
  const [thread] = (await api(page, `/mailboxes/${inbox}/threads`)).body.items;
  const inReplyTo = { messageId: thread.messageIds[0], mode: "reply" };
  const answer = { to: [], cc: [], bcc: [], subject: `Re: ${word}`, html: "", text: "I do.", attachments: [], inReplyTo };
  const draft = (await api(page, "/drafts", { method: "POST", body: JSON.stringify(answer) })).body;
  await row(page, word).getByText("Draft", { exact: true }).waitFor();

  let release;
  const held = new Promise((resolve) => (release = resolve));
  const asked = page.waitForRequest(/\/changes\?/);
  await page.route("**/api/v1/changes?*", (route) => held.then(() => route.continue()));
  assert.equal((await api(page, `/drafts/${draft.id}`, { method: "DELETE" })).status, 204);
  await asked;
  assert.ok((await row(page, word).textContent()).includes("Draft"), "the list has not heard of it");
  await page.keyboard.press("Home");
  await page.keyboard.press("s");
  await toast(page, "Starred");
  release();
  await row(page, word).getByText("Draft", { exact: true }).waitFor({ state: "detached" });
  assert.ok((await row(page, word).textContent()).includes("starred"));
  calm(page);
  await page.context().close();
});
