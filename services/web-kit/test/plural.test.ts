// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { format } from "../src/lang/plural.ts";
import { expectOneVoice, expectSameMessages } from "./languages.ts";
import en from "../src/lang/en.json";
import de from "../src/lang/de.json";

describe("messages", () => {
  it("puts in names and writes numbers as the language does", () => {
    expect(format("{who} has {n}", "en", { who: "Bo", n: 12345 })).toBe("Bo has 12,345");
    expect(format("{n} Nachrichten", "de", { n: 12345 })).toBe("12.345 Nachrichten");
  });
  it("chooses the plural by the rules of the language", () => {
    const message = "{n, plural, =0 {none} one {# bird} other {# birds}}";
    expect([0, 1, 2, 1000].map((n) => format(message, "en", { n }))).toEqual(["none", "1 bird", "2 birds", "1,000 birds"]);
    const polish = "{n, plural, one {# plik} few {# pliki} many {# plików} other {# pliku}}";
    expect([1, 3, 5].map((n) => format(polish, "pl", { n }))).toEqual(["1 plik", "3 pliki", "5 plików"]);
  });
  it("selects by word and nests", () => {
    const message = "{kind, select, mail {{n, plural, one {a mail} other {# mails}}} other {things}}";
    expect(format(message, "en", { kind: "mail", n: 3 })).toBe("3 mails");
    expect(format(message, "en", { kind: "x", n: 3 })).toBe("things");
  });
  it("leaves out what it has no value for, and never shows a brace", () => {
    expect(format("to {who}.", "en")).toBe("to .");
  });
  it("refuses a message that is not well formed", () => {
    expect(() => format("{n, plural, one {x}", "en", { n: 1 })).toThrow(/not closed/);
    expect(() => format("{n, plural, one {x}}", "en", { n: 1 })).toThrow(/other/);
  });
});

describe("the kit's languages", () => {
  it("say the same things with the same values", () => {
    expectSameMessages(en, de);
    expectOneVoice(de);
  });
});
