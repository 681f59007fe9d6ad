// SPDX-License-Identifier: Apache-2.0
// What people do with conversations. Each act shows at once, is carried out by one request, can be
// undone from its notice, and is taken back on screen when the server refuses.
import { api, newKey, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { t } from "../lang/messages.ts";
import type { ThreadList } from "./list.svelte.ts";
import type { Reader } from "./reader.svelte.ts";
import { session, type Mailbox } from "./session.svelte.ts";

type Change = Schema<"BatchChange">;
type Result = Schema<"BatchResult">;
const CHUNK = 500;

export interface Stage {
  list: ThreadList;
  reader: Reader;
}

function send(target: Schema<"BatchTarget">, change: Change): Promise<Result> {
  const params = { header: { "Idempotency-Key": newKey() } };
  return ok(api.POST("/messages/batch", { params, body: { target, change } }));
}

/** One change for all messages of conversations; `mailboxId` confines it to those in one folder. */
async function sendThreads(ids: readonly string[], mailboxId: string | null, change: Change): Promise<Result[]> {
  const results: Result[] = [];
  for (let i = 0; i < ids.length; i += CHUNK) {
    const threads = { ids: ids.slice(i, i + CHUNK), ...(mailboxId ? { mailboxId } : {}) };
    results.push(await send({ threads }, change));
  }
  return results;
}

function changedIds(results: readonly Result[]): string[] {
  return results.flatMap((one) => one.changed.flatMap((group) => group.messageIds));
}

async function sendMessages(messageIds: readonly string[], change: Change): Promise<void> {
  for (let i = 0; i < messageIds.length; i += CHUNK)
    await send({ messageIds: messageIds.slice(i, i + CHUNK) }, change);
}

/** Runs what takes an act back, with its own notice when that fails. */
async function undoing(stage: Stage, ids: readonly string[], restore: () => void, run: () => Promise<void>): Promise<void> {
  const release = stage.list.hold(ids);
  restore();
  try {
    await run();
  } catch (error) {
    toasts.problem(problemText(error));
    void stage.list.load();
  } finally {
    release();
    void stage.reader.load();
  }
}

/** Moves conversations: those messages of them that are in the open folder, all of them in a search. */
export async function move(stage: Stage, ids: readonly string[], to: Mailbox): Promise<void> {
  const { list } = stage;
  const from = list.source.kind === "folder" ? list.source.mailboxId : null;
  if (ids.length === 0 || from === to.id) return;
  const release = list.hold(ids);
  const restore = from ? list.remove(ids) : () => undefined;
  try {
    const results = await sendThreads(ids, from, { move: { to: to.id } });
    const groups = results.flatMap((one) => one.changed);
    toasts.show(t("done.moved", { count: ids.length, folder: session.nameOf(to), role: to.role ?? "none" }), {
      undo: () =>
        undoing(stage, ids, restore, async () => {
          for (const group of groups) await sendMessages(group.messageIds, { move: { to: group.mailboxId } });
        }),
    });
  } catch (error) {
    restore();
    toasts.problem(problemText(error));
  } finally {
    release();
  }
}

/** Deletes for ever. The caller has asked before. */
export async function destroy(stage: Stage, ids: readonly string[]): Promise<void> {
  const { list } = stage;
  const release = list.hold(ids);
  const restore = list.remove(ids);
  try {
    await sendThreads(ids, list.mailboxId, { destroy: true });
    toasts.show(t("done.destroyed", { count: ids.length }));
  } catch (error) {
    restore();
    toasts.problem(problemText(error));
  } finally {
    release();
  }
}

interface Flagging {
  keyword: "$seen" | "$flagged";
  on: boolean;
  /** Only these messages, instead of all of the conversations. */
  messageIds?: readonly string[];
  /** No notice: what happens by itself when a conversation is opened. */
  quiet?: boolean;
}

function patchRows(stage: Stage, ids: readonly string[], { keyword, on }: Flagging): () => void {
  return stage.list.patch(ids, (row) =>
    keyword === "$flagged" ? { isFlagged: on } : { unreadCount: on ? 0 : Math.max(1, row.unreadCount) },
  );
}

function patchReader(stage: Stage, ids: readonly string[], flagging: Flagging): void {
  const { keyword, on, messageIds } = flagging;
  if (!stage.reader.threadId || !ids.includes(stage.reader.threadId)) return;
  stage.reader.patch((message) => {
    if (messageIds && !messageIds.includes(message.id)) return message;
    const keywords = message.keywords.filter((one) => one !== keyword);
    return { ...message, keywords: on ? [...keywords, keyword] : keywords };
  });
}

/** Sets or clears a flag of conversations. */
export async function flag(stage: Stage, ids: readonly string[], flagging: Flagging): Promise<void> {
  if (ids.length === 0) return;
  const { keyword, on, messageIds, quiet = false } = flagging;
  const release = stage.list.hold(ids);
  const restore = patchRows(stage, ids, flagging);
  patchReader(stage, ids, flagging);
  const change: Change = { keywords: { [keyword]: on } };
  try {
    const results = messageIds ? [await send({ messageIds: [...messageIds] }, change)] : await sendThreads(ids, null, change);
    if (quiet) return;
    const changed = changedIds(results);
    const what = keyword === "$seen" ? (on ? "read" : "unread") : on ? "starred" : "unstarred";
    toasts.show(t("done.flagged", { count: ids.length, what }), {
      undo: () =>
        undoing(stage, ids, restore, () => sendMessages(changed, { keywords: { [keyword]: !on } })),
    });
  } catch (error) {
    restore();
    if (quiet) return;
    void stage.reader.load();
    toasts.problem(problemText(error));
  } finally {
    release();
  }
}
