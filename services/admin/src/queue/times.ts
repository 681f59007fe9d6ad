// SPDX-License-Identifier: Apache-2.0
// When something is tried next, in words.
import { relativeTime } from "@heronry/web-kit/lang/format.ts";
import { t } from "../lang/messages.ts";

/** "in 5 minutes"; what is due already is not in the past, it is waiting for its turn; what is held waits for no time. */
export function nextTry(iso: string | null, now: Date = new Date()): string {
  if (!iso) return "–";
  return new Date(iso).getTime() <= now.getTime() ? t("queue.due") : relativeTime(iso, now);
}
