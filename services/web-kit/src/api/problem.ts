// SPDX-License-Identifier: Apache-2.0
// What went wrong with a call: the server's RFC 9457 problem, or that it could not be reached.
import { currentLocale, kt } from "../lang/i18n.svelte.ts";
import { tell } from "../lang/told.svelte.ts";
import type { Schema } from "./client.ts";

export interface FieldError {
  /** JSON pointer (RFC 6901) to the field of the request that was refused. */
  pointer?: string;
  detail?: string;
  told?: Schema<"Told">;
}

interface ProblemBody {
  type?: string;
  title?: string;
  detail?: string;
  told?: Schema<"Told">;
  errors?: FieldError[];
}

export class ApiProblem extends Error {
  /** HTTP status, 0 when no answer came. */
  readonly status: number;
  /** Last part of the problem's type, "" for about:blank. */
  readonly slug: string;
  readonly detail: string;
  /** The detail as a code, where it is a sentence that the server says elsewhere, too. */
  readonly told: Schema<"Told"> | undefined;
  readonly errors: readonly FieldError[];
  /** Seconds that the server asks to wait, 0 when it does not say. */
  readonly retryAfter: number;

  constructor(status: number, body: ProblemBody = {}, retryAfter = 0) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.name = "ApiProblem";
    this.status = status;
    this.slug = body.type && body.type !== "about:blank" ? (body.type.split("/").pop() ?? "") : "";
    this.detail = body.detail ?? "";
    this.told = body.told;
    this.errors = body.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** What the server says about one field of the request, by its pointer's last name. */
  field(name: string): string | undefined {
    const found = this.errors.find((one) => one.pointer?.split("/").pop() === name);
    if (found && this.slug === "weak-password") return tell(found.told) ?? problemText(this);
    return found && ofField(found);
  }
}

function isProblemBody(value: unknown): value is ProblemBody {
  return typeof value === "object" && value !== null;
}

type Key = Parameters<typeof kt>[0];

/** The app's sentence for each type of problem that people may meet (x-problems of the contract). */
export const SENTENCES: Readonly<Record<string, Key>> = {
  "not-signed-in": "problem.signedOut",
  "session-ended": "problem.signedOut",
  "wrong-credentials": "signIn.wrong",
  "insufficient-scope": "problem.forbidden",
  "not-an-administrator": "problem.forbidden",
  "session-only": "problem.forbidden",
  "cross-site": "problem.forbidden",
  "last-administrator": "problem.lastAdministrator",
  "no-certificate": "problem.noCertificate",
  "not-found": "problem.missing",
  "state-too-old": "problem.missing",
  timeout: "problem.server",
  exists: "problem.exists",
  "in-use": "problem.inUse",
  "too-late": "problem.tooLate",
  held: "problem.held",
  incomplete: "problem.incomplete",
  "state-changed": "problem.conflict",
  changed: "problem.conflict",
  "too-large": "problem.large",
  "weak-password": "problem.weakPassword",
  limit: "problem.limit",
  internal: "problem.server",
  unavailable: "problem.server",
};
/** Types that stand for several causes, which only the server's detail tells apart. */
const SAY_MORE: ReadonlySet<string> = new Set(["in-use", "too-late", "weak-password", "limit", "unavailable", "last-administrator"]);

/** What is wrong with a field; what has no code of its own is introduced in the user's language. */
export function ofField({ told, detail }: FieldError = {}): string | undefined {
  return tell(told) ?? (detail && currentLocale() !== "en" ? kt("problem.field", { detail }) : detail);
}

/** The problem that an answer without success tells of. */
export function problemOf(response: Response, body: unknown): ApiProblem {
  const wait = Number(response.headers.get("retry-after") ?? 0);
  return new ApiProblem(response.status, isProblemBody(body) ? body : {}, Number.isFinite(wait) ? wait : 0);
}

/** Whether a call was given up by ourselves: nothing to tell anybody. */
export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** The problem behind anything that a call threw. */
export function asProblem(error: unknown): ApiProblem {
  return error instanceof ApiProblem ? error : new ApiProblem(0);
}

/** A sentence in the user's language that says what happened and what to do: the server's by its code, else the
 * app's for this type. The server's own English is used where it says more, or there is nothing else. */
export function problemText(error: unknown): string {
  const problem = asProblem(error);
  if (problem.status === 0) return kt("problem.offline");
  if (problem.slug === "too-many-requests") return kt("problem.busy", { seconds: problem.retryAfter });
  const first = problem.errors[0] ?? problem;
  const detail = first.detail || problem.detail;
  const told = tell(first.told);
  if (told) return told;
  if (problem.slug === "invalid-fields") return ofField({ detail }) || kt("problem.server");
  const key = SENTENCES[problem.slug];
  if (detail && (!key || (SAY_MORE.has(problem.slug) && currentLocale() === "en"))) return detail;
  return kt(key ?? "problem.server");
}
