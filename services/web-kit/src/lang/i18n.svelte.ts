// SPDX-License-Identifier: Apache-2.0
// The language of the app. A catalogue is one JSON file a language; English comes with the code, the
// others are fetched when they are chosen. Keys are typed by the English file.
import { format, type Values } from "./plural.ts";
import kitEnglish from "./en.json";

export const LOCALES = { en: "English", de: "Deutsch" } as const;
export type Locale = keyof typeof LOCALES;
type Messages = Readonly<Record<string, string>>;
type Loader = () => Promise<{ default: Messages }>;

interface Catalogue {
  english: Messages;
  others: Partial<Record<Locale, Loader>>;
  current: Messages;
}

const catalogues: Catalogue[] = [];
let locale = $state<Locale>("en");
let asked: Locale = "en";

export function isLocale(value: string): value is Locale {
  return Object.hasOwn(LOCALES, value);
}

/** The first of the browser's languages that there are messages for. */
export function preferredLocale(wanted: readonly string[] = navigator.languages): Locale {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split("-")[0] ?? "";
    if (isLocale(base)) return base;
  }
  return "en";
}

export function currentLocale(): Locale {
  return locale;
}

/** A tag for Intl: the browser's own variety (en-GB, de-AT) when it speaks the chosen language. */
export function formatLocale(): string {
  return navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === locale) ?? locale;
}

async function load(catalogue: Catalogue, wanted: Locale): Promise<Messages> {
  const loader = catalogue.others[wanted];
  return loader ? { ...catalogue.english, ...(await loader()).default } : catalogue.english;
}

const listeners: ((locale: Locale) => void)[] = [];

/** Calls `listener` with each language that is chosen from now on. */
export function onLocale(listener: (locale: Locale) => void): void {
  listeners.push(listener);
}

/** Changes the language of everything on screen, once its messages are there; of two that are asked for the last
 *  one counts, though its messages may be there first. */
export async function setLocale(wanted: Locale): Promise<void> {
  asked = wanted;
  const messages = await Promise.all(catalogues.map(async (one) => [one, await load(one, wanted)] as const));
  if (asked !== wanted) return;
  for (const [one, current] of messages) one.current = current;
  locale = wanted;
  document.documentElement.lang = wanted;
  for (const listener of listeners) listener(wanted);
}

/** Makes the function that gives the messages of one file. Call it at the top of a module. */
export function catalogue<M extends Messages>(
  english: M,
  others: Partial<Record<Locale, Loader>>,
): (key: keyof M & string, values?: Values) => string {
  const own: Catalogue = { english, others, current: english };
  catalogues.push(own);
  return (key, values) => {
    const spoken = locale; // read first, so that what shows the text follows the language
    return format(own.current[key] ?? english[key] ?? key, spoken, values);
  };
}

/** The kit's own messages; apps make a `t` of their own beside it. */
export const kt = catalogue(kitEnglish, { de: () => import("./de.json") });
