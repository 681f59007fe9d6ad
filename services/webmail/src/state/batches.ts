// SPDX-License-Identifier: Apache-2.0
// Many conversations in requests of a size that the server takes, and which messages of a conversation an
// act in a search is about. Pure.
import type { Schema } from "@heronry/web-kit/api/client.ts";

type MailboxRole = NonNullable<Schema<"MailboxRole">>;

/** What one request is about: conversations, all of their messages or those in one folder, or the newest of each. */
export interface Batch {
  ids: readonly string[];
  mailboxId: string | null;
  newestOnly?: boolean;
}

const THREADS_MAX = 500;
const MESSAGES_MAX = 1000;

/** Cuts conversations into batches that the server takes, as far as it is known how many messages they have. */
export function batchesOf({ ids, ...which }: Batch, countOf: (id: string) => number): Batch[] {
  const batches: Batch[] = [];
  let part: string[] = [];
  let messages = 0;
  for (const id of ids) {
    const count = which.newestOnly ? 1 : countOf(id);
    if (part.length === THREADS_MAX || (part.length > 0 && messages + count > MESSAGES_MAX)) {
      batches.push({ ids: part, ...which });
      part = [];
      messages = 0;
    }
    part.push(id);
    messages += count;
  }
  if (part.length > 0) batches.push({ ids: part, ...which });
  return batches;
}

export interface Outcome<Result> {
  results: Result[];
  /** Conversations of which something was done. */
  done: Set<string>;
  /** Those of which something was not, because of `error`. */
  failed: Set<string>;
  error: unknown;
}

/** Sends batches one after the other until one fails; one that has too many messages is sent in halves. */
export async function runBatches<Result>(
  batches: readonly Batch[],
  send: (batch: Batch) => Promise<Result>,
  isTooMany: (error: unknown) => boolean,
): Promise<Outcome<Result>> {
  const outcome: Outcome<Result> = { results: [], done: new Set(), failed: new Set(), error: null };
  const waiting = [...batches];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    try {
      outcome.results.push(await send(next));
      for (const id of next.ids) outcome.done.add(id);
    } catch (error) {
      const { ids, ...which } = next;
      if (isTooMany(error) && ids.length > 1) {
        const half = Math.ceil(ids.length / 2);
        waiting.unshift({ ids: ids.slice(0, half), ...which }, { ids: ids.slice(half), ...which });
        continue;
      }
      outcome.error = error;
      outcome.failed = new Set([next, ...waiting].flatMap((one) => one.ids));
      break;
    }
  }
  return outcome;
}

// Whoever archives or moves what a search found means the mail that came: not what was written, and not what
// was thrown away, but where a conversation has nothing else.
const RANK: Partial<Record<MailboxRole, number>> = { junk: 1, trash: 1, sent: 2, drafts: 2 };

/** The folders whose messages of a conversation move; all messages when none is known. */
export function foldersMeant(mailboxIds: readonly string[], roleOf: (id: string) => MailboxRole | null): readonly string[] {
  const rankOf = (id: string): number => RANK[roleOf(id) ?? "archive"] ?? 0;
  const best = Math.min(...mailboxIds.map(rankOf));
  return mailboxIds.filter((id) => rankOf(id) === best);
}
