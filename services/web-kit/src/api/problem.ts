// SPDX-License-Identifier: Apache-2.0
// What went wrong with a call: the server's RFC 9457 problem, or that it could not be reached.
import { kt } from "../lang/i18n.svelte.ts";

export interface FieldError {
  /** JSON pointer (RFC 6901) to the field of the request that was refused. */
  pointer?: string;
  detail?: string;
}

interface ProblemBody {
  type?: string;
  title?: string;
  detail?: string;
  errors?: FieldError[];
}

export class ApiProblem extends Error {
  /** HTTP status, 0 when no answer came. */
  readonly status: number;
  /** Last part of the problem's type, "" for about:blank. */
  readonly slug: string;
  readonly detail: string;
  readonly errors: readonly FieldError[];
  /** Seconds that the server asks to wait, 0 when it does not say. */
  readonly retryAfter: number;

  constructor(status: number, body: ProblemBody = {}, retryAfter = 0) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.name = "ApiProblem";
    this.status = status;
    this.slug = body.type && body.type !== "about:blank" ? (body.type.split("/").pop() ?? "") : "";
    this.detail = body.detail ?? "";
    this.errors = body.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** What the server says about one field of the request, by its pointer's last name. */
  field(name: string): string | undefined {
    return this.errors.find((one) => one.pointer?.split("/").pop() === name)?.detail;
  }
}

function isProblemBody(value: unknown): value is ProblemBody {
  return typeof value === "object" && value !== null;
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

/** A sentence in the user's language that says what happened and what to do. */
export function problemText(error: unknown): string {
  const problem = asProblem(error);
  switch (problem.status) {
    case 0:
      return kt("problem.offline");
    case 401:
      return kt("problem.signedOut");
    case 403:
      return problem.detail || kt("problem.forbidden");
    case 404:
    case 410:
      return kt("problem.missing");
    case 409:
    case 412:
      return problem.detail || kt("problem.conflict");
    case 413:
      return kt("problem.large");
    case 429:
      return kt("problem.busy", { seconds: problem.retryAfter });
    default:
      return problem.errors[0]?.detail || problem.detail || kt("problem.server");
  }
}
