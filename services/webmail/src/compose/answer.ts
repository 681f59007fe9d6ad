// SPDX-License-Identifier: Apache-2.0
// What an answer begins with: whom it goes to, its subject, the text that is quoted. Pure.
import type { Schema } from "@heronry/web-kit/api/client.ts";

export type Person = Schema<"Recipient">;
type Message = Schema<"Message">;
export type Mode = "new" | "reply" | "replyAll" | "forward" | "draft";

const REPLY = /^\s*(?:(?:re|aw|sv|antw?|odp)(?:\[\d+\])?\s*:\s*)+/i;
const FORWARD = /^\s*(?:(?:fwd?|wg|tr|rv)\s*:\s*)+/i;

/** "Re: x" for x and for "AW: Re: x". */
export function subjectFor(subject: string, mode: Mode): string {
  if (mode === "forward") return `Fwd: ${subject.replace(FORWARD, "")}`;
  return mode === "reply" || mode === "replyAll" ? `Re: ${subject.replace(REPLY, "")}` : subject;
}

function unique(list: readonly Schema<"EmailAddress">[], skip: (address: string) => boolean): Person[] {
  const seen = new Set<string>();
  const out: Person[] = [];
  for (const { name, address } of list) {
    const key = address.toLowerCase();
    if (!address.includes("@") || seen.has(key) || skip(key)) continue;
    seen.add(key);
    out.push(name ? { name: name.slice(0, 255), address } : { address });
  }
  return out;
}

/** Whom an answer goes to. An answer to a mail of one's own goes to whom that went. */
export function recipientsFor(message: Message, mode: Mode, isMine: (address: string) => boolean): { to: Person[]; cc: Person[] } {
  if (mode !== "reply" && mode !== "replyAll") return { to: [], cc: [] };
  const none = (): boolean => false;
  const author = message.replyTo.length > 0 ? message.replyTo : message.from;
  const own = message.from.every((one) => isMine(one.address));
  const to = own && message.replyTo.length === 0 ? unique(message.to, none) : unique(author, none);
  if (mode === "reply") return { to, cc: [] };
  const taken = new Set(to.map((one) => one.address.toLowerCase()));
  const others = own ? message.cc : [...message.to, ...message.cc];
  const cc = unique(others, (address) => taken.has(address) || isMine(address));
  return { to, cc };
}

/** Cuts at commas, semicolons, tabs and ends of lines, but not inside of "quotes". */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let begin = 0;
  // A last quote without an end begins nothing.
  let quotes = text.split('"').length - 1;
  quotes -= quotes % 2;
  let inside = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? "";
    if (char === '"' && quotes-- > 0) inside = !inside;
    else if (!inside && ",;\n\t".includes(char)) {
      pieces.push(text.slice(begin, i));
      begin = i + 1;
    }
  }
  return [...pieces, text.slice(begin)];
}

/** "Name <a@b>" in its two parts. */
function namedAddress(text: string): { name: string; address: string } {
  const at = text.endsWith(">") ? text.lastIndexOf("<") : -1;
  if (at < 0) return { name: "", address: text };
  return { name: text.slice(0, at).trim().replace(/^"(.*)"$/, "$1"), address: text.slice(at + 1, -1).trim() };
}

/** Puts "Name <a@b>" and lists of addresses, as they are typed or pasted, into people; and what is left. */
export function parsePeople(text: string): { people: Person[]; rest: string } {
  const people: Person[] = [];
  const rest: string[] = [];
  for (const piece of piecesOf(text)) {
    const one = piece.trim();
    if (!one) continue;
    const { name, address } = namedAddress(one);
    if (/^[^\s@<>"(),:;]+@[^\s@<>"(),:;]+$/.test(address)) {
      people.push(name ? { name, address } : { address });
    } else rest.push(one);
  }
  return { people, rest: rest.join(", ") };
}

const ATTACHED = /\b(?:attach(?:ed|ment|ments|ing)?|enclosed|anbei|angehängt|anhang|anhänge|beigefügt|im anhang)\b/i;

/** Whether the words of a message speak of an attachment (quotes left out by the caller). */
export function speaksOfAttachment(text: string): boolean {
  return ATTACHED.test(text);
}

/** The part of a message that a blob is; null for an upload. */
export function partOfBlob(blobId: string): { messageId: string; partId: string } | null {
  const [, messageId, partId] = /^m(\d+)\.([\d.]+)$/.exec(blobId) ?? [];
  return messageId && partId ? { messageId, partId } : null;
}

/** Where the picture of a blob is: an upload, or a part of a message. */
export function pictureUrl(blobId: string): string {
  const part = partOfBlob(blobId);
  return part ? `/api/v1/messages/${part.messageId}/parts/${part.partId}?disposition=inline` : `/api/v1/blobs/${blobId}`;
}

/** What of a message goes along when it is forwarded, by blob; `contentId` where its text shows it. */
type Forwarded = Pick<Message["attachments"][number], "blobId" | "name" | "type" | "size" | "contentId">;

/** All parts of a forwarded message, and its text (clean HTML of the server) with the pictures in it marked
 * as those parts by `data-cid`, which becomes `cid:` in what is sent. The text is cleaned afterwards. */
export function forwardedParts(message: Message, html: string): { html: string; files: Forwarded[] } {
  // A name of our own: who wrote the message may have used any letters.
  const names = new Map(
    message.attachments.map(({ partId, blobId }) => [`src="${pictureUrl(blobId)}"`, `${partId}.${message.id}@heronry`]),
  );
  const shown = new Set<string>();
  const text = html.replace(/src="[^"]*"/g, (source) => {
    const contentId = names.get(source);
    if (contentId === undefined) return source;
    shown.add(contentId);
    return `${source} data-cid="${contentId}"`;
  });
  const files = message.attachments.map(({ blobId, name, type, size }) => {
    const contentId = names.get(`src="${pictureUrl(blobId)}"`);
    return { blobId, name, type, size, contentId: contentId !== undefined && shown.has(contentId) ? contentId : null };
  });
  return { html: text, files };
}
