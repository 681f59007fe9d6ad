// SPDX-License-Identifier: Apache-2.0
// The open conversation.
import { SvelteMap, SvelteSet } from "svelte/reactivity";
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { asProblem, isAborted } from "@heronry/web-kit/api/problem.ts";
import { pauseMs } from "./again.ts";
import { toOpen, type Message } from "./message.ts";

export type Content = Schema<"MessageContent">;

export class Reader {
  threadId = $state<string | null>(null);
  thread = $state.raw<Schema<"Thread"> | null>(null);
  error = $state.raw<unknown>(null);
  /** It is not there, or not any more: deleted elsewhere, perhaps while it was open. */
  gone = $state(false);
  /** Messages shown with their text; the others are one line each. */
  expanded = new SvelteSet<string>();
  #contents = new SvelteMap<string, Content>();
  #asked = new Map<string, Promise<Content>>();
  #abort = new AbortController();
  #later: ReturnType<typeof setTimeout> | undefined;
  #failed = 0;

  /** Shows a conversation, or none. */
  async open(threadId: string | null): Promise<void> {
    if (threadId === this.threadId) return;
    this.#abort.abort();
    clearTimeout(this.#later);
    this.#failed = 0;
    this.threadId = threadId;
    this.thread = null;
    this.error = null;
    this.gone = false;
    this.expanded.clear();
    this.#contents.clear();
    this.#asked.clear();
    if (threadId) await this.load();
  }

  /** Reads the open conversation, anew if it is there already; again later, when what is shown could not be read. */
  async load(): Promise<void> {
    const { threadId } = this;
    if (!threadId) return;
    this.#abort.abort();
    clearTimeout(this.#later);
    const { signal } = (this.#abort = new AbortController());
    try {
      const thread = await ok(api.GET("/threads/{threadId}", { params: { path: { threadId } }, signal }));
      if (signal.aborted) return;
      const before = this.thread?.messages ?? [];
      this.thread = thread;
      this.error = null;
      this.gone = false;
      this.#failed = 0;
      for (const id of toOpen(thread.messages, before, (one) => this.expanded.has(one))) this.expanded.add(id);
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      const { status, retryAfter } = asProblem(error);
      if (status === 404) this.gone = true;
      else if (!this.thread) this.error = error;
      else if (status !== 401) this.#later = setTimeout(() => void this.load(), pauseMs(this.#failed++, retryAfter));
    }
  }

  toggle(id: string): void {
    if (this.expanded.has(id)) this.expanded.delete(id);
    else this.expanded.add(id);
  }

  content(id: string): Content | undefined {
    return this.#contents.get(id);
  }

  /** The text of a message, asked for once. */
  fetchContent(messageId: string): Promise<Content> {
    const known = this.#asked.get(messageId);
    if (known) return known;
    const asked = ok(api.GET("/messages/{messageId}/content", { params: { path: { messageId } } })).then((content) => {
      // Also when the conversation was read anew in the meantime; opening another one forgets what was asked for.
      if (this.#asked.has(messageId)) this.#contents.set(messageId, content);
      return content;
    });
    this.#asked.set(messageId, asked);
    asked.catch(() => this.#asked.delete(messageId));
    return asked;
  }

  /** Changes flags on screen before the server says so. */
  patch(change: (message: Message) => Message): void {
    if (this.thread) this.thread = { ...this.thread, messages: this.thread.messages.map(change) };
  }
}
