// SPDX-License-Identifier: Apache-2.0
// How this browser shows things: theme and widths of panes, and which account it is signed in to (by its
// id, for other tabs). Kept in the browser because they must be known before anybody is signed in; nothing
// secret is ever stored here.

export type Theme = "system" | "light" | "dark";

export function isTheme(value: unknown): value is Theme {
  return value === "system" || value === "light" || value === "dark";
}

/** Reads a value kept before; null when there is none or the browser keeps nothing. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`heronry.${name}`);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`heronry.${name}`, value);
  } catch {
    // A browser that keeps nothing shows the defaults next time; that is what its user asked for.
  }
}

export function forget(name: string): void {
  try {
    localStorage.removeItem(`heronry.${name}`);
  } catch {
    // Nothing was kept.
  }
}

/** Tells what another tab remembers under a name, null when it forgets it. */
export function watch(name: string, run: (value: string | null) => void): void {
  addEventListener("storage", (event) => {
    if (event.key === `heronry.${name}`) run(event.newValue);
  });
}

let theme = $state<Theme>("system");

export function currentTheme(): Theme {
  return theme;
}

export function setTheme(wanted: Theme): void {
  theme = wanted;
  remember("theme", wanted);
  if (wanted === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = wanted;
}

/** Call once before anything is shown. */
export function startTheme(): void {
  const kept = recall("theme");
  if (isTheme(kept)) setTheme(kept);
}
