// SPDX-License-Identifier: Apache-2.0
// Squire, taught to live under Trusted Types and with our own idea of harmless HTML.
import Squire from "squire-rte";
import { cleanFragment, cleanHtml } from "./clean.ts";

interface Policy {
  createHTML: (html: string) => string;
}

interface TrustedTypes {
  createPolicy: (name: string, rules: Policy) => Policy;
}

// Undo puts HTML back as text; the browser only takes that from a named policy, which cleans it again.
const trustedTypes = (window as { trustedTypes?: TrustedTypes }).trustedTypes;
const undoPolicy = trustedTypes?.createPolicy("squire-undo", { createHTML: cleanHtml }) ?? { createHTML: cleanHtml };

export class Editor extends Squire {
  constructor(root: HTMLElement) {
    super(root, {
      blockTag: "DIV",
      addLinks: true,
      sanitizeToDOMFragment: (html) => cleanFragment(html),
      didError: (error: unknown) => {
        throw error;
      },
      tagAttributes: {
        blockquote: { class: "quote" },
        a: { target: "_blank", rel: "noopener noreferrer" },
      },
      undo: { documentSizeThreshold: 200_000, undoLimit: 100 },
    });
  }

  override _setRawHTML(html: string): Squire {
    return super._setRawHTML(undoPolicy.createHTML(html));
  }
}

export type Format = "b" | "i" | "u" | "s" | "ul" | "ol" | "blockquote" | "a" | "code";

/** Which formats the cursor is in, from Squire's path. */
export function formatsAt(editor: Editor): ReadonlySet<Format> {
  const found = new Set<Format>();
  const all: Format[] = ["b", "i", "u", "s", "ul", "ol", "blockquote", "a", "code"];
  for (const one of all) if (editor.hasFormat(one.toUpperCase())) found.add(one);
  return found;
}

/** Switches a format on or off. */
export function toggle(editor: Editor, format: Format): void {
  const on = editor.hasFormat(format.toUpperCase());
  const acts: Record<Exclude<Format, "a">, () => unknown> = {
    b: () => (on ? editor.removeBold() : editor.bold()),
    i: () => (on ? editor.removeItalic() : editor.italic()),
    u: () => (on ? editor.removeUnderline() : editor.underline()),
    s: () => (on ? editor.removeStrikethrough() : editor.strikethrough()),
    ul: () => (on ? editor.removeList() : editor.makeUnorderedList()),
    ol: () => (on ? editor.removeList() : editor.makeOrderedList()),
    blockquote: () => (on ? editor.decreaseQuoteLevel() : editor.increaseQuoteLevel()),
    code: () => editor.toggleCode(),
  };
  if (format === "a") editor.removeLink();
  else acts[format]();
}
