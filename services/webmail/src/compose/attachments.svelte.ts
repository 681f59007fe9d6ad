// SPDX-License-Identifier: Apache-2.0
// The files of a message that is being written: uploaded while one writes, again after an error.
import { newKey } from "@heronry/web-kit/api/client.ts";
import { isAborted, problemText } from "@heronry/web-kit/api/problem.ts";
import { upload } from "@heronry/web-kit/api/upload.ts";
import { t } from "../lang/messages.ts";
import { session } from "../state/session.svelte.ts";

/** What the server has of a file. */
interface Kept {
  name: string;
  type: string;
  size: number;
  blobId: string;
  contentId: string | null;
}

export interface Attached extends Omit<Kept, "blobId"> {
  key: string;
  /** Set as soon as the server has all of it. */
  blobId: string | null;
  /** Of a picture inside of the text. */
  contentId: string | null;
  /** 0 to 1. */
  progress: number;
  error: string;
  /** What to upload again after an error; null where that would not help. */
  source: File | null;
  cancel: () => void;
}

export class Attachments {
  list = $state.raw<readonly Attached[]>([]);
  #changed: () => void;

  /** `changed` is called when what belongs to the message has changed. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Those that the server has already take the place of all. */
  have(files: readonly Kept[]): void {
    this.list = files.map((one) => ({ ...one, key: one.blobId, progress: 1, error: "", source: null, cancel: () => undefined }));
  }

  /** Uploads a file; with a contentId it is a picture of the text. Gives the blob's id. */
  async add(file: File, contentId: string | null = null): Promise<string | null> {
    const key = newKey();
    const { uploadBytes } = session.limits;
    const tooLarge = uploadBytes > 0 && file.size > uploadBytes;
    const entry: Attached = {
      key, name: file.name || "file", type: file.type, size: file.size, blobId: null, contentId, progress: 0,
      error: tooLarge ? t("compose.tooLarge") : "", source: tooLarge ? null : file, cancel: () => undefined,
    };
    this.list = [...this.list, entry];
    return tooLarge ? null : this.#upload(key, file);
  }

  /** Uploads a file again that failed. Gives the blob's id. */
  async retry(key: string): Promise<string | null> {
    const source = this.list.find((one) => one.key === key)?.source;
    return source ? this.#upload(key, source) : null;
  }

  async #upload(key: string, file: File): Promise<string | null> {
    const abort = new AbortController();
    this.#patch(key, { progress: 0, error: "", cancel: () => abort.abort() });
    try {
      const blob = await upload(file, session.limits.partBytes, abort.signal, (progress) => this.#patch(key, { progress }));
      this.#patch(key, { blobId: blob.id, progress: 1 });
      this.#changed();
      return blob.id;
    } catch (error) {
      if (!isAborted(error)) this.#patch(key, { error: problemText(error) });
      return null;
    }
  }

  #patch(key: string, some: Partial<Attached>): void {
    this.list = this.list.map((one) => (one.key === key ? { ...one, ...some } : one));
  }

  remove(key: string): void {
    this.list.find((one) => one.key === key)?.cancel();
    this.list = this.list.filter((one) => one.key !== key);
    this.#changed();
  }

  /** Gives up what is still on its way. */
  cancel(): void {
    for (const one of this.list) one.cancel();
  }

  get uploading(): boolean {
    return this.list.some((one) => one.blobId === null && one.error === "");
  }

  /** How many files did not get to the server: without them the message is not what was written. */
  get failed(): number {
    return this.list.filter((one) => one.error !== "").length;
  }

  get totalBytes(): number {
    return this.list.reduce((sum, one) => sum + one.size, 0);
  }
}
