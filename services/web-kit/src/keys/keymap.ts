// SPDX-License-Identifier: Apache-2.0
// Keys to commands: single keys, chords with modifiers, and sequences ("g i"). Single keys sleep while
// somebody types, and can be switched off as a whole (WCAG 2.1.4).
import type { Command, Commands } from "./commands.svelte.ts";

const SEQUENCE_MS = 1200;
export const isMac = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");

/** Whether keys belong to what has the focus. */
export function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element || typeof element.closest !== "function") return false;
  if (element.isContentEditable || element.closest("[contenteditable=true]")) return true;
  if (element instanceof HTMLInputElement) return !/^(checkbox|radio|button|submit|range)$/.test(element.type);
  return element.tagName === "TEXTAREA" || element.tagName === "SELECT";
}

/** The name that commands use for what was pressed; null for a modifier alone. */
export function chordOf(event: KeyboardEvent): string | null {
  const key = event.key;
  if (key === "Shift" || key === "Control" || key === "Alt" || key === "Meta" || key === "Dead") return null;
  const named = key.length > 1;
  const letter = /^\p{L}$/u.test(key);
  // AltGr writes signs on many keyboards (# on some), and Windows tells it as Ctrl and Alt together.
  const writing = !named && !letter && event.getModifierState("AltGraph");
  let chord = "";
  if (!writing && (isMac ? event.metaKey : event.ctrlKey)) chord += "Mod+";
  if (isMac ? event.ctrlKey : event.metaKey) chord += isMac ? "Ctrl+" : "Meta+";
  if (!writing && event.altKey) chord += "Alt+";
  // Shift is part of signs like ? and #; for letters and named keys it is told.
  if (event.shiftKey && (named || letter)) chord += "Shift+";
  return chord + (letter ? key.toLowerCase() : key === " " ? "Space" : key);
}

function hasModifier(chord: string): boolean {
  return /^(Mod|Ctrl|Meta|Alt)\+/.test(chord);
}

export class Keymap {
  /** Off: only chords with Ctrl, ⌘ or Alt work. */
  singleKeys = true;
  #commands: Commands;
  #prefix = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  #match(chords: string): { exact: Command | undefined; longer: boolean } {
    let exact: Command | undefined;
    let longer = false;
    for (const command of this.#commands.all) {
      if (command.enabled?.() === false) continue;
      for (const keys of command.keys ?? []) {
        if (keys === chords) exact = command;
        else if (keys.startsWith(`${chords} `)) longer = true;
      }
    }
    return { exact, longer };
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#prefix = "";
  }

  /** Handles one event; true when a command took it. */
  handle(event: KeyboardEvent): boolean {
    const chord = chordOf(event);
    if (!chord || event.defaultPrevented || event.isComposing) return false;
    if (!hasModifier(chord) && (isTyping(event.target) || !this.singleKeys)) return false;
    // Dialogs and menus own the keyboard, save for what names a modifier.
    const element = event.target instanceof Element ? event.target : null;
    if (!hasModifier(chord) && element?.closest("dialog[open], [role=menu]")) return false;
    // Enter and Space press the button that has the focus.
    if ((chord === "Enter" || chord === "Space") && element?.closest("button, a[href], summary")) return false;

    const chords = this.#prefix ? `${this.#prefix} ${chord}` : chord;
    let { exact, longer } = this.#match(chords);
    if (!exact && !longer && this.#prefix) ({ exact, longer } = this.#match(chord));
    this.#forget();
    if (longer) {
      this.#prefix = chords.endsWith(chord) ? chords : chord;
      this.#timer = setTimeout(() => (this.#prefix = ""), SEQUENCE_MS);
    }
    if (!exact && !longer) return false;
    event.preventDefault();
    if (exact && !longer) exact.run();
    return true;
  }

  /** Listens to a window or to the document of a mail's frame; the result stops that. */
  listen(target: Window | Document): () => void {
    const handler = (event: Event): void => void this.handle(event as KeyboardEvent);
    target.addEventListener("keydown", handler);
    return () => {
      target.removeEventListener("keydown", handler);
    };
  }
}

const SIGNS: Readonly<Record<string, string>> = {
  Mod: isMac ? "⌘" : "Ctrl",
  Shift: "⇧",
  Alt: isMac ? "⌥" : "Alt",
  Enter: "↵",
  Escape: "Esc",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Backspace: "⌫",
};

/** The caps to show for "g i" or "Mod+Enter": one list a step. */
export function caps(keys: string): string[][] {
  return keys.split(" ").map((step) =>
    step.split(/\+(?=.)/).map((one) => SIGNS[one] ?? (one.length === 1 ? one.toUpperCase() : one)),
  );
}
