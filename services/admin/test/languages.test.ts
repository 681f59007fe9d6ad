// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectOneVoice, expectSameMessages } from "@heronry/web-kit/test/languages.ts";
import english from "../src/lang/en.json";
import german from "../src/lang/de.json";

test("the languages say the same things", () => expectSameMessages(english, german));

test("German is said to friends", () => expectOneVoice(german));

test("every message is used", () => {
  const folder = join(import.meta.dirname, "../src");
  const code = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && /\.(svelte|ts)$/.test(one.name))
    .map((one) => readFileSync(join(one.parentPath, one.name), "utf8"))
    .join("\n");
  // Keys with a part that is known only at run time: `nav.${page}`.
  const patterns = [...code.matchAll(/`([a-z]+\.(?:[A-Za-z]+\.)?)\$\{[^}]+\}((?:\.[a-z]+)?)`/g)].map(
    (match) => new RegExp(`^${match[1]?.replaceAll(".", "\\.")}[A-Za-z]+${match[2]?.replaceAll(".", "\\.")}$`),
  );
  const unused = Object.keys(english).filter(
    (key) => !code.includes(`"${key}"`) && !patterns.some((one) => one.test(key)),
  );
  expect(unused).toEqual([]);
});
