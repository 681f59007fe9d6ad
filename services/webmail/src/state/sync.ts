// SPDX-License-Identifier: Apache-2.0
// Keeps what is on screen true: after an event, asks what changed since the last known state and tells
// the open list and the open conversation.
import { api, ok } from "@heronry/web-kit/api/client.ts";
import type { LiveEvent } from "@heronry/web-kit/api/events.ts";
import { asProblem } from "@heronry/web-kit/api/problem.ts";
import { pauseMs } from "./again.ts";
import { session } from "./session.svelte.ts";
import type { Row, ThreadList } from "./list.svelte.ts";

export interface Watcher {
  lists: () => readonly ThreadList[];
  /** Conversations that are different now; also called for all when everything has to be read anew. The lists do not
   *  wait for what it reads. */
  changed: (threadIds: ReadonlySet<string> | "all") => void;
  arrived: (rows: readonly Row[]) => void;
}

/** Starts to keep things true; the result ends it. */
export function watch(watcher: Watcher): () => void {
  let running = false;
  let again = false;
  let ended = false;
  let later: ReturnType<typeof setTimeout> | undefined;
  let failed = 0;

  async function everything(): Promise<void> {
    session.state = await session.reloadMailboxes();
    watcher.changed("all");
    await Promise.all(watcher.lists().map((list) => list.load()));
  }

  async function changes(): Promise<void> {
    let more = true;
    while (more && !ended) {
      const got = await ok(api.GET("/changes", { params: { query: { since: session.state } } }));
      more = got.hasMore;
      const { created, updated, destroyed } = got.mailboxes;
      if (created.length + updated.length + destroyed.length > 0) await session.reloadMailboxes();
      const threads = new Set([...got.threads.created, ...got.threads.updated, ...got.threads.destroyed]);
      if (threads.size > 0) {
        watcher.changed(threads);
        await Promise.all(watcher.lists().map((list) => list.changed([...threads])));
      }
      // Now: what could not be shown is asked for again.
      if (ended) return;
      session.state = got.newState;
    }
  }

  async function catchUp(reset: boolean): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    clearTimeout(later);
    try {
      await (reset ? everything() : changes());
      failed = 0;
    } catch (error) {
      // Too old, or never a state of this server: only reading everything anew helps.
      const { status, retryAfter } = asProblem(error);
      const isLost = !reset && (status === 410 || status === 400);
      if (!ended) later = setTimeout(() => void catchUp(reset || isLost), isLost ? 0 : pauseMs(failed++, retryAfter));
    } finally {
      running = false;
    }
    if (again && !ended) {
      again = false;
      await catchUp(false);
    }
  }

  const stop = session.listen((event: LiveEvent | "ask") => {
    if (event === "ask") return void catchUp(false);
    if (event.type === "reset") void catchUp(true);
    if (event.type !== "change") return;
    if (event.arrived.length > 0) {
      for (const list of watcher.lists()) list.arrived(event.arrived);
      watcher.arrived(event.arrived);
    }
    if (event.state !== session.state) void catchUp(false);
  });
  return () => {
    ended = true;
    clearTimeout(later);
    stop();
  };
}
