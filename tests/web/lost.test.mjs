// SPDX-License-Identifier: Apache-2.0
// Answers that are lost on the way: what was written is there once, and nobody is told of a conflict with
// himself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ada, bo, newPerson, signedIn, stay, toast, undo, unique, until } from "./support/site.mjs";

/** Lets the server carry out requests of the kind, and loses the answers: so long, however often the app asks again,
 * that what it says of that can be seen. The result ends it, and gives how many were lost. */
async function lose(page, method, path) {
  let lost = 0;
  await page.route(path, async (route) => {
    if (route.request().method() !== method) return route.fallback();
    lost++;
    await route.fetch();
    await route.abort("connectionreset");
  });
  return async () => {
    await page.unrouteAll({ behavior: "wait" });
    return lost;
  };
}

function drafts(page, subject) {
  return page.evaluate(async (wanted) => {
    const { items } = await (await fetch("/api/v1/drafts?limit=100")).json();
    return items.filter((one) => one.subject === wanted).map((one) => one.html);
  }, subject);
}

async function write(page, subject) {
  await page.keyboard.press("c");
  const composer = page.getByRole("dialog").last();
  await composer.getByRole("combobox", { name: "To" }).fill(bo.address);
  await page.keyboard.press("Enter");
  await composer.getByLabel("Subject").fill(subject);
  return composer;
}

test("a draft is made once, though the answer to its making was lost", async () => {
  const page = await signedIn(ada);
  const find = await lose(page, "POST", "**/api/v1/drafts");
  const subject = unique("Once ");
  const composer = await write(page, subject);
  await composer.getByText("Not saved").waitFor();
  assert.ok((await find()) > 0);
  // One goes on writing meanwhile.
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type("More words.");
  await composer.getByText("Saved in Drafts").waitFor();
  const found = await drafts(page, subject);
  assert.equal(found.length, 1, `${found.length} drafts`);
  assert.match(found[0], /More words\./);
  await page.context().close();
});

test("a change whose answer was lost is no conflict; one of somebody else is", async () => {
  const page = await signedIn(ada);
  const subject = unique("Mine ");
  const composer = await write(page, subject);
  await composer.getByText("Saved in Drafts").waitFor();
  const find = await lose(page, "PUT", "**/api/v1/drafts/*");
  const text = composer.getByRole("textbox", { name: "Text of the message" });
  await text.click();
  await page.keyboard.type("First words.");
  await composer.getByText("Not saved").waitFor();
  assert.ok((await find()) > 0);
  await page.keyboard.type(" Second words.");
  await composer.getByText("Saved in Drafts").waitFor();
  assert.equal(await composer.getByRole("button", { name: "Keep this text" }).count(), 0);
  assert.match((await drafts(page, subject)).join(), /First words\. Second words\./);

  const status = await page.evaluate(async (wanted) => {
    const { items } = await (await fetch("/api/v1/drafts?limit=100")).json();
    const { id } = items.find((one) => one.subject === wanted);
    const etag = (await fetch(`/api/v1/drafts/${id}`)).headers.get("etag");
    const body = JSON.stringify({ to: [], cc: [], bcc: [], subject: wanted, html: "<p>Other words.</p>", text: "", attachments: [] });
    const headers = { "X-Heronry": "1", "Content-Type": "application/json", "If-Match": etag };
    return (await fetch(`/api/v1/drafts/${id}`, { method: "PUT", headers, body })).status;
  }, subject);
  assert.equal(status, 200);
  await text.click();
  await page.keyboard.type("x");
  await composer.getByText("changed in another window").waitFor();
  await page.context().close();
});

test("a text that could not be saved when it was to be closed stays, and is saved when that works again", async () => {
  const page = await signedIn(ada);
  const subject = unique("Stays ");
  const composer = await write(page, subject);
  await composer.getByText("Saved in Drafts").waitFor();
  await page.route("**/api/v1/drafts/*", (route) => (route.request().method() === "PUT" ? route.abort("connectionreset") : route.fallback()));
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type("First words.");
  await composer.getByRole("button", { name: "Save and close" }).click();
  await composer.getByText("Not saved").waitFor();
  await page.unrouteAll({ behavior: "wait" });
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type(" Second words.");
  await composer.getByText("Saved in Drafts").waitFor();
  assert.match((await drafts(page, subject)).join(), /First words\. Second words\./);
  await composer.getByRole("button", { name: "Save and close" }).click();
  await composer.waitFor({ state: "detached" });
});

test("a message is sent once, however often one presses, and what was typed meanwhile is saved if it does not go", async () => {
  const page = await signedIn(await newPerson());
  const subject = unique("Often ");
  const composer = await write(page, subject);
  const text = composer.getByRole("textbox", { name: "Text of the message" });
  await text.click();
  await page.keyboard.type("Words.");
  let asked = 0;
  let refuse;
  const refused = new Promise((resolve) => (refuse = resolve));
  await page.route("**/api/v1/submissions", async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    asked++;
    await refused;
    return route.abort("connectionreset");
  });
  await page.keyboard.press("Control+Enter");
  await page.keyboard.press("Control+Enter");
  await until(() => asked > 0, "it is on its way");
  await page.keyboard.type(" More.");
  refuse();
  await composer.getByRole("alert").waitFor();
  assert.equal(asked, 1);
  await until(async () => (await drafts(page, subject)).join().includes("Words. More."), "all of it is saved");
  await composer.getByText("Saved in Drafts").waitFor();
  assert.equal(await composer.getByRole("alert").count(), 1, "that it did not go is still told");
});

test("sending again after a lost answer is the same sending, and can be taken back", async () => {
  const page = await signedIn(await newPerson({ undoSendSeconds: 120 }));
  const subject = unique("Sent ");
  const composer = await write(page, subject);
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type("Words.");
  await composer.getByText("Saved in Drafts").waitFor();
  const find = await lose(page, "POST", "**/api/v1/submissions");
  const unknown = (route) => route.abort("connectionreset");
  await page.route("**/api/v1/submissions?*", unknown);
  const button = composer.getByRole("button", { name: "Send", exact: true });
  await button.click();
  await composer.getByRole("alert").waitFor();
  assert.ok((await find()) > 0);
  // What became of it cannot be asked for: it is the key that makes it the same.
  await page.route("**/api/v1/submissions?*", unknown);
  await button.click();
  await undo(page, "Message sent");
  await toast(page, "Taken back");
  await until(async () => (await drafts(page, subject)).length === 1, "one draft again");
});

test("a message that was taken in is on its way, though the answer was lost and one wrote on", async () => {
  const page = await signedIn(await newPerson({ undoSendSeconds: 120 }));
  const subject = unique("Taken in ");
  const composer = await write(page, subject);
  const text = composer.getByRole("textbox", { name: "Text of the message" });
  await text.click();
  await page.keyboard.type("Words.");
  await composer.getByText("Saved in Drafts").waitFor();
  const find = await lose(page, "POST", "**/api/v1/submissions");
  await page.route("**/api/v1/submissions?*", (route) => route.abort("connectionreset"));
  await page.keyboard.press("Control+Enter");
  await composer.getByRole("alert").waitFor();
  await text.click();
  await page.keyboard.type(" More.");
  await composer.getByText("Not saved").waitFor();
  assert.equal(await find(), 1);
  let asked = 0;
  page.on("request", (request) => (asked += Number(request.method() === "POST" && request.url().endsWith("/submissions"))));
  await composer.getByRole("button", { name: "Send", exact: true }).click();
  await undo(page, "Message sent");
  await toast(page, "Taken back");
  await page.getByRole("textbox", { name: "Text of the message" }).getByText("Words.", { exact: true }).waitFor();
  assert.equal(asked, 0, "it is not sent twice");
});

test("a lost answer to sending is looked for before it is said that it failed", async () => {
  const page = await signedIn(await newPerson({ undoSendSeconds: 120 }));
  const composer = await write(page, unique("Looked for "));
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type("Words.");
  const find = await lose(page, "POST", "**/api/v1/submissions");
  await composer.getByRole("button", { name: "Send", exact: true }).click();
  await undo(page, "Message sent");
  await toast(page, "Taken back");
  assert.equal(await find(), 1);
});

test("a message whose taking back was not answered can be taken back again", async () => {
  const page = await signedIn(await newPerson({ undoSendSeconds: 120 }));
  const subject = unique("Again ");
  const composer = await write(page, subject);
  await composer.getByRole("textbox", { name: "Text of the message" }).click();
  await page.keyboard.type("Words.");
  const find = await lose(page, "DELETE", "**/api/v1/submissions/*");
  await composer.getByRole("button", { name: "Send", exact: true }).click();
  await undo(page, "Message sent");
  await stay(page, "cannot be reached");
  assert.ok((await find()) > 0);
  await undo(page, "cannot be reached");
  await toast(page, "Taken back");
  await page.getByRole("textbox", { name: "Text of the message" }).getByText("Words.").waitFor();
});
