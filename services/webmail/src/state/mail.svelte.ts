// SPDX-License-Identifier: Apache-2.0
// The open list, the cursor and the ticks in it, the open conversation and the messages being written:
// what all parts of the window share.
import { SvelteSet } from "svelte/reactivity";
import type { Schema } from "@heronry/web-kit/api/client.ts";
import * as acts from "./acts.ts";
import { ThreadList, type Source } from "./list.svelte.ts";
import { currentRoute, go, withThread, type Route } from "./route.svelte.ts";
import { isDraft, isUnread } from "./message.ts";
import { Reader } from "./reader.svelte.ts";
import { session, type Mailbox, type Role } from "./session.svelte.ts";

/** What a new composer begins with. */
export interface Writing {
  key: number;
  mode: "new" | "reply" | "replyAll" | "forward" | "draft";
  /** The message that is answered or forwarded. */
  message?: Schema<"Message">;
  /** The draft to go on with. */
  draftId?: string;
  to?: string;
}

function sourceOf(route: Route): Source | null {
  if (route.view === "settings") return null;
  if (route.view === "search") return { kind: "search", q: route.q, mailboxId: route.mailboxId };
  return { kind: "folder", mailboxId: route.mailboxId, filter: route.filter };
}

function same(a: Source, b: Source): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

class Mail {
  list = $state.raw<ThreadList>(new ThreadList({ kind: "folder", mailboxId: "", filter: "all" }));
  reader = new Reader();
  /** The conversation with the cursor: by its id, since rows move. */
  cursor = $state<string | null>(null);
  selected = new SvelteSet<string>();
  /** The folder that a dialog is about. */
  foldering = $state.raw<{ mode: "create" | "rename" | "delete"; folder?: Mailbox } | null>(null);
  writing = $state.raw<readonly Writing[]>([]);
  /** Puts the keyboard into the search line; set by it. */
  focusSearch: () => void = () => undefined;
  /** The folder that a search lies over: kept true, and there at once when the search ends. */
  #behind: ThreadList | null = null;
  #lastTicked: string | null = null;
  #nextKey = 1;
  #told = new Set<string>();
  /** Messages of the open conversation that are marked as read when it has been open for a while. */
  #due = new Set<string>();
  #reading: ReturnType<typeof setTimeout> | undefined;

  get stage(): acts.Stage {
    return { list: this.list, reader: this.reader };
  }

  /** The lists to keep true: the open one, and the folder behind a search. */
  get lists(): readonly ThreadList[] {
    return this.#behind ? [this.list, this.#behind] : [this.list];
  }

  /** Follows the address bar. */
  follow(route: Route): void {
    const source = sourceOf(route);
    if (!source || route.view === "settings") return;
    if (source.kind === "folder" && !session.mailbox(source.mailboxId)) {
      const inbox = session.byRole("inbox") ?? session.mailboxes[0];
      if (inbox) go({ view: "folder", mailboxId: inbox.id, filter: "all", threadId: null }, true);
      return;
    }
    const isOther = !same(source, this.list.source);
    if (isOther) this.#show(source);
    const opens = route.threadId !== this.reader.threadId;
    // Folders that change bring us here, too: the cursor stays where it went since.
    if (route.threadId && (opens || isOther)) this.cursor = route.threadId;
    if (opens) {
      this.#told.clear();
      this.#readNoMore();
    }
    void this.reader.open(route.threadId);
  }

  #show(source: Source): void {
    const { list } = this;
    const kept = this.#behind && same(source, this.#behind.source) ? this.#behind : null;
    if (source.kind === "search" && list.source.kind === "folder") this.#behind = list;
    else {
      list.close();
      if (source.kind === "folder" && !kept) this.#behind?.close();
      if (source.kind === "folder") this.#behind = null;
    }
    this.list = kept ?? this.#begun(source);
    this.cursor = null;
    this.selected.clear();
  }

  /** A new list that is being read. */
  #begun(source: Source): ThreadList {
    const list = new ThreadList(source, (from, before) => this.#rowsLeft(from, before));
    const { inbox } = session;
    // Of the first moment: whatever list comes later asks for its own.
    session.inbox = undefined;
    const seeded = source.kind === "folder" && source.filter === "all" && inbox && session.mailbox(source.mailboxId)?.role === "inbox";
    if (seeded) list.seed(inbox);
    void list.load(Boolean(seeded));
    return list;
  }

  // ---- cursor ----

  /** Row of the cursor; the first row when it is nowhere. */
  get index(): number {
    const at = this.cursor === null ? -1 : this.list.indexOf(this.cursor);
    return at >= 0 ? at : this.list.ids.length > 0 ? 0 : -1;
  }

  /** Rows went by themselves: the cursor stands where its row was, not at the beginning, and none of them is ticked. */
  #rowsLeft(list: ThreadList, before: readonly string[]): void {
    if (list !== this.list) return;
    const isHere = (id: string): boolean => list.indexOf(id) >= 0;
    for (const id of this.selected) if (!isHere(id)) this.selected.delete(id);
    const at = this.cursor === null || isHere(this.cursor) ? -1 : before.indexOf(this.cursor);
    if (at >= 0) this.cursor = before.slice(at).find(isHere) ?? before.slice(0, at).findLast(isHere) ?? null;
  }

  moveTo(index: number): void {
    const to = Math.max(0, Math.min(index, this.list.ids.length - 1));
    this.cursor = this.list.ids[to] ?? null;
  }

  open(threadId: string | null, replace = false): void {
    const route = currentRoute();
    if (route.view !== "settings") go(withThread(route, threadId), replace);
  }

  /** The conversations that an act is about: the ticked ones, else the open one, else that of the cursor. */
  get targets(): readonly string[] {
    if (this.selected.size > 0) return [...this.selected];
    if (this.reader.threadId) return [this.reader.threadId];
    const id = this.list.ids[this.index];
    return id ? [id] : [];
  }

  // ---- ticks ----

  tick(id: string, on: boolean): void {
    if (on) this.selected.add(id);
    else this.selected.delete(id);
    this.#lastTicked = id;
  }

  /** Ticks everything from the last ticked row to this one. */
  tickTo(id: string): void {
    const from = this.#lastTicked === null ? -1 : this.list.indexOf(this.#lastTicked);
    const to = this.list.indexOf(id);
    if (from < 0 || to < 0) return this.tick(id, true);
    for (let i = Math.min(from, to); i <= Math.max(from, to); i++) {
      const one = this.list.ids[i];
      if (one) this.selected.add(one);
    }
    this.#lastTicked = id;
  }

  tickAll(): void {
    for (const id of this.list.ids) this.selected.add(id);
  }

  // ---- acts ----

  /** The rows that are about to leave: where the cursor and the reader go afterwards. */
  #leaving(ids: readonly string[]): void {
    const gone = new Set(ids);
    const all = this.list.ids;
    const at = this.index;
    const next = all.slice(at).find((id) => !gone.has(id)) ?? all.slice(0, Math.max(0, at)).findLast((id) => !gone.has(id));
    const wasOpen = this.reader.threadId !== null && gone.has(this.reader.threadId);
    this.cursor = next ?? null;
    this.selected.clear();
    if (wasOpen) this.open(innerWidth >= 700 ? (next ?? null) : null, true);
  }

  move(to: Mailbox | undefined, ids = this.targets): void {
    const from = this.list.source.kind === "folder" ? this.list.mailboxId : null;
    if (!to || ids.length === 0 || to.id === from) return;
    const { stage } = this;
    if (from) this.#leaving(ids);
    else this.selected.clear();
    void acts.move(stage, ids, to);
  }

  moveToRole(role: Role, ids = this.targets): void {
    this.move(session.byRole(role), ids);
  }

  /** Whether deleting here is for ever. */
  get deletesForEver(): boolean {
    const role = this.list.source.kind === "folder" ? session.mailbox(this.list.mailboxId)?.role : null;
    return role === "trash";
  }

  destroy(ids = this.targets): void {
    if (ids.length === 0) return;
    const { stage } = this;
    this.#leaving(ids);
    void acts.destroy(stage, ids);
  }

  setSeen(on: boolean, ids = this.targets): void {
    void acts.flag(this.stage, ids, { keyword: "$seen", on });
    const { threadId } = this.reader;
    if (threadId && ids.includes(threadId)) {
      this.#readNoMore();
      if (!on) this.open(null);
    }
    this.selected.clear();
  }

  setStar(on: boolean, ids = this.targets): void {
    // A star goes to the newest message, but is taken from all.
    void acts.flag(this.stage, ids, { keyword: "$flagged", on, newestOnly: on });
    this.selected.clear();
  }

  get isStarred(): boolean {
    return this.targets.every((id) => this.list.row(id)?.isFlagged);
  }

  get isSeen(): boolean {
    return this.targets.every((id) => this.list.row(id)?.unreadCount === 0);
  }

  #readNoMore(): void {
    clearTimeout(this.#reading);
    this.#due.clear();
  }

  /** Marks the open conversation as read, as soon as the settings say. */
  read(): void {
    const { thread } = this.reader;
    if (!thread) return;
    const unread = thread.messages.filter((one) => isUnread(one) && this.reader.expanded.has(one.id) && !this.#told.has(one.id));
    if (unread.length === 0) return;
    // Each once: when the server refuses it, and when somebody marks it as unread again, it stays so.
    for (const { id } of unread) {
      this.#told.add(id);
      this.#due.add(id);
    }
    const act = (): void => {
      const messageIds = [...this.#due];
      this.#due.clear();
      void acts.flag(this.stage, [thread.id], { keyword: "$seen", on: true, messageIds, quiet: true });
    };
    clearTimeout(this.#reading);
    const seconds = session.settings.markReadAfterSeconds;
    if (seconds === 0) act();
    else if (seconds > 0) this.#reading = setTimeout(act, seconds * 1000);
  }

  // ---- writing ----

  write(what: Omit<Writing, "key">): void {
    const open = this.writing.find((one) => what.draftId && one.draftId === what.draftId);
    if (open) return;
    this.writing = [...this.writing, { ...what, key: this.#nextKey++ }];
  }

  /** Answers the last message of the open conversation. */
  answer(mode: "reply" | "replyAll" | "forward", message = this.reader.thread?.messages.findLast((one) => !isDraft(one))): void {
    if (message) this.write({ mode, message });
  }

  closeWriting(key: number): void {
    this.writing = this.writing.filter((one) => one.key !== key);
  }
}

export const mail = new Mail();
