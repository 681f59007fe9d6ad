// SPDX-License-Identifier: Apache-2.0
// The one way to the server: openapi-fetch with the types of the contract. A browser's session is a
// cookie that scripts cannot see; writes carry X-Heronry, which other sites cannot send.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "../../schema";
import { madeRoom } from "./holder.ts";
import { ApiProblem, isAborted, problemOf } from "./problem.ts";

/** A schema of the contract by its name: Schema<"ThreadRow">. */
export type Schema<N extends keyof components["schemas"]> = components["schemas"][N];

export const API_BASE = "/api/v1";

/** Sent with every request: other sites cannot add it without being asked for permission. */
export const SITE_HEADERS: Readonly<Record<string, string>> = { "X-Heronry": "1" };

export const api = createClient<paths>({ baseUrl: API_BASE, headers: SITE_HEADERS });

const enders = new Set<() => void>();

/** Calls `run` when the server says that nobody is signed in any more; the result stops that. */
export function onSessionEnd(run: () => void): () => void {
  enders.add(run);
  return () => enders.delete(run);
}

/** For what does not go through `api` (uploads, events): tells everybody that the session is over. */
export function sessionEnded(): void {
  enders.forEach((run) => run());
}

const watchSession: Middleware = {
  onRequest() {
    // As if nobody was signed in: whoever was here is not any more.
    return madeRoom() ? new Response(null, { status: 401 }) : undefined;
  },
  onResponse({ response, request }) {
    const signingIn = request.method === "POST" && new URL(request.url).pathname === `${API_BASE}/session`;
    if (response.status === 401 && !signingIn) sessionEnded();
    return undefined;
  },
};
api.use(watchSession);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a call's answer; throws the ApiProblem of one that failed. */
export async function ok<T>(call: Promise<Answer<T>>): Promise<T> {
  return (await answered(call)).data as T;
}

/** As `ok`, with the header fields of the answer. */
export async function answered<T>(call: Promise<Answer<T>>): Promise<{ data: T; headers: Headers }> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new ApiProblem(0);
  }
  if (!answer.response.ok) throw problemOf(answer.response, answer.error);
  return { data: answer.data as T, headers: answer.response.headers };
}

/** A key for Idempotency-Key: a repeated request is carried out once. */
export function newKey(): string {
  return crypto.randomUUID();
}
