// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, it, vi } from "vitest";
import { api, answered } from "../src/api/client.ts";
import { beginning, holdAccount, releaseAccount } from "../src/api/holder.ts";
import { asProblem } from "../src/api/problem.ts";
import { recall, remember } from "../src/preferences.svelte.ts";

const asked = vi.fn(async () => new Response("{}", { headers: { "Content-Type": "application/json" } }));
const anew = vi.fn();

/** What a tab sees when another one remembers something. */
function elsewhere(id: string): void {
  remember("account", id);
  dispatchEvent(Object.assign(new Event("storage"), { key: "heronry.account", newValue: id }));
}

function status(): Promise<number> {
  return answered(api.GET("/me", { fetch: asked, baseUrl: "https://mail.example/api/v1" })).then(
    () => 200,
    (error: unknown) => asProblem(error).status,
  );
}

beforeEach(() => {
  localStorage.clear();
  releaseAccount(false);
  vi.clearAllMocks();
  beginning.anew = anew;
});

it("asks nothing more as soon as the browser is another account's", async () => {
  holdAccount("1");
  expect(await status()).toBe(200);
  expect(asked).toHaveBeenCalledTimes(1);
  remember("account", "2");
  expect(await status()).toBe(401);
  expect(asked).toHaveBeenCalledTimes(1);
  expect(anew).toHaveBeenCalled();
});

it("begins anew when another tab signs in, at the door too, and not for the same account", () => {
  holdAccount("1");
  elsewhere("1");
  expect(anew).not.toHaveBeenCalled();
  elsewhere("2");
  expect(anew).toHaveBeenCalledTimes(1);
  releaseAccount(false);
  elsewhere("3");
  expect(anew).toHaveBeenCalledTimes(2);
});

it("forgets who was here when he signs out, not when another is here", () => {
  holdAccount("1");
  releaseAccount(true);
  expect(recall("account")).toBeNull();
  holdAccount("1");
  remember("account", "2");
  releaseAccount(true);
  expect(recall("account")).toBe("2");
});
