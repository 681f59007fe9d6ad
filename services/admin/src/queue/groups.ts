// SPDX-License-Identifier: Apache-2.0
// The queue by destination, as the server groups it.
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";

export type Entry = Schema<"QueueEntry">;
export type Group = Schema<"QueueDomain">;

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
