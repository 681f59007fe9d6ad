// SPDX-License-Identifier: Apache-2.0
// Names of people as short as a row needs them.
import type { Schema } from "@heronry/web-kit/api/client.ts";

type Person = Schema<"EmailAddress">;

// Marks that turn the direction of text, and invisible ones: a name must not rearrange what is around it.
const TRICKS = /[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u2060\ufeff\u0000-\u001f\u007f]/g;

/** A name without signs that could deceive; the address when there is no name. */
export function nameOf(person: Person | undefined): string {
  if (!person) return "";
  return person.name.replace(TRICKS, "").trim() || person.address;
}

function short(person: Person): string {
  const name = nameOf(person);
  return name.includes("@") ? (name.split("@")[0] ?? name) : (name.split(/\s+/)[0] ?? name);
}

/** "Ada Lindqvist" alone, "Ada, Bo" for two and more; `me` stands for the user. */
export function names(people: readonly Person[], isMine: (address: string) => boolean, me: string): string {
  if (people.length === 1 && people[0]) return isMine(people[0].address) ? me : nameOf(people[0]);
  return people.map((one) => (isMine(one.address) ? me : short(one))).join(", ");
}

/** Whether a name looks like another address than the real one, as in fraud. */
export function isDeceptive(person: Person): boolean {
  const shown = /[^\s<>"@]+@[^\s<>"@]+\.[^\s<>"@]+/.exec(person.name)?.[0];
  return shown !== undefined && shown.toLowerCase() !== person.address.toLowerCase();
}
