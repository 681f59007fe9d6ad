// SPDX-License-Identifier: Apache-2.0
// Messages with ICU's most used parts: {name}, {n, plural, =0 {..} one {..} other {.. # ..}} and
// {kind, select, a {..} other {..}}. Pure: text and values in, text out.

export type Values = Readonly<Record<string, string | number>>;

type Part = string | { name: string } | { name: string; kind: "plural" | "select"; cases: Map<string, Part[]> };

const parsed = new Map<string, Part[]>();
const rules = new Map<string, Intl.PluralRules>();
const numbers = new Map<string, Intl.NumberFormat>();

function cached<T>(cache: Map<string, T>, locale: string, make: () => T): T {
  let value = cache.get(locale);
  if (value === undefined) cache.set(locale, (value = make()));
  return value;
}

/** Index behind the brace that closes the one before `start`; throws on a message that is not closed. */
function closing(text: string, start: number): number {
  let depth = 1;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return i + 1;
  }
  throw new Error(`a brace is not closed in the message: ${text}`);
}

function parseCases(text: string): Map<string, Part[]> {
  const cases = new Map<string, Part[]>();
  const head = /\s*([=\w]+)\s*\{/y;
  for (let match = head.exec(text); match?.[1]; match = head.exec(text)) {
    const end = closing(text, head.lastIndex);
    cases.set(match[1], parse(text.slice(head.lastIndex, end - 1)));
    head.lastIndex = end;
  }
  if (!cases.has("other")) throw new Error(`the case 'other' is missing in the message: ${text}`);
  return cases;
}

function parse(text: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (let open = text.indexOf("{"); open >= 0; open = text.indexOf("{", at)) {
    if (open > at) parts.push(text.slice(at, open));
    at = closing(text, open + 1);
    const [name = "", kind, ...rest] = text.slice(open + 1, at - 1).split(",");
    const trimmed = kind?.trim();
    if (trimmed === "plural" || trimmed === "select")
      parts.push({ name: name.trim(), kind: trimmed, cases: parseCases(rest.join(",")) });
    else parts.push({ name: name.trim() });
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

function show(value: string | number | undefined, locale: string): string {
  if (typeof value !== "number") return value ?? "";
  return cached(numbers, locale, () => new Intl.NumberFormat(locale)).format(value);
}

function render(parts: readonly Part[], locale: string, values: Values, counted?: number): string {
  let out = "";
  for (const part of parts) {
    if (typeof part === "string") out += counted === undefined ? part : part.replaceAll("#", show(counted, locale));
    else if (!("kind" in part)) out += show(values[part.name], locale);
    else {
      const value = values[part.name] ?? "";
      const number = part.kind === "plural" ? Number(value) : undefined;
      const key =
        number === undefined ? String(value) : cached(rules, locale, () => new Intl.PluralRules(locale)).select(number);
      const chosen = part.cases.get(`=${value}`) ?? part.cases.get(key) ?? part.cases.get("other") ?? [];
      out += render(chosen, locale, values, number ?? counted);
    }
  }
  return out;
}

/** The text of `message` for `values`, with plurals and numbers as `locale` writes them. */
export function format(message: string, locale: string, values: Values = {}): string {
  if (!message.includes("{")) return message;
  return render(
    cached(parsed, message, () => parse(message)),
    locale,
    values,
  );
}

/** Names that a message wants values for, sorted: tests compare the languages with it. */
export function names(message: string): string[] {
  const found = new Set<string>();
  const walk = (parts: readonly Part[]): void => {
    for (const part of parts) {
      if (typeof part === "string") continue;
      found.add(part.name);
      if ("cases" in part) part.cases.forEach(walk);
    }
  };
  walk(parse(message));
  return [...found].sort();
}
