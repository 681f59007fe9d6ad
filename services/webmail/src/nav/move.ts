// SPDX-License-Identifier: Apache-2.0
// Entries of the menus that move conversations.
import type { MenuItem } from "@heronry/web-kit/components/Menu.svelte";
import { mail } from "../state/mail.svelte.ts";
import { session } from "../state/session.svelte.ts";
import { own, withRole } from "./folders.ts";
import { folderIcon } from "./icons.ts";

/** A folder each, without the open one and drafts. */
export function moveItems(): MenuItem[] {
  const all = [...withRole(session.mailboxes), ...own(session.mailboxes).map((one) => one.mailbox)];
  return all
    .filter((one) => one.id !== mail.list.mailboxId && one.role !== "drafts" && one.role !== "sent")
    .map((one) => ({
      label: one.role ? session.nameOf(one) : one.path,
      icon: folderIcon(one),
      run: () => mail.move(one),
    }));
}
