// SPDX-License-Identifier: Apache-2.0
// Everything that can be done in the webmail: menus, palette, help and keys all read this list.
import Archive from "@lucide/svelte/icons/archive";
import Command from "@lucide/svelte/icons/command";
import Forward from "@lucide/svelte/icons/forward";
import Keyboard from "@lucide/svelte/icons/keyboard";
import LogOut from "@lucide/svelte/icons/log-out";
import MailIcon from "@lucide/svelte/icons/mail";
import MailOpen from "@lucide/svelte/icons/mail-open";
import Monitor from "@lucide/svelte/icons/monitor";
import Moon from "@lucide/svelte/icons/moon";
import PenLine from "@lucide/svelte/icons/pen-line";
import Reply from "@lucide/svelte/icons/reply";
import ReplyAll from "@lucide/svelte/icons/reply-all";
import Search from "@lucide/svelte/icons/search";
import Settings from "@lucide/svelte/icons/settings";
import ShieldAlert from "@lucide/svelte/icons/shield-alert";
import Star from "@lucide/svelte/icons/star";
import Sun from "@lucide/svelte/icons/sun";
import Trash2 from "@lucide/svelte/icons/trash-2";
import Undo2 from "@lucide/svelte/icons/undo-2";
import FolderPlus from "@lucide/svelte/icons/folder-plus";
import FolderInput from "@lucide/svelte/icons/folder-input";
import type { Command as Entry } from "@heronry/web-kit/keys/commands.svelte.ts";
import { api, ok } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import type { Icon } from "@heronry/web-kit/icon.ts";
import { t } from "./lang/messages.ts";
import { own, withRole } from "./nav/folders.ts";
import { folderIcon } from "./nav/icons.ts";
import { mail } from "./state/mail.svelte.ts";
import { currentRoute, go } from "./state/route.svelte.ts";
import { session, type Mailbox, type Role } from "./state/session.svelte.ts";

/** What the window can show on top of everything. */
export interface Overlays {
  /** All commands, found by typing; `start` is typed already. */
  palette: (start: string) => void;
  keys: () => void;
  /** Asks before something is deleted for ever. */
  confirmDestroy: () => void;
}

const groups = {
  mail: () => t("group.mail"),
  move: () => t("group.cursor"),
  go: () => t("group.go"),
  app: () => t("group.app"),
};

const some = (): boolean => mail.targets.length > 0;
const open = (): boolean => mail.reader.thread !== null;
const listed = (): boolean => currentRoute().view !== "settings";

function step(by: number): void {
  mail.moveTo(mail.index + (mail.cursor === null ? 0 : by));
  if (mail.reader.threadId && mail.cursor) mail.open(mail.cursor, true);
}

function tickBy(by: number): void {
  const from = mail.list.ids[mail.index];
  if (from) mail.tick(from, true);
  mail.moveTo(mail.index + by);
  const to = mail.list.ids[mail.index];
  if (to) mail.tick(to, true);
}

/** Opens the row of the cursor; a draft alone opens where it is written. */
async function openRow(): Promise<void> {
  const id = mail.list.ids[mail.index];
  if (!id) return;
  mail.cursor = id;
  const row = mail.list.row(id);
  if (!row?.hasDraft || row.messageCount > 1) return mail.open(id);
  try {
    const thread = await ok(api.GET("/threads/{threadId}", { params: { path: { threadId: id } } }));
    const draftId = thread.messages.find((one) => one.draftId !== null)?.draftId;
    if (draftId) mail.write({ mode: "draft", draftId });
    else mail.open(id); // written by another program: it can be read here
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

function close(): void {
  if (mail.selected.size > 0) mail.selected.clear();
  else if (currentRoute().view === "settings") history.back();
  else mail.open(null);
}

function goTo(mailbox: Mailbox | undefined): void {
  if (mailbox) go({ view: "folder", mailboxId: mailbox.id, filter: "all", threadId: null });
}

function change(theme: "auto" | "light" | "dark"): void {
  session.change({ theme }).catch((error: unknown) => toasts.problem(problemText(error)));
}

function acts(overlays: Overlays): Entry[] {
  const act = (id: string, title: () => string, icon: Icon, keys: string[], run: () => unknown, enabled = some): Entry => ({
    id, title, icon, keys, run, enabled: () => listed() && enabled(), group: groups.mail,
  });
  return [
    { id: "mail.compose", title: () => t("act.compose"), icon: PenLine, keys: ["c"], group: groups.mail, run: () => mail.write({ mode: "new" }) },
    act("mail.reply", () => t("act.reply"), Reply, ["r"], () => mail.answer("reply"), open),
    act("mail.replyAll", () => t("act.replyAll"), ReplyAll, ["a"], () => mail.answer("replyAll"), open),
    act("mail.forward", () => t("act.forward"), Forward, ["f"], () => mail.answer("forward"), open),
    act("mail.archive", () => t("act.archive"), Archive, ["e"], () => mail.moveToRole("archive")),
    act("mail.delete", () => t("act.delete"), Trash2, ["#", "Delete"], () =>
      mail.deletesForEver ? overlays.confirmDestroy() : mail.moveToRole("trash"),
    ),
    act("mail.junk", () => t("act.junk"), ShieldAlert, ["!"], () => mail.moveToRole("junk")),
    { ...act("mail.move", () => t("act.moveTo"), FolderInput, ["v"], () => overlays.palette(`${t("go.moveTo", { name: "" })}`)), quiet: true },
    act("mail.star", () => (mail.isStarred ? t("act.unstar") : t("act.star")), Star, ["s"], () => mail.setStar(!mail.isStarred)),
    act("mail.read", () => t("act.read"), MailOpen, ["Shift+i"], () => mail.setSeen(true)),
    act("mail.unread", () => t("act.unread"), MailIcon, ["Shift+u"], () => mail.setSeen(false)),
    { id: "undo", title: () => t("act.undo"), icon: Undo2, keys: ["z"], group: groups.mail, enabled: () => toasts.canUndo, run: () => toasts.undoLast() },
  ];
}

/** Whether somebody is inside of the conversation: there arrows scroll. */
function reading(): boolean {
  return document.activeElement?.closest(".reader") != null;
}

function cursor(): Entry[] {
  const key = (id: string, title: () => string, letters: string[], run: () => unknown, arrows: string[] = []): Entry => ({
    id,
    title,
    get keys() {
      return reading() ? letters : [...letters, ...arrows];
    },
    run,
    quiet: true,
    group: groups.move,
    enabled: listed,
  });
  return [
    key("cursor.down", () => t("act.next"), ["j"], () => step(1), ["ArrowDown"]),
    key("cursor.up", () => t("act.previous"), ["k"], () => step(-1), ["ArrowUp"]),
    key("cursor.first", () => t("act.first"), [], () => mail.moveTo(0), ["Home"]),
    key("cursor.last", () => t("act.last"), [], () => mail.moveTo(mail.list.ids.length - 1), ["End"]),
    key("mail.open", () => t("act.open"), ["Enter", "o"], openRow),
    { ...key("mail.close", () => t("act.back"), ["u", "Escape"], close), enabled: () => true },
    key("tick", () => t("act.tick"), ["x"], () => {
      const id = mail.list.ids[mail.index];
      if (id) mail.tick(id, !mail.selected.has(id));
    }),
    key("tick.down", () => t("act.tickDown"), ["Shift+j", "Shift+ArrowDown"], () => tickBy(1)),
    key("tick.up", () => t("act.tickUp"), ["Shift+k", "Shift+ArrowUp"], () => tickBy(-1)),
    key("tick.all", () => t("act.tickAll"), ["* a"], () => mail.tickAll()),
  ];
}

const JUMPS: readonly (readonly [Role, string])[] = [
  ["inbox", "g i"],
  ["drafts", "g d"],
  ["sent", "g s"],
  ["archive", "g a"],
  ["junk", "g j"],
  ["trash", "g t"],
];

function places(): Entry[] {
  const search: Entry = {
    id: "search.focus",
    title: () => t("search.placeholder"),
    icon: Search,
    keys: ["/"],
    group: groups.go,
    enabled: listed,
    run: () => mail.focusSearch(),
  };
  const jumps = JUMPS.map(([role, keys]) => ({
    id: `go.${role}`,
    title: () => t("go.to", { name: session.nameOf(session.byRole(role)) }),
    icon: folderIcon({ role } as Mailbox),
    keys: [keys],
    group: groups.go,
    enabled: () => session.byRole(role) !== undefined,
    run: () => goTo(session.byRole(role)),
  }));
  return [search, ...jumps];
}

function app(overlays: Overlays): Entry[] {
  const theme = (id: "auto" | "light" | "dark", icon: Icon): Entry => ({
    id: `theme.${id}`, title: () => t("go.theme", { name: t(`theme.${id}`) }), icon, group: groups.app, run: () => change(id),
  });
  return [
    { id: "palette", title: () => t("act.palette"), icon: Command, keys: ["Mod+k"], group: groups.app, quiet: true, run: () => overlays.palette("") },
    { id: "help.keys", title: () => t("nav.keys"), icon: Keyboard, keys: ["?"], group: groups.app, run: overlays.keys },
    { id: "go.settings", title: () => t("nav.settings"), icon: Settings, keys: ["g ,"], group: groups.app, run: () => go({ view: "settings", section: "" }) },
    { id: "folder.create", title: () => t("folder.create"), icon: FolderPlus, group: groups.app, run: () => (mail.foldering = { mode: "create" }) },
    theme("auto", Monitor),
    theme("light", Sun),
    theme("dark", Moon),
    { id: "signOut", title: () => t("nav.signOut"), icon: LogOut, group: groups.app, run: () => session.signOut() },
  ];
}

/** What is always there. */
export function fixedCommands(overlays: Overlays): Entry[] {
  return [...acts(overlays), ...cursor(), ...places(), ...app(overlays)];
}

/** What depends on the folders that there are. */
export function folderCommands(mailboxes: readonly Mailbox[]): Entry[] {
  const others = own(mailboxes).map((one) => one.mailbox);
  const targets = [...withRole(mailboxes).filter((one) => one.role !== "drafts" && one.role !== "sent"), ...others];
  return [
    ...others.map((one) => ({
      id: `go.folder.${one.id}`,
      title: () => t("go.to", { name: one.path }),
      icon: folderIcon(one),
      group: groups.go,
      run: () => goTo(one),
    })),
    ...targets.map((one) => ({
      id: `move.folder.${one.id}`,
      title: () => t("go.moveTo", { name: one.role ? session.nameOf(one) : one.path }),
      icon: FolderInput,
      group: groups.mail,
      enabled: () => listed() && some() && mail.list.mailboxId !== one.id,
      run: () => mail.move(one),
    })),
  ];
}
