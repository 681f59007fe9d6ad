// SPDX-License-Identifier: Apache-2.0
// What people do with conversations. Each act shows at once, is carried out by one request, can be
// undone from its notice, and is taken back on screen when the server refuses.
import { api, newKey, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { asProblem, problemText } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { t } from "../lang/messages.ts";
import { batchesOf, foldersMeant, runBatches, type Batch, type Outcome } from "./batches.ts";
import type { ThreadList } from "./list.svelte.ts";
import type { Reader } from "./reader.svelte.ts";
import { newestOf } from "./message.ts";
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

/** Whether the server refuses because the conversations of a request have too many messages together. */
function isTooMany(error: unknown): boolean {
  const { status, errors } = asProblem(error);
  return status === 422 && errors.some((one) => one.pointer === "/target/threads/ids");
}

/** One change for messages of conversations. */
function sendThreads(list: ThreadList, targets: readonly Batch[], change: Change): Promise<Outcome<Result>> {
  const batches = targets.flatMap((one) => batchesOf(one, (id) => list.row(id)?.messageCount ?? 1));
  const sendOne = ({ ids, mailboxId, newestOnly = false }: Batch): Promise<Result> =>
    send({ threads: { ids: [...ids], newestOnly, ...(mailboxId ? { mailboxId } : {}) } }, change);
  return runBatches(batches, sendOne, isTooMany);
}

function changedIds(results: readonly Result[]): string[] {
  return results.flatMap((one) => one.changed.flatMap((group) => group.messageIds));
}

async function sendMessages(messageIds: readonly string[], change: Change): Promise<void> {
  for (let i = 0; i < messageIds.length; i += CHUNK)
    await send({ messageIds: messageIds.slice(i, i + CHUNK) }, change);
}

/** Whether what the lists know is not what the server has: some of it was not there, or nothing was to be done. */
function isUnlike(results: readonly Result[]): boolean {
  return changedIds(results).length === 0 || results.some((one) => one.notFound.length > 0);
}

/** Whether nothing of what an act was about is there any more. */
function isGone(results: readonly Result[]): boolean {
  return results.every((one) => one.notFound.length > 0 && one.changed.length === 0 && one.unchangedCount === 0);
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
    void stage.list.ask(ids); // nothing may have been left to take back: then no news comes
    void stage.reader.load();
  }
}

/** What an act is about in a search: the folder that is searched, else those that are meant. */
function targetsOfSearch(list: ThreadList, ids: readonly string[], to: Mailbox): Batch[] {
  const byFolder = new Map<string | null, string[]>();
  for (const id of ids) {
    const places = list.row(id)?.mailboxIds ?? [];
    const searched = list.mailboxId !== null && places.includes(list.mailboxId) ? [list.mailboxId] : null;
    const meant = searched ?? foldersMeant(places, (one) => session.mailbox(one)?.role ?? null);
    for (const folder of places.length > 0 ? meant : [null])
      if (folder !== to.id) byFolder.set(folder, [...(byFolder.get(folder) ?? []), id]);
  }
  return [...byFolder].map(([mailboxId, some]) => ({ ids: some, mailboxId }));
}

/** Moves conversations: those messages of them that are in the open folder; in a search those that are meant. */
export async function move(stage: Stage, ids: readonly string[], to: Mailbox): Promise<void> {
  const { list } = stage;
  const from = list.source.kind === "folder" ? list.source.mailboxId : null;
  if (ids.length === 0 || from === to.id) return;
  const targets = from ? [{ ids, mailboxId: from }] : targetsOfSearch(list, ids, to);
  const release = list.hold(ids);
  const restore = from ? list.remove(ids) : () => undefined;
  const { results, done, failed, error } = await sendThreads(list, targets, { move: { to: to.id } });
  const groups = results.flatMap((one) => one.changed);
  restore(failed);
  if (done.size > 0 && isGone(results)) toasts.problem(t("done.gone"));
  else if (done.size > 0)
    toasts.show(t("done.moved", { count: done.size, folder: session.nameOf(to), role: to.role ?? "none" }), {
      undo: () =>
        undoing(stage, [...done], () => restore(done), async () => {
          for (const group of groups) await sendMessages(group.messageIds, { move: { to: group.mailboxId } });
        }),
    });
  if (error) toasts.problem(problemText(error));
  release();
  if (isUnlike(results)) void list.ask([...done]);
}

/** Deletes for ever. The caller has asked before. */
export async function destroy(stage: Stage, ids: readonly string[]): Promise<void> {
  const { list } = stage;
  const release = list.hold(ids);
  const restore = list.remove(ids);
  const { results, done, failed, error } = await sendThreads(list, [{ ids, mailboxId: list.mailboxId }], { destroy: true });
  restore(failed);
  if (done.size > 0) toasts.show(t("done.destroyed", { count: done.size }));
  if (error) toasts.problem(problemText(error));
  release();
  if (isUnlike(results)) void list.ask([...done]);
}

interface Flagging {
  keyword: "$seen" | "$flagged";
  on: boolean;
  /** Only these messages, instead of all of the conversations. */
  messageIds?: readonly string[];
  /** Only the newest message of each conversation, as it is when the server acts. */
  newestOnly?: boolean;
  /** No notice: what happens by itself when a conversation is opened. */
  quiet?: boolean;
}

function patchRows(stage: Stage, ids: readonly string[], { keyword, on }: Flagging): (only?: ReadonlySet<string>) => void {
  return stage.list.patch(ids, (row) =>
    keyword === "$flagged" ? { isFlagged: on } : { unreadCount: on ? 0 : Math.max(1, row.unreadCount) },
  );
}

function patchReader(stage: Stage, ids: readonly string[], flagging: Flagging): void {
  const { keyword, on, newestOnly } = flagging;
  const { threadId, thread } = stage.reader;
  if (!threadId || !ids.includes(threadId)) return;
  const newest = newestOnly ? [newestOf(thread?.messages ?? [], stage.list.mailboxId)?.id] : undefined;
  const only = flagging.messageIds ?? newest;
  stage.reader.patch((message) => {
    if (only && !only.includes(message.id)) return message;
    const keywords = message.keywords.filter((one) => one !== keyword);
    return { ...message, keywords: on ? [...keywords, keyword] : keywords };
  });
}

/** Sets or clears a flag of conversations. */
export async function flag(stage: Stage, ids: readonly string[], flagging: Flagging): Promise<void> {
  if (ids.length === 0) return;
  const { keyword, on, messageIds, newestOnly = false, quiet = false } = flagging;
  const release = stage.list.hold(ids);
  const restore = patchRows(stage, ids, flagging);
  patchReader(stage, ids, flagging);
  const change: Change = { keywords: { [keyword]: on } };
  const { results, done, failed, error } = messageIds
    ? await runBatches([{ ids, mailboxId: null }], () => send({ messageIds: [...messageIds] }, change), () => false)
    : await sendThreads(stage.list, [{ ids, mailboxId: newestOnly ? stage.list.mailboxId : null, newestOnly }], change);
  restore(failed);
  release();
  if (done.size > 0 && isUnlike(results)) {
    void stage.list.ask([...done]);
    void stage.reader.load();
  }
  if (quiet) return;
  if (done.size > 0 && isGone(results)) toasts.problem(t("done.gone"));
  else if (done.size > 0) {
    const changed = changedIds(results);
    const what = keyword === "$seen" ? (on ? "read" : "unread") : on ? "starred" : "unstarred";
    toasts.show(t("done.flagged", { count: done.size, what }), {
      undo: () =>
        undoing(stage, [...done], () => restore(done), () => sendMessages(changed, { keywords: { [keyword]: !on } })),
    });
  }
  if (!error) return;
  void stage.reader.load();
  toasts.problem(problemText(error));
}
