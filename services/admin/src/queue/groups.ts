// SPDX-License-Identifier: Apache-2.0
// The queue by destination, as the server groups it, and what state a recipient is in.
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { t } from "../lang/messages.ts";

export type Entry = Schema<"QueueEntry">;
export type Group = Schema<"QueueDomain">;

/** Held until somebody releases it: it is neither asked about, nor does it wait for a time of its sender's. */
export function isStopped(one: Entry): boolean {
  return one.status === "held" && !one.isAsked && !one.heldUntil;
}

/** Its state in words: what waits for a decision is not merely held. */
export function stateText(one: Entry): string {
  return t(one.isAsked ? "queue.is.asked" : `queue.is.${one.status}`);
}

/** The messages of one destination that a filter selects, each once. */
export async function messagesOf(filter: Schema<"QueueFilter">): Promise<string[]> {
  const ids = new Set<string>();
  let cursor: string | null | undefined;
  do {
    const query = { ...filter, limit: 200, ...(cursor ? { cursor } : {}) };
    const page = await ok(api.GET("/admin/queue", { params: { query } }));
    for (const one of page.items) ids.add(one.id);
    cursor = page.nextCursor;
  } while (cursor);
  return [...ids];
}
