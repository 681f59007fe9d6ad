// SPDX-License-Identifier: Apache-2.0
// The order of folders: those with a role as people expect them, then the others by name with their depth.
import type { Mailbox, Role } from "../state/session.svelte.ts";

const ORDER: readonly Role[] = ["inbox", "drafts", "sent", "archive", "junk", "trash"];

export interface Branch {
  mailbox: Mailbox;
  depth: number;
}

export function withRole(all: readonly Mailbox[]): Mailbox[] {
  return ORDER.flatMap((role) => all.find((one) => one.role === role) ?? []);
}

/** Folders that people made, parents before children. */
export function own(all: readonly Mailbox[]): Branch[] {
  const roles = new Set(all.filter((one) => one.role !== null).map((one) => one.id));
  const others = all.filter((one) => one.role === null);
  const depth = (one: Mailbox): number => {
    const parent = others.find((other) => other.id === one.parentId);
    return parent ? depth(parent) + 1 : one.parentId && roles.has(one.parentId) ? 1 : 0;
  };
  return others
    .toSorted((a, b) => a.path.localeCompare(b.path))
    .map((mailbox) => ({ mailbox, depth: Math.min(depth(mailbox), 6) }));
}

/** What a number beside a folder says: unread mail, or for drafts how many there are. */
export function badge(mailbox: Mailbox): number {
  if (mailbox.role === "drafts") return mailbox.totalMessages;
  return mailbox.role === "sent" || mailbox.role === "trash" ? 0 : mailbox.unreadMessages;
}
