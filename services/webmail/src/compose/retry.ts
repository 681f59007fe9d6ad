// SPDX-License-Identifier: Apache-2.0
// What a lost answer leaves open: whether a write is refused for good, whether two drafts are the same. Pure.
import type { Schema } from "@heronry/web-kit/api/client.ts";

type Input = Schema<"DraftInput">;

/** Whether the server said that it did not do it and never will, as it was asked. Without an answer, after an
 * error of the server, without a session and when it asks to wait, the same request may come again. */
export function isRefused(status: number): boolean {
  return status >= 400 && status < 500 && status !== 401 && status !== 429;
}

function partsOf(draft: Input | Schema<"Draft">): string {
  const people = (list: Input["to"]): string[] => list.map((one) => `${one.name ?? ""} <${one.address}>`);
  const files = draft.attachments.map((one) => `${one.name ?? ""} ${one.contentId ?? ""}`);
  const { subject, html, identityId } = draft;
  return JSON.stringify([people(draft.to), people(draft.cc), people(draft.bcc), subject, html, identityId ?? null, files]);
}

/** Whether two drafts say the same; blobs by their names, since they get other ids when they are kept. */
export function sameDraft(a: Input | Schema<"Draft">, b: Input | Schema<"Draft">): boolean {
  return partsOf(a) === partsOf(b);
}
