// SPDX-License-Identifier: Apache-2.0
// A mailbox of 20,000 conversations: it scrolls, it jumps, and the page stays small.
import assert from "node:assert/strict";
import { test } from "node:test";
import { calm, facts, openWindow, row, signIn, until } from "./support/site.mjs";

test("20,000 conversations scroll without holes", async () => {
  const page = await openWindow();
  await signIn(page, facts.collector);
  const grid = page.getByRole("grid");
  await until(async () => Number(await grid.getAttribute("aria-rowcount")) >= facts.conversations, "the whole order");

  // Down in steps, as a wheel and then as a hasty hand would.
  const scroll = (px) => grid.evaluate(async (list, step) => {
    let nodes = 0;
    for (let i = 0; i < 240; i++) {
      list.scrollTop += step;
      await new Promise(requestAnimationFrame);
      nodes = Math.max(nodes, document.querySelectorAll("*").length);
    }
    return nodes;
  }, px);
  /** Rows in view that are empty, and those that are not drawn at all. */
  const holes = () => grid.evaluate((list) => {
    const around = list.getBoundingClientRect();
    const shown = [...list.querySelectorAll("[role=row]")].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.bottom > around.top && box.top < around.bottom;
    });
    const room = Math.floor(list.clientHeight / shown[0]?.offsetHeight || 10);
    return Math.max(0, room - shown.length) + shown.filter((one) => !one.querySelector("a")).length;
  });
  for (const px of [200, 400]) {
    const nodes = await scroll(px);
    assert.ok(nodes < 3000, `${nodes} nodes`);
    // How soon rows follow is measured by tools/bench, where nobody else has the machine; here, that they do.
    await until(async () => (await holes()) === 0, `rows where 240 steps of ${px} px led`);
  }

  await grid.evaluate((list) => (list.scrollTop = list.scrollHeight));
  await row(page, "Conversation 1 ").waitFor();
  await page.keyboard.press("Home");
  await row(page, `Conversation ${facts.conversations} `).waitFor();
  calm(page);
  await page.context().close();
});

test("selecting all of them and taking that back is quick", async () => {
  const page = await openWindow();
  await signIn(page, facts.collector);
  const grid = page.getByRole("grid");
  await until(async () => Number(await grid.getAttribute("aria-rowcount")) >= facts.conversations, "the whole order");
  await row(page, `Conversation ${facts.conversations} `).hover();
  await row(page, `Conversation ${facts.conversations} `).getByRole("checkbox").check({ force: true });
  await page.getByRole("button", { name: /^Select all/ }).click();
  await page.getByRole("toolbar").getByText(facts.conversations.toLocaleString("en"), { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await until(async () => (await page.getByRole("toolbar", { name: /selected/ }).count()) === 0, "nothing selected");
  await page.context().close();
});
