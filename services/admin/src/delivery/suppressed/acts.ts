// SPDX-License-Identifier: Apache-2.0
// Adding and removing addresses that somebody is not to write to.
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { t } from "../../lang/messages.ts";

export type Suppression = Schema<"Suppression">;
type Pair = Pick<Suppression, "sender" | "address">;

function placeOf({ sender, address }: Pair) {
  return { path: { sender, recipient: address } };
}

/** Gives what was there by hand before and stays, with its reason. */
export function addSuppression(pair: Pair, reason: string): Promise<Suppression | undefined> {
  const body = reason ? { reason } : {};
  return ok(api.PUT("/admin/sending-limits/{sender}/suppressions/{recipient}", { params: placeOf(pair), body }));
}

/** `after` runs when something changed. What was added by hand has a way back; what another server
 * refused comes back by itself when it is refused again. */
export async function removeSuppression(one: Suppression, after: () => unknown): Promise<void> {
  try {
    await ok(api.DELETE("/admin/sending-limits/{sender}/suppressions/{recipient}", { params: placeOf(one) }));
    toasts.show(t("suppressed.removed", { sender: one.sender, address: one.address }), one.isManual ? { undo: () => giveBack(one, after) } : {});
    await after();
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

async function giveBack(one: Suppression, after: () => unknown): Promise<void> {
  try {
    await addSuppression(one, one.reason);
    await after();
  } catch (error) {
    toasts.problem(problemText(error));
  }
}
