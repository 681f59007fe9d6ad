// SPDX-License-Identifier: Apache-2.0
// The open conversation.
import { SvelteMap, SvelteSet } from "svelte/reactivity";
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { asProblem, isAborted } from "@heronry/web-kit/api/problem.ts";

export type Message = Schema<"Message">;
export type Content = Schema<"MessageContent">;

export function isUnread(message: Message): boolean {
  return !message.keywords.includes("$seen");
}

/** Whether it was not sent: written here (then it has a draftId) or by another program. */
export function isDraft(message: Message): boolean {
  return message.draftId !== null || message.keywords.includes("$draft");
}

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

  /** Shows a conversation, or none. */
  async open(threadId: string | null): Promise<void> {
    if (threadId === this.threadId) return;
    this.#abort.abort();
    this.threadId = threadId;
    this.thread = null;
    this.error = null;
    this.gone = false;
    this.expanded.clear();
    this.#contents.clear();
    this.#asked.clear();
    if (threadId) await this.load();
  }

  /** Reads the open conversation, anew if it is there already. */
  async load(): Promise<void> {
    const { threadId } = this;
    if (!threadId) return;
    this.#abort.abort();
    const { signal } = (this.#abort = new AbortController());
    try {
      const thread = await ok(api.GET("/threads/{threadId}", { params: { path: { threadId } }, signal }));
      if (signal.aborted) return;
      const before = this.thread?.messages ?? [];
      this.thread = thread;
      this.error = null;
      this.gone = false;
      this.#expand(thread.messages, before);
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      if (asProblem(error).status === 404) this.gone = true;
      else if (!this.thread) this.error = error;
    }
  }

  /** New and unread messages are open, and always the last one. Each saving of a draft makes a message anew: it
   *  stays as it was. */
  #expand(messages: readonly Message[], before: readonly Message[]): void {
    const known = new Set(before.map((one) => one.id));
    const open = new Set(before.filter((one) => this.expanded.has(one.id)).map((one) => one.draftId));
    for (const one of messages) {
      if (!known.has(one.id) && (isUnread(one) || (one.draftId !== null && open.has(one.draftId)))) this.expanded.add(one.id);
    }
    const last = messages.findLast((one) => !isDraft(one)) ?? messages.at(-1);
    if (last && !known.has(last.id)) this.expanded.add(last.id);
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
