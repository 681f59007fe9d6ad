// SPDX-License-Identifier: Apache-2.0
// What must be true of every app's language files.
import { expect } from "vitest";
import { names } from "../src/lang/plural.ts";

type Messages = Readonly<Record<string, string>>;

/** Fails when two languages do not have the same keys with the same values to put in. */
export function expectSameMessages(english: Messages, other: Messages): void {
  expect(Object.keys(other).sort()).toEqual(Object.keys(english).sort());
  for (const [key, text] of Object.entries(english)) expect([key, names(other[key] ?? "")]).toEqual([key, names(text)]);
}

/** Fails when German addresses somebody as "Sie": both apps, and the mails of the server, say "du". */
export function expectOneVoice(german: Messages): void {
  const formal = /\b(?:Ihnen|Ihr(?:e[mnrs]?)?)\b|[\p{L},] Sie\b/u;
  expect(Object.entries(german).filter(([, text]) => formal.test(text))).toEqual([]);
}
