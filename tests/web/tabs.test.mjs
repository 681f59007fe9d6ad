// SPDX-License-Identifier: Apache-2.0
// Tabs of one browser: they share a cookie, and must never act for each other's account.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ada, facts, signedIn, unique, until } from "./support/site.mjs";

/** The subjects of the drafts of whoever is signed in. */
function drafts(page) {
  return page.evaluate(async () => {
    const { items } = await (await fetch("/api/v1/mailboxes")).json();
    const { id } = items.find((one) => one.role === "drafts");
    const answer = await fetch(`/api/v1/mailboxes/${id}/threads?limit=100`);
    return (await answer.json()).items.map((one) => one.subject);
  });
}

test("a tab makes room when somebody else signs in in the same browser", async () => {
  const page = await signedIn(ada);
  const subject = unique("Secret ");
  await page.keyboard.press("c");
  const composer = page.getByRole("dialog").last();
  await composer.getByLabel("Subject").fill(subject);
  await composer.getByText("Saved in Drafts").waitFor();
  assert.ok((await drafts(page)).includes(subject), "ada's draft is hers");
  await page.evaluate(() => (window.sameWindow = true));

  const other = await page.context().newPage();
  await other.goto(`${facts.base}/admin/`);
  // As ada she may not see the administration; somebody else signs in at its door.
  await other.getByRole("button", { name: "Sign in as another person" }).waitFor();
  await other.evaluate(async ({ address, password }) => {
    const answer = await fetch("/api/v1/session", {
      method: "POST",
      headers: { "X-Heronry": "1", "Content-Type": "application/json" },
      body: JSON.stringify({ login: address, password, remember: false }),
    });
    if (answer.status !== 200) throw new Error(`${answer.status}`);
  }, facts.admin);
  await other.reload();
  await other.getByRole("heading", { level: 1, name: "Overview" }).waitFor();

  // What ada wrote meanwhile is not saved into the other's drafts, and her mail is not on screen.
  await until(() => page.evaluate(() => window.sameWindow === undefined).catch(() => false), "the tab began anew");
  await page.getByRole("navigation", { name: "Folders" }).waitFor();
  assert.equal(await page.getByText(subject).count(), 0);
  const now = await page.evaluate(async () => (await (await fetch("/api/v1/me")).json()).address);
  assert.equal(now, facts.admin.address);
  await page.getByRole("button", { name: "Account and settings" }).click();
  await page.getByText(facts.admin.address).first().waitFor();
  assert.ok(!(await drafts(page)).some((one) => one.includes("Secret")), "nothing of hers is in the other's drafts");
  await page.context().close();
});
