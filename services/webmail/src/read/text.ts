// SPDX-License-Identifier: Apache-2.0
// Cuts plain text into what is shown: words, links, quotes. Only pieces of text come out, never markup.

export interface Piece {
  text: string;
  /** Where it leads, when it is a link. */
  href?: string;
}

export interface Block {
  quoted: boolean;
  /** Lines end with "\n"; text without a link in between is one piece, however many lines it has. */
  pieces: Piece[];
}

const LINK = /\bhttps?:\/\/[^\s<>"'`\u0000-\u0020]+|\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+\b/gi;
const LINE_MAX = 20_000;

/** How often a character is in a text. */
function countOf(text: string, char: string): number {
  let count = 0;
  for (let at = text.indexOf(char); at >= 0; at = text.indexOf(char, at + 1)) count++;
  return count;
}

/** The link without what belongs to the sentence around it. The brackets are counted once: a hostile link is long. */
function trimmed(url: string): string {
  let surplus = countOf(url, ")") - countOf(url, "(");
  let end = url.length;
  for (; end > 0; end--) {
    const last = url[end - 1] ?? "";
    if (last === ")" && surplus > 0) surplus--;
    else if (!/[.,;:!?'*_~\]]/.test(last)) break;
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

/** For each line, whether the next one that is not blank is quoted. One pass from the end. */
function quoteFollows(lines: readonly string[]): boolean[] {
  const follows = new Array<boolean>(lines.length).fill(false);
  for (let i = lines.length - 2; i >= 0; i--) {
    const next = (lines[i + 1] ?? "").trimStart();
    follows[i] = next === "" ? (follows[i + 1] ?? false) : next.startsWith(">");
  }
  return follows;
}

/** Adds a line to a block. */
function addLine(block: Block, line: string): void {
  for (const piece of [...linkify(line), { text: "\n" }]) {
    const last = block.pieces.at(-1);
    if (last && last.href === undefined && !("href" in piece)) last.text += piece.text;
    else block.pieces.push(piece);
  }
}

/** Blocks of text and of quotes, one after the other; the line that introduces a quote belongs to it. */
export function blocksOf(text: string): Block[] {
  const lines = text.replace(/\r\n?/g, "\n").trimEnd().split("\n");
  const follows = quoteFollows(lines);
  const blocks: Block[] = [];
  lines.forEach((line, i) => {
    const bare = line.trimStart();
    const quoted = bare.startsWith(">") || (follows[i] === true && ATTRIBUTION.test(line));
    const last = blocks.at(-1);
    if (last && (last.quoted === quoted || (bare === "" && last.quoted))) addLine(last, line);
    else {
      const block = { quoted, pieces: [] };
      addLine(block, line);
      blocks.push(block);
    }
  });
  return blocks;
}
