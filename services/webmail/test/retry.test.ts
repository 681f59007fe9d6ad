// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { isRefused, sameDraft } from "../src/compose/retry.ts";

const draft = { identityId: null, to: [{ address: "bo@example.net" }], cc: [], bcc: [], subject: "s", html: "<p>x</p>", text: "", attachments: [{ blobId: "b1", name: "plan.pdf" }] };

it("knows what may be asked again from what is refused for good", () => {
  expect([0, 401, 429, 500, 502, 503, 504].some(isRefused)).toBe(false);
  expect([400, 403, 404, 409, 412, 413, 422].every(isRefused)).toBe(true);
});

it("takes drafts for the same by what they say", () => {
  expect(sameDraft(draft, { ...draft, text: "x", attachments: [{ blobId: "m1.2", name: "plan.pdf", contentId: null }] })).toBe(true);
  const others = [
    { ...draft, subject: "t" },
    { ...draft, html: "<p>y</p>" },
    { ...draft, to: [{ address: "bo@example.net", name: "Bo" }] },
    { ...draft, cc: draft.to },
    { ...draft, attachments: [] },
  ];
  expect(others.some((one) => sameDraft(draft, one))).toBe(false);
});
