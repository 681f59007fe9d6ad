// SPDX-License-Identifier: Apache-2.0
// A list that the server gives page by page with a cursor.
import { isAborted } from "../api/problem.ts";

export interface Page<T> {
  items: readonly T[];
  nextCursor?: string | null | undefined;
  total?: number | null | undefined;
}

/** Asks for one page; `cursor` is undefined for the first. */
export type PageLoader<T> = (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>;

/** All items of such a list. */
export async function allOf<T>(load: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Page<T> = await load(cursor ?? undefined);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor);
  return items;
}

export class PagedList<T> {
  items = $state.raw<readonly T[]>([]);
  total = $state<number | null>(null);
  /** Waiting for the first page of what was asked last. */
  loading = $state(false);
  loadingMore = $state(false);
  error = $state.raw<unknown>(null);
  #cursor = $state<string | undefined>(undefined);
  #load: PageLoader<T>;
  #abort: AbortController | undefined;
  #wantsMore = false;

  constructor(load: PageLoader<T>) {
    this.#load = load;
  }

  get hasMore(): boolean {
    return this.#cursor !== undefined;
  }

  /** Starts again from the first page, giving up what is still asked for. Old rows stay until then. */
  async reload(): Promise<void> {
    this.loading = true;
    this.#wantsMore = false;
    await this.#fetch(undefined);
  }

  async more(): Promise<void> {
    if (!this.#cursor || this.loadingMore || this.loading) return;
    this.loadingMore = true;
    this.#wantsMore = true;
    await this.#fetch(this.#cursor);
  }

  /** Asks again for what could not be had. */
  async retry(): Promise<void> {
    await (this.#wantsMore ? this.more() : this.reload());
  }

  async #fetch(cursor: string | undefined): Promise<void> {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    try {
      const page = await this.#load(cursor, abort.signal);
      if (abort !== this.#abort) return;
      // As they are now: an act may have changed them meanwhile.
      this.items = cursor ? [...this.items, ...page.items] : page.items;
      this.#cursor = page.nextCursor ?? undefined;
      this.total = page.total ?? (cursor ? this.total : null);
      this.error = null;
    } catch (error) {
      if (abort !== this.#abort || isAborted(error)) return;
      this.error = error;
    } finally {
      if (abort === this.#abort) this.loading = this.loadingMore = false;
    }
  }

  /** Changes rows in place after an act of ours. */
  patch(change: (items: readonly T[]) => readonly T[]): void {
    this.items = change(this.items);
  }
}
