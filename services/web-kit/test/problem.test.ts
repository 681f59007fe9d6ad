// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ApiProblem, problemText, SENTENCES } from "../src/api/problem.ts";
import { setLocale } from "../src/lang/i18n.svelte.ts";

const CONTRACT = readFileSync(join(import.meta.dirname, "../../../openapi/openapi.yaml"), "utf8");
/** Types that only a program which makes its calls wrongly can meet, or that name their fields. */
const OF_PROGRAMS = [
  "invalid-parameter", "invalid-cursor", "invalid-json", "invalid-body", "method-not-allowed", "not-a-session", "idempotency-key-reused",
  "wrong-type", "range", "invalid-fields", "if-match-missing", "too-many-requests",
];

function problem(status: number, slug: string, more: object = {}): ApiProblem {
  return new ApiProblem(status, { type: `/problems/${slug}`, title: "English title", ...more });
}

describe("what went wrong, told to people", () => {
  afterEach(() => setLocale("en"));

  it("has a sentence for each type of problem of the contract", () => {
    const [, block] = /^x-problems:\n((?: .*\n)+)/m.exec(CONTRACT) ?? [];
    const slugs = [...(block ?? "").matchAll(/^  ([a-z-]+): \[/gm)].map((one) => one[1] ?? "");
    expect(slugs.length).toBeGreaterThan(30);
    expect([...Object.keys(SENTENCES), ...OF_PROGRAMS].sort()).toEqual(slugs.sort());
  });
  it("is told in German without the English of the server", async () => {
    await setLocale("de");
    for (const slug of Object.keys(SENTENCES)) expect(problemText(problem(409, slug, { detail: "English detail" })), slug).not.toMatch(/English/);
    expect(problemText(new ApiProblem(0))).toMatch(/nicht erreichbar/);
    expect(problemText(problem(429, "too-many-requests"))).toMatch(/Zu viel auf einmal/);
    const weak = problem(422, "weak-password", { errors: [{ pointer: "/newPassword", detail: "English detail" }] });
    expect(weak.field("newPassword")).toMatch(/zu leicht/);
    expect(weak.field("name")).toBeUndefined();
  });
  it("keeps the server's words beside its own where it has no others", async () => {
    const fields = { errors: [{ pointer: "/quotaBytes", detail: "must be at least 1" }] };
    expect(problemText(problem(422, "invalid-fields", fields))).toBe("must be at least 1");
    expect(problemText(problem(400, "invalid-parameter", { detail: "The limit is 200." }))).toBe("The limit is 200.");
    expect(problemText(problem(418, "unheard-of"))).toMatch(/could not do this/);
    await setLocale("de");
    expect(problem(422, "invalid-fields", fields).field("quotaBytes")).toBe("Diese Angabe stimmt nicht: must be at least 1");
  });
  it("tells causes apart in English, as the server does", () => {
    expect(problemText(problem(409, "in-use", { detail: "There are mailboxes in it." }))).toBe("There are mailboxes in it.");
    expect(problemText(problem(409, "in-use"))).toBe("Something still depends on this.");
    expect(problemText(problem(409, "exists", { detail: "There is a mailbox with this name." }))).toMatch(/already/);
  });
});
