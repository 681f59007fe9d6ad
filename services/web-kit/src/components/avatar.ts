// SPDX-License-Identifier: Apache-2.0
// Colour and letters of a person, from the name and the address.

/** A hue (0-359) that depends on the text alone. */
export function hue(text: string): number {
  let hash = 2166136261;
  for (const char of text.toLowerCase()) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 0) % 360;
}

/** One or two letters: of the first and last word of a name, or of an address before its @. */
export function initials(name: string): string {
  const words = (name.includes("@") ? (name.split("@")[0] ?? "") : name).match(/[\p{L}\p{N}]+/gu) ?? [];
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (first + last).toLocaleUpperCase();
}
