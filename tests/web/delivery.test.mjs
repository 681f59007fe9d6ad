// SPDX-License-Identifier: Apache-2.0
// The page Delivery of the administration: limits, tenants, suppressed addresses, routes and relay domains.
import assert from "node:assert/strict";
import { test } from "node:test";
import { admin, show } from "./support/admin.mjs";
import { accessible, api, calm, facts, filter, goBy, openWindow, PHONE, stay, toast, undo, unique } from "./support/site.mjs";

const sender = facts.users[1].address;

/** A part of the page, loaded. */
async function part(window, name) {
  await show(window, `delivery/${name}`, "Delivery");
  await window.locator("main .skeleton").first().waitFor({ state: "detached" });
}

function rowOf(window, text) {
  return window.getByRole("row").filter({ hasText: text });
}

test("an account gets limits, is stopped, let again, and gets the usual limits", async () => {
  const window = await admin();
  const limits = async () => (await api(window, `/admin/sending-limits/${sender}`)).body;
  await part(window, "limits");
  await window.getByText("Nobody has limits of its own").waitFor();
  await window.getByRole("button", { name: "Set limits" }).click();
  const dialog = window.getByRole("dialog", { name: "Set limits" });
  await dialog.getByLabel("Account or domain").fill("nobody@nowhere.example");
  await dialog.getByLabel("Messages an hour").fill("many");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Type a whole number.").waitFor();
  await dialog.getByLabel("Messages an hour").fill("1,200");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("There is no such account or domain here.").waitFor();
  await dialog.getByLabel("Account or domain").fill(sender);
  await dialog.getByLabel("Recipients a day").fill("0");
  await dialog.getByLabel("Recipients of one message").fill("50");
  await dialog.getByText("Sends nothing").click();
  await dialog.getByLabel("Reason").fill("The password was told");
  await accessible(window, "limits of an account");
  await window.keyboard.press("Enter");
  await toast(window, `The limits of ${sender} are saved`);
  const { messagesPerHour, messagesPerDay, recipientsPerDay, recipientsPerMessage, isStopped, reason } = await limits();
  assert.deepEqual([messagesPerHour, messagesPerDay, recipientsPerDay, recipientsPerMessage], [1200, null, 0, 50]);
  assert.deepEqual([isStopped, reason], [true, "The password was told"]);
  await rowOf(window, sender).getByRole("button", { name: `Change the limits of ${sender}` }).click();
  const changed = window.getByRole("dialog", { name: sender });
  await changed.getByText("Reason: The password was told").waitFor();
  assert.equal(await changed.getByLabel("Reason, for administrators").count(), 0, "a reason that would be thrown away");
  await window.keyboard.press("Escape");
  await window.getByRole("button", { name: "Set limits" }).click();
  await dialog.getByLabel("Account or domain").fill(sender);
  for (const [label, number] of [["Messages an hour", "1200"], ["Recipients a day", "0"], ["Recipients of one message", "50"]]) await dialog.getByLabel(label).fill(number);
  await dialog.getByText("Sends nothing").click();
  await dialog.getByLabel("Reason").fill("Another one");
  await window.keyboard.press("Enter");
  await toast(window, `The limits of ${sender} are saved. It was stopped before: the reason given then stays.`);
  assert.equal((await limits()).reason, "The password was told");

  await show(window, `accounts/${encodeURIComponent(sender)}`, sender);
  const card = window.getByRole("region", { name: "Mail to other servers" });
  await card.getByText("The password was told").waitFor();
  await card.getByText("0 of 1,200 an hour · 0 today").waitFor();
  await accessible(window, "an account that was stopped");
  await card.getByRole("button", { name: "Let it send" }).click();
  await stay(window, `${sender} may send again`);
  await card.getByText("May send").waitFor();
  await undo(window, `${sender} may send again`);
  await card.getByText("The password was told").waitFor();

  await part(window, "limits");
  const row = rowOf(window, sender);
  await row.getByText("0 of 1,200 an hour").waitFor();
  await row.getByText("at most 50 a message").waitFor();
  await row.getByText("The password was told").waitFor();
  await accessible(window, "limits");
  await row.getByRole("button", { name: "Let it send" }).click();
  await row.getByText("May send").waitFor();
  assert.equal((await limits()).isStopped, false);
  await window.getByRole("radio", { name: "Stopped" }).check();
  await window.getByText("No account is stopped").waitFor();
  await window.getByRole("radio", { name: "All" }).check();
  await row.getByRole("button", { name: `Change the limits of ${sender}` }).click();
  await window.getByRole("dialog", { name: sender }).getByLabel("Messages an hour").fill("7");
  await window.keyboard.press("Enter");
  await row.getByText("0 of 7 an hour").waitFor();
  await row.getByRole("button", { name: `Remove the limits of ${sender}` }).click();
  await stay(window, `${sender} has the usual limits again`);
  await row.waitFor({ state: "detached" });
  assert.equal((await limits()).messagesPerHour, null);
  await undo(window, `${sender} has the usual limits again`);
  await row.getByText("0 of 7 an hour").waitFor();
  await row.getByRole("button", { name: `Remove the limits of ${sender}` }).click();
  await row.waitFor({ state: "detached" });
  calm(window);
});

test("a tenant is made of domains, gets limits and another name, and is removed", async () => {
  const window = await admin();
  const name = unique("acme").toLowerCase();
  const domains = [`one.${name}.example`, `two.${name}.example`];
  for (const one of domains) assert.equal((await api(window, "/admin/domains", { method: "POST", body: JSON.stringify({ name: one }) })).status, 201);
  const inside = async (tenant) => (await api(window, `/admin/domains?tenant=${tenant}`)).body.items.map((one) => one.name);
  await part(window, "tenants");
  await window.getByText("No tenants").waitFor();
  await window.getByRole("button", { name: "Add tenant" }).click();
  const dialog = window.getByRole("dialog", { name: "Add tenant" });
  await dialog.getByLabel("Name").fill("a b");
  await dialog.getByLabel("Domains").fill(`${domains[0].toUpperCase()}, nowhere.example`);
  await dialog.getByRole("button", { name: "Add tenant" }).click();
  await dialog.getByText("Not a domain of this server: nowhere.example").waitFor();
  await dialog.getByLabel("Domains").fill(domains[0].toUpperCase());
  await dialog.getByRole("button", { name: "Add tenant" }).click();
  await dialog.getByText("A name has letters from a to z").waitFor();
  await dialog.getByLabel("Name").fill(name);
  await accessible(window, "a tenant");
  await dialog.getByRole("button", { name: "Add tenant" }).click();
  await toast(window, `The tenant ${name} is added`);
  const row = rowOf(window, name);
  await row.getByText("No limits").first().waitFor();
  assert.deepEqual(await inside(name), [domains[0]]);

  await row.getByRole("button", { name: `Set limits of the tenant ${name}` }).click();
  const limits = window.getByRole("dialog", { name: `Tenant ${name}` });
  await limits.getByText("All accounts of all its domains together.").waitFor();
  await limits.getByLabel("Messages a day").fill("1,000");
  await limits.getByRole("button", { name: "Save" }).click();
  await toast(window, `The limits of Tenant ${name} are saved`);
  await row.getByText("0 of 1,000 a day").waitFor();
  await accessible(window, "tenants");

  await row.getByRole("button", { name: `Change the tenant ${name}` }).click();
  const change = window.getByRole("dialog", { name: `Tenant ${name}` });
  await window.waitForFunction((first) => document.querySelector("dialog textarea")?.value === first, domains[0]);
  await change.getByLabel("Name").fill(`${name}.new`);
  await change.getByLabel("Domains").fill(domains[1]);
  await change.getByRole("button", { name: "Save" }).click();
  await rowOf(window, `${name}.new`).getByText("0 of 1,000 a day").waitFor();
  assert.deepEqual([await inside(name), await inside(`${name}.new`)], [[], [domains[1]]]);

  await show(window, `domains/${domains[1]}`, domains[1]);
  await window.getByRole("link", { name: `Tenant ${name}.new` }).waitFor();
  await part(window, "limits");
  await window.getByRole("link", { name: `Tenant ${name}.new` }).click();
  await row.getByRole("button", { name: `Remove the tenant ${name}.new` }).click();
  const confirm = window.getByRole("dialog");
  await confirm.getByText("It still has domains.").waitFor();
  await confirm.getByRole("button", { name: "Remove tenant" }).click();
  await confirm.getByRole("alert").waitFor();
  await confirm.getByRole("button", { name: "Cancel" }).click();
  await confirm.waitFor({ state: "detached" });
  for (const one of domains) await api(window, `/admin/domains/${one}`, { method: "DELETE" });
  await row.getByRole("button", { name: `Remove the tenant ${name}.new` }).click();
  await confirm.getByRole("button", { name: "Remove tenant" }).click();
  await row.waitFor({ state: "detached" });
  assert.equal((await api(window, `/admin/tenants/${name}.new`)).status, 404);
  calm(window);
});

test("an address is suppressed, found, allowed, and suppressed again", async () => {
  const window = await admin();
  const address = `${unique("lost")}@far.example`;
  await part(window, "suppressed");
  await window.getByRole("button", { name: "Suppress address" }).click();
  const dialog = window.getByRole("dialog", { name: "Suppress address" });
  await dialog.getByRole("textbox", { name: "Address" }).fill("far.example");
  await dialog.getByLabel("Who does not write there").fill(facts.domain);
  await dialog.getByRole("button", { name: "Suppress address" }).click();
  await dialog.getByText("Type a whole address.").waitFor();
  await dialog.getByRole("textbox", { name: "Address" }).fill(address);
  await dialog.getByLabel("Reason").fill("They asked for it");
  await window.keyboard.press("Enter");
  await toast(window, `${facts.domain} does not write to ${address} any more`);
  await window.getByRole("button", { name: "Suppress address" }).click();
  await dialog.getByRole("textbox", { name: "Address" }).fill(address);
  await dialog.getByLabel("Who does not write there").fill(facts.domain);
  await dialog.getByLabel("Reason").fill("Another one");
  await window.keyboard.press("Enter");
  await toast(window, `${facts.domain} did not write to ${address} before: the reason given then stays`);
  await filter(window, "Search by address or sender", address.toUpperCase());
  const row = rowOf(window, address);
  await row.getByText("They asked for it").waitFor();
  await accessible(window, "suppressed addresses");
  await window.getByRole("radio", { name: "Refused by others" }).check();
  await window.getByText("Nothing matches").waitFor();
  await window.getByRole("radio", { name: "Added by hand" }).check();
  const path = `/admin/suppressions?q=${address}`;
  await row.getByRole("button", { name: `Let ${facts.domain} write to ${address}` }).click();
  await stay(window, `${facts.domain} may write to ${address} again`);
  await row.waitFor({ state: "detached" });
  assert.deepEqual((await api(window, path)).body.items, []);
  await undo(window, `${facts.domain} may write to ${address} again`);
  await row.getByText("They asked for it").waitFor();
  assert.equal((await api(window, path)).body.items.length, 1);
  calm(window);
});

test("a route is made, changed and removed, and a delivery is tried", async () => {
  const window = await admin();
  const domain = `${unique("partner")}.example`;
  const routes = async () => (await api(window, "/admin/transports")).body.items.filter((one) => one.domain === domain);
  await part(window, "routes");
  await window.getByText("No routes").waitFor();
  await window.getByRole("button", { name: "Add route" }).click();
  const dialog = window.getByRole("dialog", { name: "Add route" });
  await dialog.getByLabel("For").fill(domain);
  await dialog.getByRole("button", { name: "Add route" }).click();
  await dialog.getByText("Name a server, or something that it does differently").waitFor();
  await dialog.getByLabel("Server").fill("localhost");
  await dialog.getByLabel("Port").fill("1");
  await dialog.getByLabel("Protocol").selectOption("LMTP");
  await dialog.getByLabel("TLS").selectOption("Any certificate");
  await accessible(window, "a route");
  await window.keyboard.press("Enter");
  await toast(window, `Mail to ${domain} goes this way from now on`);
  const row = rowOf(window, domain);
  await row.getByText("localhost, port 1").waitFor();
  await row.getByRole("button", { name: `Change the route for ${domain}` }).click();
  await window.getByRole("dialog").getByLabel("Messages a minute").fill("60");
  await window.keyboard.press("Enter");
  await row.getByText("by LMTP · 60 a minute").waitFor();
  const [{ host, port, protocol, tls, perMinute }] = await routes();
  assert.deepEqual([host, port, protocol, tls, perMinute], ["localhost", 1, "lmtp", "encrypt", 60]);

  await window.getByRole("button", { name: "Try a delivery" }).click();
  const attempt = window.getByRole("dialog", { name: "Try a delivery" });
  await attempt.getByLabel("Address").fill(`mia@${domain}`);
  await window.keyboard.press("Enter");
  await attempt.getByText(`Mail to mia@${domain} would not be taken now`).waitFor();
  await attempt.getByText("Connecting").first().waitFor();
  await accessible(window, "a delivery that was tried");
  await window.keyboard.press("Escape");

  await row.getByRole("button", { name: `Remove the route for ${domain}` }).click();
  await window.getByRole("dialog").getByRole("button", { name: "Remove route" }).click();
  await row.waitFor({ state: "detached" });
  assert.deepEqual(await routes(), []);
  calm(window);
});

test("a domain is relayed for those on a list, then for whom its servers take, then no more", async () => {
  const window = await admin();
  const domain = `${unique("friends")}.example`;
  const path = `/admin/relay-domains/${domain}`;
  await part(window, "relay");
  await window.getByText("No relay domains").waitFor();
  await window.getByRole("button", { name: "Add domain" }).click();
  const dialog = window.getByRole("dialog", { name: "Add domain" });
  await dialog.getByLabel("Domain").fill(facts.domain);
  await dialog.getByRole("button", { name: "Add domain" }).click();
  await dialog.getByText("This is a domain of this server.").waitFor();
  await dialog.getByLabel("Domain").fill(domain);
  await dialog.getByLabel("Which recipients are taken").selectOption("Only those on a list");
  await dialog.getByRole("textbox", { name: "Recipients" }).fill(`mia\nleo@${domain}`);
  await dialog.getByRole("button", { name: "Add domain" }).click();
  const row = rowOf(window, domain);
  await row.getByText("2 on a list").waitFor();
  await row.getByRole("button", { name: `Change the relay domain ${domain}` }).click();
  const change = window.getByRole("dialog", { name: domain });
  const list = change.getByRole("textbox", { name: "Recipients" });
  await window.waitForFunction(() => document.querySelector("dialog textarea")?.value.includes("\n"));
  await list.fill(`${await list.inputValue()}\nkim`);
  await change.getByRole("button", { name: "Save" }).click();
  await row.getByText("3 on a list").waitFor();
  await row.getByRole("button", { name: `Change the relay domain ${domain}` }).click();
  await change.getByLabel("Which recipients are taken").selectOption("Whom its servers take");
  await change.getByLabel("When its servers cannot be asked").selectOption("Put it off for later");
  await change.getByRole("button", { name: "Save" }).click();
  await row.getByText("put off when they cannot be asked").waitFor();
  const { verification, whenDown } = (await api(window, path)).body;
  assert.deepEqual([verification, whenDown], ["callout", "defer"]);
  await row.getByRole("button", { name: `Remove the relay domain ${domain}` }).click();
  await window.getByRole("dialog").getByRole("button", { name: "Remove domain" }).click();
  await row.waitFor({ state: "detached" });
  assert.equal((await api(window, path)).status, 404);
  calm(window);
});

test("its parts are reached by keys and tabs, on a phone in German, too", async () => {
  const window = await admin();
  await window.locator("h1").click();
  await goBy(window, "gv", "Delivery");
  await window.getByText("Nobody has limits of its own").waitFor();
  const tab = window.getByRole("link", { name: "Routes" });
  await tab.focus();
  await window.keyboard.press("Enter");
  await window.getByText("No routes").waitFor();
  assert.ok(await tab.evaluate((one) => one === document.activeElement && one.ariaCurrent === "page"));

  const phone = await openWindow({ ...PHONE, locale: "de-DE", colorScheme: "dark", storageState: await window.context().storageState() });
  for (const name of ["limits", "tenants", "suppressed", "routes", "relay"]) {
    await phone.goto(`${facts.base}/admin/#/delivery/${name}`);
    await phone.getByRole("heading", { level: 1, name: "Zustellung" }).waitFor();
    await phone.locator("main .skeleton").first().waitFor({ state: "detached" });
    if (name === "limits" || name === "routes") await accessible(phone, name);
    const wider = await phone.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wider <= 0, `${name} is ${wider} px wider than the window`);
  }
  await phone.goto(`${facts.base}/admin/#/delivery/routes?new=1`);
  const dialog = phone.getByRole("dialog", { name: "Weg anlegen" });
  await dialog.getByLabel("Port").waitFor();
  const beyond = await dialog.evaluate((one) => [...one.querySelectorAll("input, select")].filter((field) => field.getBoundingClientRect().right > innerWidth).length);
  assert.equal(beyond, 0, "fields are wider than the window");
  calm(phone);
  await phone.context().close();
});
