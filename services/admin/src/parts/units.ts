// SPDX-License-Identifier: Apache-2.0
// Sizes and numbers as people type them, and passwords that nobody has to invent.

const UNITS: Readonly<Record<string, number>> = { "": 1e9, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

/** Octets of "10", "10 GB", "1,5 TB" (no unit: GB); 0 for nothing typed, null for what is no size. */
export function parseSize(text: string): number | null {
  if (!text.trim()) return 0;
  const match = /^\s*(\d+(?:[.,]\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const unit = UNITS[(match?.[2] ?? "x").toLowerCase()];
  if (!match?.[1] || unit === undefined) return null;
  const bytes = Math.round(Number(match[1].replace(",", ".")) * unit);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The same octets for a field to type in; empty for no limit. */
export function typedSize(bytes: number): string {
  if (bytes === 0) return "";
  for (const [name, unit] of [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["KB", 1e3]] as const) {
    if (bytes >= unit && bytes % (unit / 1000) === 0) return `${bytes / unit} ${name}`;
  }
  return `${bytes} B`;
}

/** A whole number as "12" or "1,000"; undefined for nothing typed, null for what is none. */
export function parseNumber(text: string): number | null | undefined {
  const typed = text.trim().replaceAll(/(?<=\d)[ .,](?=\d{3}(?!\d))/g, "");
  if (!typed) return undefined;
  return /^\d{1,10}$/.test(typed) ? Number(typed) : null;
}

// Without what looks alike: 0 o, 1 l i.
const SIGNS = "abcdefghjkmnpqrstuvwxyz23456789";

/** A password of four groups, 100 bits. */
export function makePassword(): string {
  const groups: string[] = [];
  for (let g = 0; g < 4; g++) {
    let group = "";
    while (group.length < 5) {
      const [value = 255] = crypto.getRandomValues(new Uint8Array(1));
      // 31 signs: 248 is the largest multiple below 256, so each sign is as likely.
      if (value < 248) group += SIGNS[value % 31];
    }
    groups.push(group);
  }
  return groups.join("-");
}
