// SPDX-License-Identifier: Apache-2.0
// Markup in every field that others (or we) may fill: it is shown as the text that it is, and never becomes
// an element. Each field has a canary of its own, so that one that sings tells where it sat.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { api, calm, deliver, facts, openRow, openWindow, row, sharedWindow, signIn, toast, undo, unique, until } from "./support/site.mjs";
import { hits, setTripwire, tripwireNotices } from "./support/tripwire.mjs";

const reader = facts.named;
const from = "eve@example.net";

/** The markup of a field: harmless as text, and as an element noticed even where the policy stops it. */
function canary(field) {
  return `<img src=x class=canary onerror=window.canary=1>${field}`;
}

/** A window that writes down every element that came out of a canary. */
async function watchedWindow(options = {}) {
  const page = await openWindow(options);
  await page.exposeBinding("sang", (_, where) => void page.faults.push(`a canary became an element: ${where}`));
  await page.addInitScript(() => {
    const caught = "[onerror], .canary, img[src=x], img[src$='/x']";
    new MutationObserver((changes) => {
      for (const node of changes.flatMap((one) => [...one.addedNodes]))
        if (node instanceof Element && (node.matches(caught) || node.querySelector(caught))) window.sang(node.outerHTML.slice(0, 300));
    }).observe(document, { childList: true, subtree: true });
  });
  page.on("dialog", (dialog) => {
    hits.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return page;
}

/** Nothing ran, nothing was fetched from elsewhere, no canary is an element. */
async function quiet(page, where) {
  assert.equal(await page.evaluate(() => typeof window.canary), "undefined", where);
  assert.deepEqual(hits, [], where);
  calm(page);
}

/** The canary of a field is there, letter by letter. */
async function shown(place, field) {
  await place.getByText(canary(field)).first().waitFor();
}

/** Mail with a canary in each field; the word is its own, and in its subject and its text. */
const mail = (word) => ({
  to: reader.address,
  from,
  name: `"${canary("sender")}"`,
  subject: canary(`subject ${word}`),
  type: 'multipart/mixed; boundary="b"',
  text: [
    "--b", `Content-Type: text/plain; charset="${canary("charset")}"`, "", `${word} nest ${canary("snippet")}`,
    "--b", `Content-Type: text/html; name="${canary("file")}.txt"`, `Content-Disposition: attachment; filename="${canary("file")}.txt"`, "", "x",
    "--b", `Content-Type: image/${canary("type")}`, `Content-Disposition: attachment; filename="kind.txt"`, "", "x",
    "--b", `Content-Type: image/png; name="${canary("picture")}.png"`, `Content-Disposition: attachment; filename="${canary("picture")}.png"`, "", "x", "--b--", "",
  ].join("\r\n"),
});

before(setTripwire);

const watched = sharedWindow(async () => {
  const page = await watchedWindow({ shared: true });
  await signIn(page, reader);
  return page;
});

/** The window at the inbox, in which such a mail has just come, and its word. */
async function marked() {
  const page = await watched();
  await page.goto(`${facts.base}/#/`);
  await page.getByRole("heading", { level: 1, name: "Inbox" }).waitFor();
  const word = unique("zebra");
  await deliver(mail(word));
  await row(page, word).waitFor();
  return { page, word };
}

test("a canary that sings is heard", async () => {
  const page = await watched();
  await tripwireNotices(page);
  await page.evaluate(() => document.body.append(Object.assign(new Image(), { className: "canary" })));
  await until(() => page.faults.length > 0, "the canary is noticed");
  assert.match(page.faults.shift(), /became an element/);
  await page.evaluate(() => document.querySelector(".canary").remove());
  await quiet(page, "the control");
});

test("a sender, a subject, a snippet and attachments are text in the list, the notice and the reader", async () => {
  const { page, word } = await marked();
  for (const field of ["sender", `subject ${word}`, "snippet"]) await shown(row(page, word), field);
  await page.getByText(`New mail from ${canary("sender")}: ${canary(`subject ${word}`)}`).waitFor({ state: "attached" });
  await row(page, word).getByRole("link").click();
  const open = page.getByRole("region", { name: "Conversation" });
  await open.getByRole("heading", { level: 1, name: canary(`subject ${word}`) }).waitFor();
  await shown(open, "sender");
  await shown(open.locator(".paper"), "snippet");
  const files = open.getByRole("list", { name: /attachments/ });
  await shown(files, "file");
  await shown(files, "picture");
  await files.getByText("kind.txt").waitFor();
  await open.getByRole("button", { name: /^to / }).click();
  await shown(open.locator(".details"), "sender");
  await quiet(page, "reader");
});

test("an answer quotes a name that is markup as text", async () => {
  const { page, word } = await marked();
  await openRow(page, word);
  await page.getByRole("region", { name: "Conversation" }).locator(".paper").first().waitFor();
  for (const key of ["r", "f"]) {
    await page.keyboard.press(key);
    const composer = page.getByRole("dialog").last();
    const text = composer.getByRole("textbox", { name: "Text of the message" });
    await shown(text, "sender");
    await shown(text, "snippet");
    if (key === "f") await shown(text, `subject ${word}`);
    if (key === "r") await shown(composer.getByRole("list", { name: "To" }), "sender");
    else await shown(composer.getByRole("list", { name: /attachments/ }), "file");
    await quiet(page, key);
    await composer.getByRole("button", { name: "Discard the draft" }).click();
    await text.waitFor({ state: "detached" });
  }
});

test("hits and suggestions of a search are text, with only our own marks", async () => {
  const { page, word } = await marked();
  const box = page.getByRole("combobox", { name: "Search mail" });
  await box.fill(word.slice(0, -2));
  const offers = page.getByRole("listbox", { name: "Suggestions" });
  await shown(offers, `subject ${word}`);
  await box.fill(word);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Search results" }).waitFor();
  const hit = page.getByRole("row").filter({ has: page.locator("mark", { hasText: word }) }).first();
  await hit.waitFor();
  for (const field of ["sender", `subject ${word}`, "snippet"]) assert.ok((await hit.textContent()).includes(canary(field)), field);
  await page.getByRole("group", { name: "Narrow the search" }).getByText(canary("sender")).waitFor();
  await box.fill("img src");
  await until(async () => (await offers.count()) > 0, "answers");
  await quiet(page, "search");
  // The suggestions would lie over what the next test clicks on.
  await page.keyboard.press("Escape");
  await offers.waitFor({ state: "detached" });
});

test("a folder is text in the tree, its dialogs, the palette, menus and notices", async () => {
  const { page, word } = await marked();
  const mark = unique("folder ");
  const [name, other] = [canary(mark), canary(unique("renamed "))];
  const folders = page.getByRole("navigation", { name: "Folders" });
  for (const expected of ["Folder created", null]) {
    await page.getByRole("button", { name: "New folder" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill(name);
    await page.keyboard.press("Enter");
    if (expected) await toast(page, expected);
    else await page.getByRole("alert").waitFor(); // there is one already: the refusal may repeat its name
  }
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await shown(folders, mark);
  await row(page, word).getByRole("link").click();
  await page.getByRole("button", { name: "Move", exact: true }).first().click();
  await page.getByRole("menuitem", { name }).click();
  await toast(page, `Moved to ${name}`);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Commands" }).fill(`canary ${mark}`);
  await page.getByRole("option").filter({ hasText: name }).first().click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await page.getByRole("button", { name: "Change the folder" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByRole("dialog", { name: `Rename “${name}”` }).getByRole("textbox", { name: "Name" }).fill(other);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: other }).waitFor();
  await page.getByRole("button", { name: "Change the folder" }).click();
  await page.getByRole("menuitem", { name: "Delete the folder" }).click();
  await page.getByRole("dialog", { name: `Delete “${other}”?` }).getByRole("button", { name: "Cancel" }).click();
  await quiet(page, "folders");
});

test("a name and a signature of one's own are text, whoever wrote them", async () => {
  const page = await watched();
  const [name, signature] = [unique("own name "), unique("signature ")];
  await page.goto(`${facts.base}/#/settings`);
  await page.getByLabel("Signature", { exact: true }).fill(canary(signature));
  await page.getByLabel("Name", { exact: true }).fill(canary(name));
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await toast(page, "Saved");
  await page.reload();
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), canary(name));
  assert.equal(await page.getByLabel("Signature", { exact: true }).inputValue(), canary(signature));
  const text = page.getByRole("textbox", { name: "Text of the message" });
  const write = async (check) => {
    await page.getByRole("button", { name: "Compose", exact: true }).click();
    await check();
    await page.getByRole("button", { name: "Save and close" }).click();
    await text.waitFor({ state: "detached" });
  };
  await write(() => shown(text, signature));
  // Another program may write HTML into it.
  const { body } = await api(page, "/identities");
  const path = `/identities/${body.items[0].id}`;
  const signatureHtml = `<p>Kept</p>${canary("signature in HTML")}<script>window.canary = 1</script>`;
  assert.equal((await api(page, path, { method: "PATCH", body: JSON.stringify({ signatureHtml }) })).status, 200);
  await page.goto(facts.base);
  await page.reload();
  await page.getByRole("navigation", { name: "Folders" }).waitFor();
  await write(async () => {
    await text.getByText("Kept").waitFor();
    assert.equal(await text.locator("img, script, [onerror]").count(), 0);
  });
  await quiet(page, "identity");
});

test("a draft that is opened again has its markup as text", async () => {
  const page = await watched();
  const subject = canary(`draft ${unique("owl")}`);
  await page.getByRole("button", { name: "Compose", exact: true }).click();
  const composer = page.getByRole("dialog").last();
  const text = composer.getByRole("textbox", { name: "Text of the message" });
  await composer.getByRole("combobox", { name: "To" }).fill(`"${canary("recipient")}" <${from}>`);
  await page.keyboard.press("Enter");
  await composer.getByLabel("Subject").fill(subject);
  await text.click();
  await page.keyboard.type(canary("typed"));
  await composer.locator("input[type=file]").setInputFiles([{ name: `${canary("upload")}.txt`, mimeType: "text/plain", buffer: Buffer.from("x") }]);
  await composer.locator("progress").waitFor({ state: "detached" });
  await composer.getByText("Saved in Drafts").waitFor();
  const complete = async () => {
    await shown(composer.getByRole("list", { name: "To" }), "recipient");
    await shown(text, "typed");
    await shown(composer.getByRole("list", { name: /attachment/ }), "upload");
    await composer.getByRole("heading", { name: subject }).waitFor();
    await quiet(page, "draft");
  };
  await composer.getByRole("button", { name: "Save and close" }).click();
  await text.waitFor({ state: "detached" });
  await page.getByRole("link", { name: /^Drafts/ }).click();
  await row(page, subject).getByRole("link").click();
  await complete();
  // Thrown away and taken back, it still has what was attached.
  await composer.getByRole("button", { name: "Discard the draft" }).click();
  await undo(page, "Draft discarded");
  await complete();
  const { body } = await api(page, "/drafts?limit=100");
  const { attachments } = body.items.find((one) => one.subject === subject);
  assert.deepEqual(attachments.map(({ name, size }) => [name, size]), [[`${canary("upload")}.txt`, 1]]);
  await composer.getByRole("button", { name: "Save and close" }).click();
  await text.waitFor({ state: "detached" });
});

test("a draft that another program wrote as HTML comes without its teeth", async () => {
  const page = await watched();
  const subject = unique("Written elsewhere ");
  const html = `<p>Kept</p>${canary("html")}<svg onload="window.canary=1"><script>window.canary=1</script></svg>`;
  const draft = { to: [], cc: [], bcc: [], subject, text: "", html, attachments: [] };
  assert.equal((await api(page, "/drafts", { method: "POST", body: JSON.stringify(draft) })).status, 201);
  await page.getByRole("link", { name: /^Drafts/ }).click();
  await row(page, subject).getByRole("link").click();
  const text = page.getByRole("dialog").last().getByRole("textbox", { name: "Text of the message" });
  await text.getByText("Kept").waitFor();
  assert.equal(await text.locator("img, svg, script, [onerror]").count(), 0);
  // Chromium speaks of handlers in the document, shown to nobody, in which the purifier looks for them.
  page.faults = page.faults.filter((one) => !one.startsWith("Executing inline event handler violates"));
  await quiet(page, "draft of another program");
  await page.getByRole("button", { name: "Save and close" }).click();
  await text.waitFor({ state: "detached" });
});

test("letters that only look Latin are told of, in a sender, a link of text and a link of HTML", async () => {
  const window = await openWindow();
  await signIn(window, facts.named);
  const open = window.getByRole("region", { name: "Conversation" });
  const told = (text) => open.getByRole("status").filter({ hasText: text }).waitFor();
  const [plain, marked] = [unique("Letters "), unique("Marked letters ")];
  const long = "Ada Lindqvist of the very long department ".repeat(6).trim();
  await deliver({ to: reader.address, from: "help@xn--pple-43d.com", name: long, subject: plain, text: "Look: https://www.xn--80ak6aa92e.com/login" });
  await row(window, plain).getByRole("link").click();
  await told("The address of the sender looks like \u0430pple.com, but some of its letters are others. It is in truth xn--pple-43d.com.");
  await told("It leads to www.xn--80ak6aa92e.com.");
  // However long the name is, the address beside it is whole.
  for (const viewport of [{ width: 1440, height: 900 }, { width: 1100, height: 800 }, { width: 390, height: 844 }]) {
    await window.setViewportSize(viewport);
    const address = open.getByText("help@xn--pple-43d.com", { exact: true });
    await address.waitFor();
    const cut = await address.evaluate((one) => one.scrollWidth - one.clientWidth);
    assert.ok(cut <= 0, `${viewport.width} px: ${cut} px of the address are hidden`);
  }
  await window.setViewportSize({ width: 1440, height: 900 });
  const html = '<p>Please <a href="http://\u0430pple.com/a">sign in</a> or <a href="http://example.org/">not</a>.</p>';
  await deliver({ to: reader.address, subject: marked, type: "text/html; charset=utf-8", text: html });
  await row(window, marked).getByRole("link").click();
  await told("It leads to xn--pple-43d.com.");
  await window.frameLocator("iframe").locator("a[title='Leads to xn--pple-43d.com']").waitFor();
  assert.equal(await window.frameLocator("iframe").locator("a[title]").count(), 1);
  calm(window);

  // Mail of this machine is not checked: what a check of others would have said is put into the answer.
  const passed = { spf: "pass", sender: "mailer.example", dkim: "none", signers: [], dmarc: "none", author: "" };
  for (const [more, sentence, beside] of [
    [{ dkim: "pass", signers: ["example.net"] }, "Sent by example.net: proven (DKIM)", null],
    [{}, "It is not proven that this comes from example.net. It came by way of mailer.example.", "via mailer.example"],
    [{ dmarc: "fail" }, "It is not proven that this comes from example.net: the checks that this domain asks for failed.", null],
  ]) {
    await window.route("**/content", async (route) => {
      const answer = await route.fetch();
      const json = { ...(await answer.json()), authentication: { ...passed, ...more } };
      await route.fulfill({ response: answer, json });
    });
    await window.reload();
    await open.getByRole("button", { name: /^to / }).click();
    await open.locator(".details").getByText(sentence).waitFor();
    if (beside) await open.getByText(beside, { exact: true }).waitFor();
    if (more.dmarc) await told(sentence);
    else assert.equal(await open.getByRole("status").filter({ hasText: "checks that this domain" }).count(), 0);
    await window.unrouteAll({ behavior: "wait" });
  }
  calm(window);
  await window.context().close();
});

test("the administration shows names, recipients, replies and its log as text", async () => {
  const window = await watchedWindow();
  await window.goto(`${facts.base}/admin/`);
  await window.getByLabel("E-mail address").fill(facts.admin.address);
  await window.getByLabel("Password", { exact: true }).fill(facts.admin.password);
  await window.getByRole("button", { name: "Sign in" }).click();
  await window.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  const show = async (hash, heading) => {
    await window.goto(`${facts.base}/admin/#/${hash}`);
    await window.getByRole("heading", { level: 1, name: heading }).waitFor();
  };
  const address = `${unique("marked")}@${facts.domain}`;
  const made = await api(window, "/admin/accounts", { method: "POST", body: JSON.stringify({ address, displayName: canary("account") }) });
  assert.equal(made.status, 201);
  await show(`accounts?q=${address}`, "Accounts");
  await shown(window.getByRole("row"), "account");
  await window.getByRole("link", { name: address }).click();
  await window.getByRole("heading", { level: 1, name: address }).waitFor();
  assert.equal(await window.getByRole("textbox", { name: "Name" }).inputValue(), canary("account"));

  // What no server of a test replies, and no protocol takes in today, is put into the answers of ours.
  const change = (path, rewrite) =>
    window.route(path, async (route) => {
      const answer = await route.fetch();
      const json = await answer.json();
      for (const one of json.items ?? json.recipients) rewrite(one);
      await route.fulfill({ response: answer, json });
    });
  await change(/\/admin\/queue(?:\?|\/\d|$)/, (one) => {
    one.reply = `550 5.1.1 ${canary("reply")}`;
    one.told = null;
    one.recipient = `"${canary("recipient")}"@three.example`;
    one.sender = `"${canary("sender")}"@${facts.domain}`;
  });
  await change(/\/admin\/queue\/domains(?:\?|$)/, (one) => Object.assign(one, { reply: `451 4.3.0 ${canary("last reply")}`, told: null }));
  await show("queue?domain=three.example", "Queue");
  await shown(window.getByRole("listitem"), "last reply");
  await show("queue?domain=three.example&by=recipient", "Queue");
  const waiting = window.getByRole("row").filter({ hasText: canary("recipient") });
  await shown(waiting, "reply");
  await shown(waiting, "sender");
  await waiting.getByRole("button", { name: canary("recipient") }).first().click();
  const dialog = window.getByRole("dialog", { name: "Message in the queue" });
  await shown(dialog, "recipient");
  await shown(dialog, "reply");
  await dialog.getByRole("button", { name: "Close" }).click();
  await quiet(window, "queue");

  await change(/\/admin\/audit(?:\?|$)/, (one) => {
    for (const field of ["actor", "object", "detail", "action"]) one[field] = canary(field);
  });
  await show("audit", "Audit log");
  for (const field of ["actor", "object", "detail", "action"]) await shown(window.getByRole("row"), field);
  await show(`audit?object=${encodeURIComponent(canary("asked"))}`, "Audit log");
  const exact = window.getByRole("searchbox", { name: "Exact object" });
  await until(async () => (await exact.inputValue()) === canary("asked"), "what the address asks for is in the field");
  await quiet(window, "audit log");
  await window.unrouteAll({ behavior: "wait" }); // an answer may be on its way into ours
  await window.context().close();
});
