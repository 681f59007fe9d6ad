// SPDX-License-Identifier: Apache-2.0
// Sentences of the server in the user's language, by their codes (openapi/reasons.yaml). They are many and seldom
// needed, so they come behind the app; until then the server's own English is shown.
import type { Schema } from "../api/client.ts";
import { currentLocale, onLocale, type Locale } from "./i18n.svelte.ts";
import { format } from "./plural.ts";

type Told = Schema<"Told">;
type Sentences = Readonly<Record<string, string>>;

const LOADERS: Record<Locale, () => Promise<{ default: Sentences }>> = {
  en: () => import("./told.en.json"),
  de: () => import("./told.de.json"),
};

let sentences = $state.raw<{ locale: Locale; texts: Sentences }>({ locale: "en", texts: {} });

/** Fetches the sentences of a language. Without them the server's own words stay. */
export async function loadTold(locale: Locale): Promise<void> {
  try {
    const texts = (await LOADERS[locale]()).default;
    if (locale === currentLocale()) sentences = { locale, texts };
  } catch {
    return;
  }
}

let isWanted = false;
onLocale((locale) => void (isWanted && loadTold(locale)));

/** Fetches the sentences, now and with each change of the language. Apps call it when they have shown their first page. */
export function startTold(): void {
  if (isWanted) return;
  isWanted = true;
  void loadTold(currentLocale());
}

/** The sentence in the user's language; undefined where there is none, or it is not there yet. */
export function tell(told: Told | null | undefined): string | undefined {
  const locale = currentLocale();
  if (told) startTold();
  const text = told && sentences.locale === locale ? sentences.texts[told.code] : undefined;
  if (!told || text === undefined) return undefined;
  const values = Object.entries(told.values).map(([name, value]) => {
    const part = told.parts[name];
    return [name, part ? (tell(part) ?? value) : value] as const;
  });
  return format(text, locale, Object.fromEntries(values));
}

/** What the server says, in the user's language where that is known. */
export function said(words: string | null | undefined, told: Told | null | undefined): string {
  return tell(told) ?? words ?? "";
}

/** Whether these are another server's words: a reply begins with its code (RFC 5321 4.2). */
export function isReply(words: string, told: Told | null | undefined): boolean {
  return !told && /^\d{3}[ -]/.test(words);
}
