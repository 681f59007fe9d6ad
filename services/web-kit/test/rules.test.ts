// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
// What no source of the apps may hold: ways for text to become markup, calls beside the contract, secrets
// where scripts of others could read them, files that do not say what they are.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SERVICES = join(dirname(fileURLToPath(import.meta.url)), "../..");

const sources = ["web-kit", "webmail", "admin"].flatMap((app) => {
  const folder = join(SERVICES, app, "src");
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:ts|svelte|css)$/.test(name))
    .map((name) => ({ name: relative(SERVICES, join(folder, name)), text: readFileSync(join(folder, name), "utf8") }));
});

interface Rule {
  what: string;
  pattern: RegExp;
  /** The one place that may. */
  except?: RegExp;
}

const RULES: readonly Rule[] = [
  { what: "HTML out of a text", pattern: /\{@html|\b(?:innerHTML|outerHTML)\s*[+]?=[^=]|insertAdjacentHTML|document\.write|\bsrcdoc\b|createContextualFragment/ },
  { what: "code out of a text", pattern: /\beval\(|new Function\(|setTimeout\(\s*["'`]/ },
  { what: "a call beside the contract", pattern: /(?<![#.\w])fetch\(|new XMLHttpRequest|new EventSource/, except: /^web-kit\/src\/api\/(?:upload|events)\.ts$/ },
  { what: "something kept in the browser", pattern: /\b(?:localStorage|sessionStorage|indexedDB|document\.cookie)\b/, except: /^web-kit\/src\/preferences\.svelte\.ts$/ },
  { what: "a frame that may run scripts", pattern: /allow-scripts/ },
  { what: "unfinished work", pattern: /\b(?:TODO|FIXME|XXX)\b/ },
];

describe("sources of the apps", () => {
  it("were found", () => expect(sources.length).toBeGreaterThan(60));
  it.each(RULES)("hold no $what", ({ pattern, except }) => {
    const found = sources
      .filter((one) => !except?.test(one.name))
      .flatMap((one) =>
        one.text
          .split("\n")
          .map((line, i) => `${one.name}:${i + 1}: ${line.trim()}`)
          .filter((line) => pattern.test(line)),
      );
    expect(found).toEqual([]);
  });
  it("begin with their licence", () => {
    expect(sources.filter((one) => !one.text.slice(0, 80).includes("SPDX-License-Identifier: Apache-2.0")).map((one) => one.name)).toEqual([]);
  });
});
