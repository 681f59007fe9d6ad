// SPDX-License-Identifier: Apache-2.0
// News that come at an awkward moment: before an app listens, while it asks, between two keys. What people do is about
// what they see, and what they see ends up true.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, calm, deliver, facts, newPerson, openRow, pressUntil, row, signedIn, stay, toast, unique, until } from "./support/site.mjs";

/** Holds answers of the kind back; the result lets them go. */
async function holdBack(page, path) {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(path, async (route) => {
    const response = await route.fetch();
    await held;
    await route.fulfill({ response });
  });
  return release;
}

async function inbox(page) {
  const { mailboxes } = (await api(page, "/bootstrap")).body;
  const { id } = mailboxes.find((one) => one.role === "inbox");
  return (await api(page, `/mailboxes/${id}/threads`)).body.items;
}

const cursor = (page, subject) => page.locator(".conversation.cursor", { hasText: subject });

function change(page, ids, what) {
  return api(page, "/messages/batch", { method: "POST", body: JSON.stringify({ target: { threads: { ids } }, change: what }) });
}

test("the inbox shows what came while another folder was open from the beginning", async () => {
  const person = await newPerson();
  const page = await signedIn(person);
  const subject = unique("Since ");
  await page.getByRole("link", { name: /^Drafts/ }).click();
  await page.getByRole("heading", { level: 1, name: "Drafts" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { level: 1, name: "Drafts" }).waitFor();
  const told = page.waitForResponse(/\/threads\/batchGet$/);
  await deliver({ to: person.address, subject, text: "Here since then." });
  await told;
  await page.getByRole("link", { name: /^Inbox.*1/ }).click();
  await row(page, subject).waitFor();
  calm(page);
});

test("a second tab hears of what came while it started", async () => {
  const person = await newPerson();
  const page = await signedIn(person);
  const other = await page.context().newPage();
  const release = await holdBack(other, "**/api/v1/bootstrap");
  const asked = other.waitForResponse(/\/bootstrap$/).catch(() => undefined);
  const fetched = other.waitForRequest(/\/bootstrap$/);
  await other.goto(facts.base);
  await fetched;
  // The server has answered, the tab does not know it yet.
  await until(async () => (await api(page, "/bootstrap")).status === 200, "the server answers");
  const subject = unique("Between ");
  await deliver({ to: person.address, subject, text: "Between the two." });
  await row(page, subject).waitFor();
  release();
  await asked;
  await row(other, subject).waitFor();
  await other.close();
  calm(page);
});

test("the cursor stays where it is, also when its row goes and when news come", async () => {
  const person = await newPerson();
  const page = await signedIn(person);
  const subjects = [1, 2, 3, 4].map((n) => unique(`Row${n} `));
  for (const subject of subjects) {
    await deliver({ to: person.address, subject, text: "In a row." });
    await row(page, subject).waitFor();
  }
  const [one, two, three, four] = subjects;
  await page.keyboard.press("Home");
  await cursor(page, four).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await cursor(page, two).waitFor();
  const threads = await inbox(page);
  const idOf = (subject) => threads.find((thread) => thread.subject === subject).id;
  // Another program takes the row away.
  assert.equal((await change(page, [idOf(two)], { destroy: true })).status, 200);
  await row(page, two).waitFor({ state: "detached" });
  await cursor(page, one).waitFor();
  await page.keyboard.press("e");
  await stay(page, "Archived");
  assert.deepEqual((await inbox(page)).map((thread) => thread.subject), [four, three]);

  // An open conversation does not call the cursor back when something else changes.
  await openRow(page, three);
  await page.keyboard.press("Home");
  await cursor(page, four).waitFor();
  const five = unique("Row5 ");
  await deliver({ to: person.address, subject: five, text: "News." });
  await row(page, five).waitFor();
  await page.getByRole("link", { name: /^Inbox.*2/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: four }).waitFor();
  calm(page);
});

test("ticks go with rows that go", async () => {
  const person = await newPerson();
  const page = await signedIn(person);
  const subjects = [1, 2].map((n) => unique(`Tick${n} `));
  for (const subject of subjects) {
    await deliver({ to: person.address, subject, text: "To be ticked." });
    await row(page, subject).waitFor();
  }
  await pressUntil(page, "*a", page.getByRole("toolbar", { name: "2 selected" }));
  const gone = (await inbox(page)).find((thread) => thread.subject === subjects[0]).id;
  assert.equal((await change(page, [gone], { destroy: true })).status, 200);
  await page.getByRole("toolbar", { name: "1 selected" }).waitFor();
  calm(page);
});

test("who stars a draft that was saved anew meanwhile is told, and sees what there is", async () => {
  const person = await newPerson();
  const page = await signedIn(person);
  const word = unique("anew");
  await deliver({ to: person.address, subject: word, text: "Write soon." });
  await row(page, word).waitFor();
  const [thread] = await inbox(page);
  const inReplyTo = { messageId: thread.messageIds[0], mode: "reply" };
  const answer = { to: [], cc: [], bcc: [], subject: `Re: ${word}`, html: "", text: "Later.", attachments: [], inReplyTo };
  const draft = (await api(page, "/drafts", { method: "POST", body: JSON.stringify(answer) })).body;
  await openRow(page, word);
  const article = page.getByRole("article").filter({ has: page.getByText("Draft", { exact: true }) });
  await article.getByRole("button", { expanded: false }).first().click();
  const star = article.getByRole("button", { name: "Star", exact: true });
  await star.waitFor();
  // It is gone before the server hears of the star, and after the click.
  await page.route("**/api/v1/messages/batch", async (route) => {
    if (route.request().postData().includes("$flagged")) assert.equal((await api(page, `/drafts/${draft.id}`, { method: "DELETE" })).status, 204);
    return route.fallback();
  });
  await star.click();
  await toast(page, "it is no longer there");
  await article.waitFor({ state: "detached" });
  await until(async () => !(await row(page, word).textContent()).includes("starred"), "the row has no star");
  calm(page);
});

test("all that was unread while a conversation is open is read in time", async () => {
  const person = await newPerson({ markReadAfterSeconds: 3 });
  const page = await signedIn(person);
  const word = unique("timely");
  const inReplyTo = await deliver({ to: person.address, subject: word, text: "The first." });
  await openRow(page, word);
  await page.getByRole("article").getByText("The first.").last().waitFor();
  await deliver({ to: person.address, subject: `Re: ${word}`, text: "The second.", inReplyTo });
  await page.getByRole("article").getByText("The second.").last().waitFor();
  await until(async () => (await inbox(page)).every((thread) => thread.unreadCount === 0), "all is read");
  calm(page);
});

test("the open conversation is read in time, also when others are marked as read meanwhile", async () => {
  const person = await newPerson({ markReadAfterSeconds: 3 });
  const page = await signedIn(person);
  const [open, other] = [unique("open"), unique("other")];
  for (const subject of [open, other]) {
    await deliver({ to: person.address, subject, text: "To be read." });
    await row(page, subject).waitFor();
  }
  await openRow(page, open);
  await page.getByRole("article").getByText("To be read.").last().waitFor();
  await row(page, other).getByRole("checkbox").check({ force: true });
  await page.getByRole("toolbar", { name: "1 selected" }).waitFor();
  await page.keyboard.press("Shift+I");
  await page.getByRole("toolbar", { name: "1 selected" }).waitFor({ state: "detached" });
  await until(async () => (await inbox(page)).every((thread) => thread.unreadCount === 0), "all is read");
  calm(page);
});

test("who was offered for the first letters does not get a message that is for somebody else", async () => {
  const page = await signedIn(await newPerson());
  const noble = { kind: "person", text: "Noble", insert: "from:noble@far.example", detail: "noble@far.example" };
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/api/v1/search/suggest?*", async (route) => {
    if (!new URL(route.request().url()).searchParams.get("q").endsWith("no")) await held;
    await route.fulfill({ json: { items: [noble] } });
  });
  await page.keyboard.press("c");
  const composer = page.getByRole("dialog").last();
  await composer.getByRole("combobox", { name: "To" }).focus();
  await page.keyboard.type("no");
  await composer.getByRole("option", { name: "Noble" }).waitFor();
  await page.keyboard.type("body@here.example");
  await page.keyboard.press("Enter");
  await composer.getByRole("list", { name: "To" }).getByText("nobody@here.example").waitFor();
  assert.equal(await composer.getByText("Noble").count(), 0);
  release();
  calm(page);
});

test("an address that is typed in full is not taken for one that ends like it", async () => {
  const page = await signedIn(await newPerson());
  const joann = { kind: "person", text: "Joann", insert: "from:joann@far.example", detail: "joann@far.example" };
  await page.route("**/api/v1/search/suggest?*", (route) => route.fulfill({ json: { items: [joann] } }));
  await page.keyboard.press("c");
  const composer = page.getByRole("dialog").last();
  await composer.getByRole("combobox", { name: "To" }).focus();
  await page.keyboard.type("ann@far.example");
  await composer.getByRole("option", { name: "Joann" }).waitFor();
  await page.keyboard.press("Enter");
  await composer.getByRole("list", { name: "To" }).getByText("ann@far.example", { exact: true }).waitFor();
  assert.equal(await composer.getByText("Joann").count(), 0);
  calm(page);
});
