// SPDX-License-Identifier: Apache-2.0
// The one list of what can be done here. Menus, the palette, the help on shortcuts and the keys
// themselves read it, so that none of them can know less than the others.
import { untrack } from "svelte";
import type { Icon } from "../icon.ts";

export interface Command {
  /** Stable name, "mail.archive". */
  id: string;
  title: () => string;
  /** Heading in the palette and in the help. */
  group: () => string;
  icon?: Icon;
  /** Alternatives like "e", "Shift+j", "g i" (one after the other), "Mod+k" (Ctrl, or ⌘ on a Mac). */
  keys?: readonly string[];
  /** Whether it makes sense now; left out: always. */
  enabled?: () => boolean;
  /** Reachable by key only, not worth a row in the palette (moving the cursor). */
  quiet?: boolean;
  run: () => unknown;
}

export class Commands {
  #sets = $state.raw<readonly (readonly Command[])[]>([]);
  all = $derived(this.#sets.flat());

  /** Adds commands; the result takes them away again (fits $effect's clean-up). */
  register(commands: readonly Command[]): () => void {
    this.#sets = [...untrack(() => this.#sets), commands];
    return () => {
      this.#sets = untrack(() => this.#sets).filter((one) => one !== commands);
    };
  }

  /** The last registered command of that name: what is open on top wins. */
  find(id: string): Command | undefined {
    return this.all.findLast((one) => one.id === id);
  }

  run(id: string): void {
    const command = this.find(id);
    if (command && command.enabled?.() !== false) command.run();
  }

  /** What can be chosen by words now, later ones hiding earlier ones of the same name. */
  available(): Command[] {
    const byId = new Map(this.all.map((one) => [one.id, one]));
    return [...byId.values()].filter((one) => !one.quiet && one.enabled?.() !== false);
  }
}

export const commands = new Commands();
