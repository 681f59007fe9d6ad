// SPDX-License-Identifier: Apache-2.0
// The queue by destination: what waits for one domain mostly waits for one reason.
import type { Schema } from "@heronry/web-kit/api/client.ts";

export type Entry = Schema<"QueueEntry">;

export interface Group {
  domain: string;
  recipients: number;
  /** Ids of the messages, each once. */
  messages: readonly string[];
  failed: number;
  /** When the first of them is tried next; of one that waits, ISO 8601. */
  nextAttemptAt: string;
  /** The answer that most of them got, and how many got it. */
  reply: string;
  replies: number;
}

/** What the same reason looks like: codes and ids in answers differ from mail to mail. */
function shape(reply: string): string {
  return reply.replace(/[0-9a-f]{8,}/gi, "").replace(/\s+/g, " ").trim();
}

/** Groups by destination, the fullest first. */
export function groupQueue(entries: readonly Entry[]): Group[] {
  const byDomain = new Map<string, Entry[]>();
  for (const one of entries) byDomain.set(one.domain, [...(byDomain.get(one.domain) ?? []), one]);
  const groups = [...byDomain].map(([domain, all]): Group => {
    const reasons = new Map<string, { reply: string; n: number }>();
    for (const one of all) {
      if (!one.reply) continue;
      const known = reasons.get(shape(one.reply)) ?? { reply: one.reply, n: 0 };
      reasons.set(shape(one.reply), { ...known, n: known.n + 1 });
    }
    const main = [...reasons.values()].sort((a, b) => b.n - a.n)[0];
    return {
      domain,
      recipients: all.length,
      messages: [...new Set(all.map((one) => one.id))],
      failed: all.filter((one) => one.status === "failed").length,
      nextAttemptAt: all.map((one) => one.nextAttemptAt).sort()[0] ?? "",
      reply: main?.reply ?? "",
      replies: main?.n ?? 0,
    };
  });
  return groups.sort((a, b) => b.recipients - a.recipients || a.domain.localeCompare(b.domain));
}
