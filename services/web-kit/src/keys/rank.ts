// SPDX-License-Identifier: Apache-2.0
// Finds what somebody means by a few letters: all words have to be there, at starts of words if possible.

/** How well `text` fits `word`, higher is better; 0 when it does not. */
function fit(text: string, word: string): number {
  const at = text.indexOf(word);
  if (at === 0) return 4;
  if (at > 0) return /[\s\-/:(]/.test(text[at - 1] ?? "") ? 3 : 2;
  // Letters in order, for "gti": go to inbox.
  let from = 0;
  for (const char of word) {
    const next = text.indexOf(char, from);
    if (next < 0) return 0;
    from = next + 1;
  }
  return word.length > 1 ? 1 : 0;
}

function plain(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase();
}

/** The items that fit all words of `query`, best first; everything in its order for an empty query. */
export function rank<T>(items: readonly T[], query: string, textOf: (item: T) => string): T[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...items];
  const scored: { item: T; score: number }[] = [];
  for (const item of items) {
    const text = plain(textOf(item));
    let score = 0;
    for (const word of words) {
      const one = fit(text, word);
      if (one === 0) {
        score = 0;
        break;
      }
      score += one;
    }
    if (score > 0) scored.push({ item, score });
  }
  // A loose match is noise beside a good one.
  const best = Math.max(0, ...scored.map((one) => one.score));
  return scored
    .filter((one) => best <= words.length || one.score > words.length)
    .sort((a, b) => b.score - a.score)
    .map((one) => one.item);
}
