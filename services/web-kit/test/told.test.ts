// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ApiProblem, problemText } from "../src/api/problem.ts";
import { setLocale } from "../src/lang/i18n.svelte.ts";
import { names } from "../src/lang/plural.ts";
import { isReply, loadTold, said, tell } from "../src/lang/told.svelte.ts";
import english from "../src/lang/told.en.json";
import german from "../src/lang/told.de.json";
import { expectOneVoice } from "./languages.ts";

const CONTRACT = readFileSync(join(import.meta.dirname, "../../../openapi/reasons.yaml"), "utf8");
const SENTENCES = new Map([...CONTRACT.matchAll(/^([a-z0-9-]+): (.+)$/gm)].map((one) => [one[1] ?? "", one[2] ?? ""]));
const TOO_LONG = { code: "too-long", values: { most: "5" }, parts: {} };
const NO_GREETING = {
  code: "no-greeting",
  values: { cause: "the deadline passed" },
  parts: { cause: { code: "deadline-passed", values: {}, parts: {} } },
};

async function speak(locale: "en" | "de"): Promise<void> {
  await setLocale(locale);
  await loadTold(locale);
}

describe("sentences of the server", () => {
  afterEach(() => speak("en"));

  for (const [language, texts] of Object.entries({ english, german }))
    it(`have ${language} words for each code of the contract, with none but its values`, () => {
      expect(SENTENCES.size).toBeGreaterThan(300);
      expect(Object.keys(texts).sort()).toEqual([...SENTENCES.keys()].sort());
      for (const [code, text] of Object.entries(texts)) {
        const places = [...(SENTENCES.get(code) ?? "").matchAll(/\{(\w+)\}/g)].map((one) => one[1]);
        expect(text, code).not.toBe("");
        expect(names(text).filter((name) => !places.includes(name)), code).toEqual([]);
      }
    });
  it("are said to friends", () => expectOneVoice(german));
  it("are told in the language of the app, those in them, too", async () => {
    await speak("en");
    expect(tell(TOO_LONG)).toBe("At most 5 characters are possible.");
    await speak("de");
    expect(tell(TOO_LONG)).toBe("Hier sind höchstens 5 Zeichen möglich.");
    expect(tell({ ...TOO_LONG, values: { most: "1" } })).toBe("Hier ist höchstens 1 Zeichen möglich.");
    expect(tell(NO_GREETING)).toBe("Der Server hat sich nicht gemeldet: keine Antwort in der Zeit.");
    expect(tell({ ...NO_GREETING, parts: {} })).toBe("Der Server hat sich nicht gemeldet: the deadline passed");
  });
  it("stay as they came where there are no others", async () => {
    await speak("de");
    expect(said("it is so", { code: "of-tomorrow", values: {}, parts: {} })).toBe("it is so");
    expect(said("550 5.1.1 who is that?", null)).toBe("550 5.1.1 who is that?");
    expect(said(null, null)).toBe("");
  });
  it("are told from the replies of other servers", () => {
    expect(isReply("550 5.1.1 who is that?", null)).toBe(true);
    expect(isReply("250-first line\n250 second line", null)).toBe(true);
    expect(isReply("556 the domain takes no mail (null MX)", { code: "mx-null", values: {}, parts: {} })).toBe(false);
    expect(isReply("something of ours without a code", null)).toBe(false);
  });
  it("are what a problem says, of a field and as a whole", async () => {
    await speak("de");
    const errors = [{ pointer: "/name", detail: "has to have at most 5 characters", told: TOO_LONG }];
    const wrong = new ApiProblem(422, { type: "/problems/invalid-fields", errors });
    expect([wrong.field("name"), problemText(wrong)]).toEqual(Array(2).fill("Hier sind höchstens 5 Zeichen möglich."));
    const told = { code: "mailbox-has-mailboxes", values: {}, parts: {} };
    const inUse = new ApiProblem(409, { type: "/problems/in-use", detail: "There are mailboxes in it.", told });
    expect(problemText(inUse)).toBe("Darin sind noch Ordner.");
  });
});
