// SPDX-License-Identifier: Apache-2.0
// What the browser tests of the administration share: getting in, and to a page.
import { facts, openWindow, sharedWindow } from "./site.mjs";

export async function enter(window, user) {
  await window.goto(`${facts.base}/admin/`);
  await window.getByLabel("E-mail address").fill(user.address);
  await window.getByLabel("Password", { exact: true }).fill(user.password);
  await window.getByRole("button", { name: "Sign in" }).click();
}

/** The one window that most tests share; signed in as the administrator. */
export const admin = sharedWindow(async () => {
  const page = await openWindow({ shared: true, permissions: ["clipboard-read", "clipboard-write"] });
  await enter(page, facts.admin);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  return page;
});

export async function show(window, hash, heading) {
  await window.goto(`${facts.base}/admin/#/${hash}`);
  await window.getByRole("heading", { level: 1, name: heading }).waitFor();
}
