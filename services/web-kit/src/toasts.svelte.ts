// SPDX-License-Identifier: Apache-2.0
// Short notices at the edge of the screen. What can be undone carries its undo along for ten seconds.

export interface Toast {
  id: number;
  text: string;
  kind: "done" | "problem";
  /** Takes the act back; the toast goes when it is pressed. */
  undo: (() => unknown) | undefined;
  /** Another thing to do, with its label. */
  action: { label: string; run: () => unknown } | undefined;
}

export interface ToastOptions {
  kind?: Toast["kind"];
  undo?: () => unknown;
  action?: Toast["action"];
  /** How long it stays, milliseconds; 0 until it is closed. */
  stay?: number;
}

const STAY_MS = 10_000;
const SHOWN_MAX = 3;

export class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  /** There was one already: an app may load <Toasts /> only then. */
  used = $state(false);
  #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #stay = new Map<number, number>();
  #next = 1;

  /** Shows a notice and gives its id. */
  show(text: string, options: ToastOptions = {}): number {
    const id = this.#next++;
    this.used = true;
    const { kind = "done", undo, action, stay = STAY_MS } = options;
    this.list = [...this.list, { id, text, kind, undo, action }];
    for (const old of this.list.slice(0, -SHOWN_MAX)) this.dismiss(old.id);
    this.#stay.set(id, stay);
    this.#start(id);
    return id;
  }

  problem(text: string, options: ToastOptions = {}): number {
    return this.show(text, { ...options, kind: "problem" });
  }

  #start(id: number): void {
    const stay = this.#stay.get(id) ?? 0;
    if (stay > 0) this.#timers.set(id, setTimeout(() => this.dismiss(id), stay));
  }

  dismiss(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.#stay.delete(id);
    this.list = this.list.filter((one) => one.id !== id);
  }

  /** While somebody points at the notices or is inside them with the keyboard, they stay. */
  hold(): void {
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers.clear();
  }

  release(): void {
    for (const one of this.list) if (!this.#timers.has(one.id)) this.#start(one.id);
  }

  get canUndo(): boolean {
    return this.list.some((one) => one.undo);
  }

  undo(id: number): void {
    const toast = this.list.find((one) => one.id === id);
    this.dismiss(id);
    toast?.undo?.();
  }

  /** Takes back the last act that can be. */
  undoLast(): void {
    const last = this.list.findLast((one) => one.undo);
    if (last) this.undo(last.id);
  }
}

export const toasts = new Toasts();
