// SPDX-License-Identifier: Apache-2.0
// Removing an address that is no login, with a way back.
import { api, newKey, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { t } from "../lang/messages.ts";

type Address = Schema<"MailAddress">;
/** Where its mail went: what is needed to give the address back. */
type Way = Pick<Address, "accountId" | "kind" | "targets" | "posting" | "senders" | "onBehalf">;

/** The way to an account. */
export function wayTo(accountId: string): Way {
  return { accountId, kind: "alias", targets: [], posting: "anyone", senders: [], onBehalf: [] };
}

/** `after` runs when something changed. */
export async function removeAddress(address: string, way: Way, after: () => unknown): Promise<void> {
  try {
    await ok(api.DELETE("/admin/addresses/{address}", { params: { path: { address } } }));
    toasts.show(t("addresses.removed", { address }), { undo: () => giveBack(address, way, after) });
    await after();
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

function bodyOf(address: string, way: Way): Schema<"MailAddressNew"> {
  if (way.accountId) return { address, account: way.accountId };
  return { address, targets: way.targets, kind: way.kind === "group" ? "group" : "forward", posting: way.posting };
}

async function giveBack(address: string, way: Way, after: () => unknown): Promise<void> {
  try {
    await ok(api.POST("/admin/addresses", { params: { header: { "Idempotency-Key": newKey() } }, body: bodyOf(address, way) }));
    const { senders, onBehalf } = way;
    if (senders.length || onBehalf.length)
      await ok(api.PATCH("/admin/addresses/{address}", { params: { path: { address } }, body: { senders, onBehalf } }));
    await after();
  } catch (error) {
    toasts.problem(problemText(error));
  }
}
