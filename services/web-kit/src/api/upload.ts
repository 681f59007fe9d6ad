// SPDX-License-Identifier: Apache-2.0
// Sends a file in parts that the server takes, tells how far it is, and goes on after a broken
// connection. XMLHttpRequest, because fetch does not tell the progress of what it sends.
import { API_BASE, SITE_HEADERS, sessionEnded, type Schema } from "./client.ts";
import { madeRoom } from "./holder.ts";
import { ApiProblem } from "./problem.ts";

const TRIES = 4;

interface Part {
  method: "POST" | "PUT";
  url: string;
  body: Blob;
  range?: string;
}

function send(part: Part, signal: AbortSignal, onsent: (bytes: number) => void): Promise<Schema<"Blob">> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = (): void => request.abort();
    request.open(part.method, part.url);
    for (const [name, value] of Object.entries(SITE_HEADERS)) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (part.range) request.setRequestHeader("Content-Range", part.range);
    request.responseType = "json";
    request.upload.onprogress = (event) => onsent(event.loaded);
    request.onloadend = () => {
      signal.removeEventListener("abort", stop);
      if (request.status >= 200 && request.status < 300) return resolve(request.response as Schema<"Blob">);
      if (request.status === 401) sessionEnded();
      const body: unknown = request.response;
      reject(
        signal.aborted
          ? new DOMException("given up", "AbortError")
          : new ApiProblem(request.status, typeof body === "object" && body ? body : {}),
      );
    };
    signal.addEventListener("abort", stop);
    if (signal.aborted) return reject(new DOMException("given up", "AbortError"));
    if (madeRoom()) return reject(new ApiProblem(401));
    request.send(part.body);
  });
}

async function patiently<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      const passing = error instanceof ApiProblem && (error.status === 0 || error.status === 429 || error.status === 503);
      if (!passing || tries === TRIES || signal.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.max(error.retryAfter, 2 ** (tries - 1)) * 1000));
    }
  }
}

/** Uploads a file; `onprogress` gets a number from 0 to 1. `partBytes` is the server's limit. */
export async function upload(
  file: File,
  partBytes: number,
  signal: AbortSignal,
  onprogress: (done: number) => void,
): Promise<Schema<"Blob">> {
  const total = Math.max(1, file.size);
  const query = new URLSearchParams({ name: file.name || "file", size: String(file.size) });
  if (/^[\w.+-]+\/[\w.+-]+$/.test(file.type)) query.set("type", file.type);
  let blob = await patiently(
    () =>
      send({ method: "POST", url: `${API_BASE}/blobs?${query}`, body: file.slice(0, partBytes) }, signal, (sent) =>
        onprogress(Math.min(1, sent / total)),
      ),
    signal,
  );
  while (!blob.isComplete) {
    const from = blob.received;
    const to = Math.min(file.size, from + partBytes);
    blob = await patiently(
      () =>
        send(
          {
            method: "PUT",
            url: `${API_BASE}/blobs/${encodeURIComponent(blob.id)}`,
            body: file.slice(from, to),
            range: `bytes ${from}-${to - 1}/${file.size}`,
          },
          signal,
          (sent) => onprogress(Math.min(1, (from + sent) / total)),
        ),
      signal,
    );
    if (blob.received <= from) throw new ApiProblem(409);
  }
  onprogress(1);
  return blob;
}
