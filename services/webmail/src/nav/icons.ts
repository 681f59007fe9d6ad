// SPDX-License-Identifier: Apache-2.0
// The icon of a folder.
import Archive from "@lucide/svelte/icons/archive";
import FileText from "@lucide/svelte/icons/file-text";
import Folder from "@lucide/svelte/icons/folder";
import Inbox from "@lucide/svelte/icons/inbox";
import Send from "@lucide/svelte/icons/send";
import ShieldAlert from "@lucide/svelte/icons/shield-alert";
import Trash2 from "@lucide/svelte/icons/trash-2";
import type { Icon } from "@heronry/web-kit/icon.ts";
import type { Mailbox } from "../state/session.svelte.ts";

const BY_ROLE: Readonly<Record<NonNullable<Mailbox["role"]>, Icon>> = {
  inbox: Inbox,
  drafts: FileText,
  sent: Send,
  archive: Archive,
  junk: ShieldAlert,
  trash: Trash2,
};

export function folderIcon(mailbox: Mailbox): Icon {
  return mailbox.role ? BY_ROLE[mailbox.role] : Folder;
}
