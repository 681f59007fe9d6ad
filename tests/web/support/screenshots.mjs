// SPDX-License-Identifier: Apache-2.0
// Each view of the webmail as a picture; tools/screenshots starts the server and says where to put them.
import { join } from "node:path";
import { argv } from "node:process";
import { bo, deliver, DESKTOP, facts, openRow, openWindow, PHONE, row, shut, signIn } from "./site.mjs";

const folder = argv[2];
const SETTLE_MS = 700;

const VIEWS = {
  list: async () => undefined,
  conversation: (page) => openRow(page, "Heron count 2026"),
  plain: (page) => openRow(page, "Boats for the spring"),
  selection: async (page) => {
    for (const key of ["x", "Shift+J", "Shift+J"]) await page.keyboard.press(key);
  },
  search: async (page) => {
    await page.getByRole("combobox", { name: "Search mail" }).fill("north");
    await page.getByRole("heading", { name: "Search results" }).waitFor();
  },
  composer: async (page) => {
    await openRow(page, "Cluster upgrade window");
    await page.keyboard.press("r");
    await page.getByRole("textbox", { name: "Text of the message" }).waitFor();
    await page.keyboard.type("Friday is fine. I bring the keys.");
    await page.getByText("Saved in Drafts").waitFor();
  },
  palette: (page) => page.keyboard.press("Control+k"),
  shortcuts: (page) => page.keyboard.press("?"),
  settings: (page) => page.evaluate(() => (location.hash = "#/settings")),
  empty: (page) => page.evaluate(() => (location.hash = document.querySelector("nav a[title=Junk]").getAttribute("href"))),
  error: async (page) => {
    await page.route("**/threads?*", (route) => route.abort());
    await page.evaluate(() => (location.hash = document.querySelector("nav a[title=Archive]").getAttribute("href")));
  },
  loading: async (page) => {
    await page.route("**/threads?*", () => undefined);
    await page.evaluate(() => (location.hash = document.querySelector("nav a[title=Sent]").getAttribute("href")));
  },
};

async function shoot(page, name) {
  await page.waitForTimeout(SETTLE_MS);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  console.log(`${name}.png`);
}

for (const scheme of ["light", "dark"]) {
  for (const [size, device] of [["wide", DESKTOP], ["phone", PHONE]]) {
    const page = await openWindow({ ...device, colorScheme: scheme });
    await page.goto(facts.base);
    await page.getByLabel("E-mail address").waitFor();
    await shoot(page, `door-${size}-${scheme}`);
    await signIn(page, bo);
    for (const [name, show] of Object.entries(VIEWS)) {
      await row(page, "Heron count 2026").waitFor();
      await show(page);
      await shoot(page, `${name}-${size}-${scheme}`);
      await page.unrouteAll({ behavior: "ignoreErrors" });
      await page.goto("about:blank");
      await page.goto(facts.base);
    }
    await page.context().close();
  }
}
const german = await openWindow({ locale: "de-DE" });
await german.goto(facts.base);
await german.getByLabel("E-Mail-Adresse").fill(bo.address);
await german.getByLabel("Passwort", { exact: true }).fill(bo.password);
await german.keyboard.press("Enter");
await openRow(german, "Heron count 2026", "Unterhaltung");
await shoot(german, "conversation-wide-german");
await deliver({ to: bo.address, subject: "Neu im Netz", text: "Gerade gelandet." });
await row(german, "Neu im Netz").waitFor();
await shoot(german, "arrival-wide-german");

// The administration, and an inbox of many.
const PAGES = ["overview", "domains", "accounts", "addresses", "senders", "reports", "queue", "audit"];
for (const scheme of ["light", "dark"]) {
  for (const [size, device] of [["wide", DESKTOP], ["phone", PHONE]]) {
    const page = await openWindow({ ...device, colorScheme: scheme });
    await page.goto(`${facts.base}/admin/`);
    await page.getByLabel("E-mail address").fill(facts.admin.address);
    await page.getByLabel("Password", { exact: true }).fill(facts.admin.password);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    for (const name of PAGES) {
      await page.goto(`${facts.base}/admin/#/${name}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await shoot(page, `admin-${name}-${size}-${scheme}`);
    }
    await page.context().close();
  }
  const page = await openWindow({ ...DESKTOP, colorScheme: scheme });
  await signIn(page, facts.collector);
  const grid = page.getByRole("grid");
  await grid.evaluate((list) => (list.scrollTop = list.scrollHeight / 2));
  await shoot(page, `large-wide-${scheme}`);
  await page.context().close();
}
await shut();
