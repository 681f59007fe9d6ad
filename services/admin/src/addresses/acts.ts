// SPDX-License-Identifier: Apache-2.0
// Removing a further address, with a way back.
import { api, newKey, ok } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { t } from "../lang/messages.ts";

/** `account` is the id or an address of whom it belongs to; `after` runs when something changed. */
export async function removeAddress(address: string, account: string, after: () => unknown): Promise<void> {
  try {
    await ok(api.DELETE("/admin/addresses/{address}", { params: { path: { address } } }));
    toasts.show(t("addresses.removed", { address }), { undo: () => giveBack(address, account, after) });
    await after();
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

async function giveBack(address: string, account: string, after: () => unknown): Promise<void> {
  try {
    await ok(api.POST("/admin/addresses", { params: { header: { "Idempotency-Key": newKey() } }, body: { address, account } }));
    await after();
  } catch (error) {
    toasts.problem(problemText(error));
  }
}
