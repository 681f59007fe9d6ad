// SPDX-License-Identifier: Apache-2.0
// The administration, as an administrator uses it; what is done here is looked at by the API too.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { admin, enter, show } from "./support/admin.mjs";
import { accessible, api, calm, DESKTOP, facts, filter, goBy, openWindow, PHONE, stay, toast, undo, unique, until } from "./support/site.mjs";

const PAGES = ["overview", "domains", "accounts", "addresses", "senders", "reports", "queue", "audit"];

test("an administrator gets in and sees the server", async () => {
  const window = await admin();
  await show(window, "overview", "Overview");
  const { body } = await api(window, "/admin/overview");
  await window.getByText(body.hostname).first().waitFor();
  await window.getByRole("term").filter({ hasText: "Accounts" }).waitFor();
  await window.getByRole("heading", { name: "Mail received" }).waitFor();
  await window.getByRole("application", { name: /Mail received/ }).focus();
  await window.keyboard.press("End");
  await window.getByRole("status").filter({ hasText: /Messages \d/ }).first().waitFor({ state: "attached" });
  calm(window);
});

test("who is no administrator gets no further", async () => {
  const window = await openWindow();
  await enter(window, facts.users[0]);
  await window.getByText("This is for administrators").waitFor();
  assert.equal((await api(window, "/admin/overview")).status, 403);
  await accessible(window, "no administrator");
  await window.context().close();
});

test("a domain is added, tells its records, and goes", async () => {
  const window = await admin();
  const name = `${unique("birds")}.example`;
  const { body } = await api(window, "/admin/overview");
  await show(window, "domains", "Domains");
  await window.getByRole("button", { name: "Add domain" }).click();
  const dialog = window.getByRole("dialog", { name: "Add domain" });
  await dialog.getByLabel("Domain").fill(facts.domain);
  await dialog.getByRole("button", { name: "Add domain" }).click();
  await dialog.getByText("is here already").waitFor();
  await dialog.getByLabel("Domain").fill(name);
  await window.keyboard.press("Enter");
  await window.getByRole("heading", { level: 1, name }).waitFor();
  await window.getByRole("button", { name: `Copy the MX record of ${name}` }).click();
  const record = `${name}. 3600 IN MX 10 ${body.hostname}.`;
  await until(async () => (await window.evaluate(() => navigator.clipboard.readText())) === record, `${record} is copied`);
  await window.getByRole("listitem").filter({ hasText: "The server's certificate (DANE)" }).getByText(/^3 1 1 /).waitFor();
  await window.getByRole("listitem").filter({ hasText: "The next certificate (DANE)" }).getByText(/^3 1 1 /).waitFor();
  await window.getByRole("button", { name: "Check the DNS" }).click();
  await window.getByText("want attention").waitFor();
  assert.ok(await window.getByText("The DNS did not answer: try again later.").count() > 0);
  await accessible(window, "domain");
  await window.getByRole("button", { name: "Remove domain" }).click();
  await window.getByRole("dialog", { name: `Remove ${name}?` }).getByRole("button", { name: "Remove domain" }).click();
  await toast(window, `${name} is removed`);
  assert.equal((await api(window, `/admin/domains/${name}`)).status, 404);
  calm(window);
});

test("the key of another server is taken over, by its file and by pasting it", async () => {
  const window = await admin();
  const name = `${unique("moved")}.example`;
  assert.equal((await api(window, "/admin/domains", { method: "POST", body: JSON.stringify({ name }) })).status, 201);
  const keys = async () => Object.fromEntries((await api(window, `/admin/domains/${name}/dkim-keys`)).body.items.map((one) => [one.selector, one.state]));
  const pem = (kind, part, type) => generateKeyPairSync(kind, { modulusLength: 1024 })[`${part}Key`].export({ format: "pem", type });
  await show(window, `domains/${name}`, name);
  const dialog = window.getByRole("dialog", { name: "Take over a key" });
  const [open, look, take] = [window, dialog, dialog].map((within, i) => within.getByRole("button", { name: ["Take over a key", "Look at the key", "Take it over"][i] }));

  await open.click();
  await look.click();
  await dialog.getByText("Paste the key or choose its file.").waitFor();
  await dialog.getByText("Type the selector that its record is published with.").waitFor();
  await dialog.locator("input[type=file]").setInputFiles({ name: "mail.private", mimeType: "", buffer: Buffer.from(pem("ed25519", "private", "pkcs8")) });
  await until(async () => (await dialog.getByLabel("Selector").inputValue()) === "mail", "the selector is that of the file");
  await look.click();
  await dialog.getByText(`Mail of ${name} will be signed with it at once.`).waitFor();
  await dialog.getByText(`mail._domainkey.${name}`, { exact: true }).waitFor();
  await accessible(window, "a key that was looked at");
  assert.deepEqual(await keys(), {});
  await take.click();
  await toast(window, `Mail of ${name} is signed with the key mail`);
  await window.getByRole("button", { name: `Copy the TXT record of mail._domainkey.${name}` }).waitFor();
  assert.deepEqual(await keys(), { mail: "signing" });

  await open.click();
  const text = dialog.getByLabel("Private key");
  await text.fill(pem("rsa", "public", "spki"));
  await dialog.getByLabel("Selector").fill("mail");
  await look.click();
  await dialog.getByText("This is only the public half.").waitFor();
  await text.fill("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  await look.click();
  await dialog.getByText("The private key is damaged").waitFor();
  await text.fill(pem("rsa", "private", "pkcs1"));
  await look.click();
  await dialog.getByText(`${name} has a key with the selector mail already.`).waitFor();
  await dialog.getByLabel("Selector").fill("Old");
  await look.click();
  await dialog.getByText("RSA of 1024 bits is weak").waitFor();
  await dialog.getByLabel("Sign with it from now on, instead of the key that signs now").check();
  await take.click();
  await toast(window, `Mail of ${name} is signed with the key old`);
  assert.deepEqual(await keys(), { mail: "retired", old: "signing" });
  calm(window);
});

test("an account is made, changed, kept out and let in again", async () => {
  const window = await admin();
  const local = unique("nest");
  const address = `${local}@${facts.domain}`;
  await show(window, `accounts?new=1&domain=${facts.domain}`, "Accounts");
  const dialog = window.getByRole("dialog", { name: "Add account" });
  await dialog.getByLabel("Address").fill(local);
  await dialog.getByLabel("Name").fill("Nest Watcher");
  await dialog.getByLabel("Quota").fill("a lot");
  await dialog.getByRole("button", { name: "Make up a password" }).click();
  const password = await dialog.getByLabel("Password", { exact: true }).inputValue();
  await accessible(window, "new account");
  await dialog.getByRole("button", { name: "Add account" }).click();
  await dialog.getByText("Type a size like 10 GB.").waitFor();
  await dialog.getByLabel("Quota").fill("2 GB");
  await dialog.getByRole("button", { name: "Add account" }).click();
  await toast(window, `${address} is added`);

  const person = await openWindow();
  await person.goto(facts.base);
  await person.getByLabel("E-mail address").fill(address);
  await person.getByLabel("Password", { exact: true }).fill(password);
  await person.getByRole("button", { name: "Sign in" }).click();
  await person.getByRole("navigation", { name: "Folders" }).waitFor();

  await filter(window, "Search by address or name", local);
  await window.getByRole("link", { name: address }).click();
  await window.getByRole("heading", { level: 1, name: address }).waitFor();
  await window.getByRole("textbox", { name: "Quota" }).fill("500 MB");
  await window.getByRole("button", { name: "Save" }).click();
  await toast(window, "Saved");
  const id = decodeURIComponent(new URL(window.url()).hash.split("/").pop());
  assert.equal((await api(window, `/admin/accounts/${id}`)).body.quotaBytes, 500e6);

  await window.getByRole("button", { name: "Disable" }).click();
  await undo(window, `${address} is disabled`);
  await window.getByRole("button", { name: "Disable" }).waitFor();
  await person.getByText("Your session has ended").waitFor();
  assert.equal((await api(window, `/admin/accounts/${id}`)).body.isDisabled, false);

  await window.getByRole("textbox", { name: "Password" }).fill("short");
  await window.getByRole("button", { name: "Set password" }).click();
  await window.locator("#content").getByRole("alert").waitFor();
  await window.getByRole("button", { name: "Make up a password" }).click();
  const second = await window.getByRole("textbox", { name: "Password" }).inputValue();
  await window.getByRole("button", { name: "Set password" }).click();
  await toast(window, `The password of ${address} is set`);
  await person.getByLabel("E-mail address").fill(address);
  await person.getByLabel("Password", { exact: true }).fill(second);
  await person.getByRole("button", { name: "Sign in" }).click();
  await person.getByRole("navigation", { name: "Folders" }).waitFor();
  await person.context().close();
  calm(window);
});

test("several accounts are kept out at once, and let in by undo", async () => {
  const window = await admin();
  const word = unique("flock");
  for (const n of [1, 2, 3]) {
    const made = await api(window, "/admin/accounts", { method: "POST", body: JSON.stringify({ address: `${word}${n}@${facts.domain}` }) });
    assert.equal(made.status, 201);
  }
  const disabled = async () => (await api(window, `/admin/accounts?q=${word}&status=disabled`)).body.items.length;
  await show(window, `accounts?q=${word}`, "Accounts");
  await window.getByRole("row").filter({ hasText: `${word}3` }).waitFor();
  await window.getByRole("checkbox", { name: "Select all on this page" }).click();
  await window.getByRole("toolbar", { name: "3 selected" }).getByRole("button", { name: "Disable" }).click();
  await stay(window, "3 accounts are disabled");
  assert.equal(await disabled(), 3);
  await undo(window, "3 accounts are disabled");
  await until(async () => (await disabled()) === 0, "all are enabled again");
  calm(window);
});

test("a pause between two words that are searched for loses nothing", async () => {
  const window = await admin();
  await show(window, "accounts", "Accounts");
  const field = window.getByRole("searchbox", { name: "Search by address or name" });
  await field.focus();
  await window.keyboard.type("nest ");
  await window.waitForURL(/[?&]q=nest$/);
  await window.keyboard.type("watcher");
  await window.waitForURL(/[?&]q=nest(?:%20|\+)watcher$/);
  assert.equal(await field.inputValue(), "nest watcher");
  calm(window);
});

test("an address is given, taken away, and given back", async () => {
  const window = await admin();
  const address = `${unique("sales")}@${facts.domain}`;
  await show(window, "addresses?new=1", "Addresses");
  const dialog = window.getByRole("dialog", { name: "Add address" });
  await dialog.getByLabel("Address").fill(address);
  await dialog.getByLabel("Account").fill(facts.users[0].address);
  await dialog.getByRole("button", { name: "Add address" }).click();
  await toast(window, `Mail to ${address} goes to ${facts.users[0].address}`);
  await filter(window, "Search addresses", address);
  await window.getByRole("button", { name: `Remove ${address}` }).click();
  await stay(window, `${address} is removed`);
  assert.equal((await api(window, `/admin/addresses/${address}`)).status, 404);
  await undo(window, `${address} is removed`);
  await until(async () => (await api(window, `/admin/addresses/${address}`)).status === 200, "the address is back");
  calm(window);
});

test("a sender is put on the blacklist, taken off, and put back", async () => {
  const window = await admin();
  const subject = `${unique("shady")}.example`;
  const rules = async () => (await api(window, `/admin/receipt-rules?subject=${subject}`)).body.items.map((one) => one.list).join();
  await show(window, "senders?new=1", "Senders");
  const dialog = window.getByRole("dialog", { name: "Add sender" });
  await accessible(window, "a sender for a list");
  await dialog.getByLabel("Sender").fill(subject);
  await dialog.getByRole("button", { name: "Add sender" }).click();
  await toast(window, `Mail of ${subject} is refused`);
  assert.equal(await rules(), "blacklist");
  await window.getByRole("button", { name: `Remove ${subject}` }).click();
  await stay(window, `${subject} is on no list any more`);
  assert.equal(await rules(), "");
  await undo(window, `${subject} is on no list any more`);
  await until(async () => (await rules()) === "blacklist", "the rule is back");
  calm(window);
});

test("reports of others are seen by day, by source and row by row", async () => {
  const window = await admin();
  await show(window, "reports", "Reports");
  await window.getByRole("application", { name: /Mail in your name\. Proven: [\d,]+ in all/ }).waitFor();
  await window.getByRole("row", { name: /192\.0\.2\.14/ }).waitFor();
  await window.getByRole("row", { name: /certificate-expired/ }).waitFor();
  const posted = window.getByRole("row", { name: /TLS/ }).filter({ hasText: "Sender not proven" }).first();
  await posted.getByRole("button", { name: "Other Inc." }).click();
  const dialog = window.getByRole("dialog", { name: `Other Inc. on ${facts.domain}` });
  await dialog.getByText("HTTPS, its sender not proven").waitFor();
  await dialog.getByText("p=reject").waitFor();
  await accessible(window, "a report");
  await window.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  calm(window);
});

test("the queue is seen by destination, tried again and cleared", async () => {
  const window = await admin();
  await show(window, "queue", "Queue");
  await window.getByRole("link", { name: "one.example", exact: true }).waitFor();
  await window.getByRole("link", { name: "two.example", exact: true }).waitFor();
  await accessible(window, "queue");
  await window.getByRole("button", { name: "Try all for one.example now" }).click();
  await window.locator(".toast", { hasText: /tried now|was waiting/ }).first().waitFor();
  await window.getByRole("link", { name: "one.example", exact: true }).click();
  await window.getByRole("button", { name: "a@one.example", exact: true }).click();
  const dialog = window.getByRole("dialog", { name: "Message in the queue" });
  await dialog.getByText(facts.users[0].address).waitFor();
  await accessible(window, "message in the queue");
  await dialog.getByRole("button", { name: "Remove" }).click();
  await window.getByRole("dialog", { name: "Remove the message?" }).getByRole("button", { name: "Remove" }).click();
  await toast(window, "1 message is removed");
  const left = (await api(window, "/admin/queue")).body.items.map((one) => one.domain);
  assert.ok(!left.includes("one.example") && left.includes("two.example"), left.join());
  await window.getByText("Nothing matches these filters").waitFor();
  calm(window);
});

test("messages are tried again though one of them is gone meanwhile, and the table follows when nobody is in the middle of it", async () => {
  const window = await admin();
  await show(window, "queue?by=recipient&domain=two.example", "Queue");
  await window.getByRole("button", { name: "c@two.example", exact: true }).waitFor();
  const ids = [];
  const gone = { type: "about:blank", title: "Not found", status: 404 };
  await window.route("**/api/v1/admin/queue/*/retry", (route) => {
    ids.push(route.request().url());
    if (ids.length > 1) return route.fallback();
    return route.fulfill({ status: 404, contentType: "application/problem+json", body: JSON.stringify(gone) });
  });
  await window.getByRole("checkbox", { name: "Select all on this page" }).click();
  await window.getByRole("toolbar", { name: "2 selected" }).getByRole("button", { name: "Try now" }).click();
  await until(() => ids.length === 2, "both were tried");
  await window.getByRole("toolbar", { name: "2 selected" }).waitFor({ state: "detached" });
  await window.unrouteAll({ behavior: "wait" });

  await window.getByRole("checkbox", { name: "Select: c@two.example" }).click();
  await window.getByRole("toolbar", { name: "1 selected" }).waitFor();
  const [message] = (await api(window, "/admin/queue?domain=two.example")).body.items.filter((one) => one.recipient === "c@two.example");
  assert.equal((await api(window, `/admin/queue/${message.id}`, { method: "DELETE" })).status, 204);
  const { messages } = (await api(window, "/admin/queue/stats")).body;
  const figure = window.locator("dl div", { hasText: "Messages" }).first().locator("dd");
  await figure.filter({ hasText: new RegExp(`^\\s*${messages}\\s`) }).waitFor(); // the stream has told of it
  // What the table asked for before the tick may have shown it already.
  const tick = window.getByRole("checkbox", { name: "Select: c@two.example" });
  await until(async () => {
    if (await tick.isChecked({ timeout: 1000 }).catch(() => false)) await tick.click({ timeout: 1000 }).catch(() => undefined);
    return (await tick.count()) === 0;
  }, "the row is gone");
  await window.getByRole("toolbar", { name: "1 selected" }).waitFor({ state: "detached" });
  calm(window);
});

test("what is held is decided by a button, and its history is at hand", async () => {
  const window = await admin();
  await show(window, "queue?by=recipient&status=held", "Queue");
  await window.getByRole("button", { name: "b@two.example", exact: true }).click();
  const dialog = window.getByRole("dialog", { name: "Message in the queue" });
  await dialog.getByText(/attempts? so far/).click();
  await dialog.getByText("TLSv1.3, nothing proves who it is").waitFor();
  await dialog.getByRole("button", { name: "Whitelist two.example", exact: true }).waitFor();
  await accessible(window, "held mail");
  await dialog.getByRole("button", { name: "Send just this" }).click();
  await toast(window, "It is decided");
  await dialog.getByRole("button", { name: "Send just this" }).waitFor({ state: "detached" });
  await window.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  calm(window);
});

test("what is held by hand is not undecided, has no next try, and is released by a button", async () => {
  const window = await admin();
  await show(window, "overview", "Overview");
  await show(window, "queue?by=recipient&status=held", "Queue");
  const one = window.getByRole("row", { name: /d@three\.example/ });
  await one.getByText("Held", { exact: true }).waitFor();
  await one.getByText("–", { exact: true }).waitFor();
  await accessible(window, "mail held by hand");
  await window.getByRole("button", { name: "d@three.example", exact: true }).click();
  const dialog = window.getByRole("dialog", { name: "Message in the queue" });
  await dialog.getByText("not while it is held").waitFor();
  assert.equal(await dialog.getByRole("button", { name: "Try now" }).count(), 0);
  await dialog.getByRole("button", { name: "Release" }).click();
  await toast(window, "1 recipient is tried now");
  await dialog.getByRole("button", { name: "Try now" }).waitFor();
  await window.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  calm(window);
});

test("a domain on the whitelist of TLS is seen, and taken off", async () => {
  const window = await admin();
  const domain = `${unique("lax")}.example`;
  await api(window, "/admin/tls-exceptions", { method: "POST", body: JSON.stringify({ domain, anyServer: true }) });
  await show(window, "overview", "Overview");
  await show(window, "queue", "Queue");
  await window.getByRole("listitem").filter({ hasText: domain }).getByText("to any server, also without TLS").waitFor();
  await accessible(window, "queue with exceptions");
  await window.getByRole("button", { name: `Take ${domain} off the whitelist of TLS` }).click();
  await window.getByRole("dialog").getByRole("button", { name: "Take off" }).click();
  await toast(window, `${domain} has no exceptions any more`);
  assert.deepEqual((await api(window, `/admin/tls-exceptions?domain=${domain}`)).body.items, []);
  calm(window);
});

test("what one account decided on about TLS is taken back alone", async () => {
  const window = await admin();
  const { address } = facts.users[0];
  const left = async () => (await api(window, "/admin/tls-exceptions?domain=theirs.example")).body.items.map((one) => one.account);
  await api(window, "/admin/tls-exceptions", { method: "POST", body: JSON.stringify({ domain: "theirs.example", key: "c".repeat(64) }) });
  assert.deepEqual((await left()).sort(), [address, null].sort());
  await show(window, "overview", "Overview");
  await show(window, "queue", "Queue");
  await window.getByText(`Mail of ${address}`).waitFor();
  await window.getByRole("button", { name: `Take back what ${address} decided on for theirs.example` }).click();
  await window.getByRole("dialog").getByRole("button", { name: "Take off" }).click();
  await toast(window, `${address} has no exceptions for theirs.example any more`);
  assert.deepEqual(await left(), [null]);
  await api(window, "/admin/tls-exceptions/theirs.example", { method: "DELETE" });
  calm(window);
});

test("what was done is written down", async () => {
  const window = await admin();
  const address = `${unique("noted")}@${facts.domain}`;
  assert.equal((await api(window, "/admin/accounts", { method: "POST", body: JSON.stringify({ address }) })).status, 201);
  await show(window, "audit?action=account.", "Audit log");
  await window.getByRole("row").filter({ hasText: facts.admin.address }).first().waitFor();
  const actions = await window.locator("tbody code").allTextContents();
  assert.ok(actions.length > 0 && actions.every((one) => one.startsWith("account.")), actions.join());
  await window.getByRole("searchbox", { name: "Exact object" }).fill("nobody@nowhere.example");
  await window.getByText("Nothing matches these filters").waitFor();
  calm(window);
});

test("each page is a call of the API too, and keys lead to all of them", async () => {
  const window = await admin();
  await show(window, "accounts?status=disabled", "Accounts");
  await window.getByRole("button", { name: "Copy as a call of the API" }).click();
  await toast(window, "Copied as a curl command");
  const copied = await window.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, `curl -sS -H "Authorization: Bearer $HERONRY_TOKEN" '${facts.base}/api/v1/admin/accounts?status=disabled&sort=address'`);
  await window.locator("h1").click();
  for (const [keys, name] of [["gd", "Domains"], ["gq", "Queue"], ["gl", "Audit log"], ["go", "Overview"]]) {
    await goBy(window, keys, name);
  }
  await window.keyboard.press("Control+k");
  await window.getByRole("combobox", { name: "Commands" }).fill("addr");
  await window.keyboard.press("Enter");
  await window.getByRole("heading", { level: 1, name: "Addresses" }).waitFor();
  calm(window);
});

for (const [name, options] of [
  ["desktop, light", { ...DESKTOP, colorScheme: "light" }],
  ["desktop, dark", { ...DESKTOP, colorScheme: "dark" }],
  ["phone, light", { ...PHONE, colorScheme: "light" }],
  ["phone, dark", { ...PHONE, colorScheme: "dark" }],
]) {
  test(`every page can be used by everybody: ${name}`, async () => {
    const window = await openWindow(options);
    await window.goto(`${facts.base}/admin/`);
    await window.getByLabel("E-mail address").waitFor();
    await accessible(window, "door");
    await enter(window, facts.admin);
    await window.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    for (const one of PAGES) {
      await window.goto(`${facts.base}/admin/#/${one}`);
      await window.locator("h1").first().waitFor();
      await window.waitForLoadState("networkidle").catch(() => undefined);
      await until(async () => (await window.locator("main .skeleton").count()) === 0, `${one} is loaded`);
      await accessible(window, one);
      const wider = await window.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wider <= 0, `${one} is ${wider} px wider than the window`);
    }
    calm(window);
    await window.context().close();
  });
}

test("it speaks German, and signs out", async () => {
  const window = await openWindow({ locale: "de-DE" });
  await window.goto(`${facts.base}/admin/`);
  await window.getByLabel("E-Mail-Adresse").fill(facts.admin.address);
  await window.getByLabel("Passwort", { exact: true }).fill(facts.admin.password);
  await window.getByRole("button", { name: "Anmelden" }).click();
  await window.getByRole("heading", { level: 1, name: "Überblick" }).waitFor();
  await window.getByRole("button", { name: "Menü des Kontos" }).click();
  await window.getByRole("menuitem", { name: "Abmelden" }).click();
  await window.getByLabel("E-Mail-Adresse").waitFor();
  assert.equal((await api(window, "/me")).status, 401);
  await window.context().close();
});
