// SPDX-License-Identifier: Apache-2.0
// Cuts plain text into what is shown: words, links, quotes. Only pieces of text come out, never markup.

export interface Piece {
  text: string;
  /** Where it leads, when it is a link. */
  href?: string;
}

export interface Block {
  quoted: boolean;
  lines: Piece[][];
}

const LINK = /\bhttps?:\/\/[^\s<>"'`\u0000-\u0020]+|\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+\b/gi;
const LINE_MAX = 20_000;

/** The link without what belongs to the sentence around it. */
function trimmed(url: string): string {
  let end = url.length;
  while (end > 0) {
    const last = url[end - 1] ?? "";
    const inside = url.slice(0, end);
    const opened = inside.split("(").length;
    const closed = inside.split(")").length;
    if (/[.,;:!?'*_~\]]/.test(last) || (last === ")" && closed > opened)) end--;
    else break;
  }
  return url.slice(0, end);
}

/** A line as pieces of text and links. */
export function linkify(line: string): Piece[] {
  if (line.length > LINE_MAX) return [{ text: line }];
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of line.matchAll(LINK)) {
    const text = trimmed(match[0]);
    if (match.index > at) pieces.push({ text: line.slice(at, match.index) });
    pieces.push({ text, href: text.includes("://") ? text : `mailto:${text}` });
    at = match.index + text.length;
  }
  if (at < line.length) pieces.push({ text: line.slice(at) });
  return pieces;
}

const ATTRIBUTION = /^.{0,200}(?:wrote|schrieb|a écrit|escribió|ha scritto).{0,80}:\s*$/i;

/** Blocks of text and of quotes, one after the other; the line that introduces a quote belongs to it. */
export function blocksOf(text: string): Block[] {
  const lines = text.replace(/\r\n?/g, "\n").replace(/\s+$/, "").split("\n");
  const blocks: Block[] = [];
  lines.forEach((line, i) => {
    const introduces = ATTRIBUTION.test(line) && /^\s*>/.test(lines.slice(i + 1).find((one) => one.trim() !== "") ?? "");
    const quoted = /^\s*>/.test(line) || introduces;
    const last = blocks.at(-1);
    const blank = line.trim() === "";
    if (last && (last.quoted === quoted || (blank && last.quoted))) last.lines.push(linkify(line));
    else blocks.push({ quoted, lines: [linkify(line)] });
  });
  return blocks;
}
