// SPDX-License-Identifier: Apache-2.0
// What a message of the open conversation is, and which of them are shown with their text.
import type { Schema } from "@heronry/web-kit/api/client.ts";

export type Message = Schema<"Message">;

export function isUnread(message: Message): boolean {
  return !message.keywords.includes("$seen");
}

/** Whether it was not sent: written here (then it has a draftId) or by another program. */
export function isDraft(message: Message): boolean {
  return message.draftId !== null || message.keywords.includes("$draft");
}

/** The message that a star for a conversation goes to: the newest, of a folder or of all, that is no draft; else the
 *  newest. */
export function newestOf(messages: readonly Message[], mailboxId: string | null): Message | undefined {
  const here = messages.filter((one) => mailboxId === null || one.mailboxIds.includes(mailboxId));
  return here.findLast((one) => !isDraft(one)) ?? here.at(-1);
}

/** Which messages to open after a conversation was read anew: new and unread ones, and always the last one. Each
 *  saving of a draft makes a message anew: that stays as the one before was. For a moment both may be there, and
 *  the new one is not the draft yet. */
export function toOpen(messages: readonly Message[], before: readonly Message[], isOpen: (id: string) => boolean): string[] {
  const known = new Map(before.map((one) => [one.id, one]));
  const drafts = new Set(before.filter((one) => isOpen(one.id)).map((one) => one.draftId));
  const last = messages.findLast((one) => !isDraft(one)) ?? messages.at(-1);
  return messages
    .filter((one) => {
      const former = known.get(one.id);
      const isOpenDraft = one.draftId !== null && one.draftId !== former?.draftId && drafts.has(one.draftId);
      return isOpenDraft || (!former && (isUnread(one) || one === last));
    })
    .map((one) => one.id);
}
