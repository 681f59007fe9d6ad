// SPDX-License-Identifier: Apache-2.0
// Having a draft back that was thrown away. What was uploaded for it goes with it, so it is fetched before,
// and given to the server again when the draft is wanted back. Parts of other messages stay.
import { api, newKey, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { upload } from "@heronry/web-kit/api/upload.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { mail } from "../state/mail.svelte.ts";
import { session } from "../state/session.svelte.ts";
import { partOfBlob } from "./answer.ts";

type Input = Schema<"DraftInput">;

/** The uploads of a draft, by blob. One that is not there any more is left out. */
export async function keepFiles(input: Input): Promise<ReadonlyMap<string, File>> {
  const kept = new Map<string, File>();
  for (const { blobId, name } of input.attachments ?? []) {
    if (partOfBlob(blobId)) continue;
    try {
      const bytes = await ok(api.GET("/blobs/{blobId}", { params: { path: { blobId } }, parseAs: "blob" }));
      const blob = bytes as unknown as Blob;
      kept.set(blobId, new File([blob], name ?? "", { type: blob.type }));
    } catch {
      // Undo tries it with the blob's name.
    }
  }
  return kept;
}

async function uploaded(input: Input, kept: ReadonlyMap<string, File>): Promise<Input> {
  const attachments = [];
  for (const one of input.attachments ?? []) {
    const file = kept.get(one.blobId);
    const blob = file ? await upload(file, session.limits.partBytes, new AbortController().signal, () => undefined) : null;
    attachments.push(blob ? { ...one, blobId: blob.id } : one);
  }
  return { ...input, attachments };
}

/** Makes the draft anew and opens it. */
export async function restore(input: Input, kept: ReadonlyMap<string, File>): Promise<void> {
  try {
    const body = await uploaded(input, kept);
    const draft = await ok(api.POST("/drafts", { params: { header: { "Idempotency-Key": newKey() } }, body }));
    mail.write({ mode: "draft", draftId: draft.id });
  } catch (error) {
    toasts.problem(problemText(error));
  }
}
