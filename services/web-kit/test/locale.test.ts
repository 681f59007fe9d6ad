// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { catalogue, currentLocale, setLocale } from "../src/lang/i18n.svelte.ts";

it("speaks the language that was chosen last, though the messages of the one before come later", async () => {
  let arrive: (file: { default: { hello: string } }) => void = () => undefined;
  const late = new Promise<{ default: { hello: string } }>((resolve) => (arrive = resolve));
  const t = catalogue({ hello: "Hello" }, { de: () => late });
  const german = setLocale("de");
  await setLocale("en");
  arrive({ default: { hello: "Hallo" } });
  await german;
  expect([t("hello"), currentLocale()]).toEqual(["Hello", "en"]);
  await setLocale("de");
  expect([t("hello"), currentLocale()]).toEqual(["Hallo", "de"]);
});
