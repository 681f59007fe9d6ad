// SPDX-License-Identifier: Apache-2.0
// What is on screen as a command for a shell: every page can be had by the API too.

/** A word for a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The call that gives what `path` (below /api/v1) names; the token is in the variable HERONRY_TOKEN. */
export function curl(origin: string, path: string): string {
  return `curl -sS -H "Authorization: Bearer $HERONRY_TOKEN" ${quote(`${origin}/api/v1${path}`)}`;
}

/** Path and query; what is empty is left out. */
export function callOf(path: string, query: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
  return given.length > 0 ? `${path}?${search}` : path;
}
