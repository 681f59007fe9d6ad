// SPDX-License-Identifier: Apache-2.0
// Names of servers that were made to be taken for others: letters of two scripts in one word, or letters
// that only look Latin. Pure.
import { toUnicode } from "punycode/punycode.es6.js";

export interface Disguise {
  /** As the writer wants it to be read. */
  shown: string;
  /** As the network knows it. */
  real: string;
}

// Of scripts that have capitals or much traffic; letters of all others count as one more.
const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ["latin", /\p{Script=Latin}/u],
  ["cyrillic", /\p{Script=Cyrillic}/u],
  ["greek", /\p{Script=Greek}/u],
  ["cjk", /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u],
  ["armenian", /\p{Script=Armenian}/u],
  ["cherokee", /\p{Script=Cherokee}/u],
  ["arabic", /\p{Script=Arabic}/u],
  ["hebrew", /\p{Script=Hebrew}/u],
  ["georgian", /\p{Script=Georgian}/u],
];
// Small letters that look like Latin ones in most fonts.
const LIKE_LATIN = /^[асԁеһіјӏорԛѕԝхуъьҽпгѵѡικνορτυωγαεηχβμ\d-]+$/u;

/** The scripts of the letters of a word, in the order of the table. */
function scriptsOf(label: string): string[] {
  const found = new Set<string>();
  for (const letter of label.match(/\p{Letter}/gu) ?? [])
    // The length mark of Katakana and its like belong to several scripts.
    if (!/\p{Script=Common}/u.test(letter)) found.add(SCRIPTS.find(([, script]) => script.test(letter))?.[0] ?? "other");
  return [...found];
}

function isDisguised(label: string, scripts: readonly string[], last: readonly string[]): boolean {
  if (scripts.length > 1) return scripts.length > 2 || !scripts.includes("latin") || !scripts.includes("cjk");
  // Below a top level of the same script (.рф) nobody expects Latin.
  const [script] = scripts;
  return (script === "cyrillic" || script === "greek") && !last.includes(script) && LIKE_LATIN.test(label);
}

function parsed(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null;
}

/** How the network knows a host, in small letters; what is no host stays as it is. */
export function asciiHost(host: string): string {
  return parsed(`http://${host}/`)?.hostname ?? host.toLowerCase();
}

/** What a host pretends to be; null for an honest one, and for one that can only be shown as it is. */
export function disguiseOf(host: string): Disguise | null {
  const real = asciiHost(host);
  if (!/(?:^|\.)xn--/.test(real)) return null;
  let shown;
  try {
    shown = toUnicode(real);
  } catch {
    return null;
  }
  const labels = shown.split(".");
  const last = scriptsOf(labels.at(-1) ?? "");
  return labels.some((label) => isDisguised(label, scriptsOf(label), last)) ? { shown, real } : null;
}

/** The first disguised server that one of the addresses leads to. */
export function firstDisguise(urls: Iterable<string>): Disguise | null {
  for (const url of urls) {
    const to = parsed(url);
    if (!to) continue;
    const found = disguiseOf(to.protocol === "mailto:" ? (to.pathname.split("@").at(-1) ?? "") : to.hostname);
    if (found) return found;
  }
  return null;
}
