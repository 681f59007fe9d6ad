// SPDX-License-Identifier: Apache-2.0
// What is shown, as the address bar says it: #/accounts?status=disabled, #/domains/example.org.

export const PAGES = ["overview", "domains", "accounts", "addresses", "senders", "reports", "queue", "delivery", "audit"] as const;
export type Page = (typeof PAGES)[number];

export interface Route {
  page: Page;
  /** The one thing that the page shows; empty for its list. */
  id: string;
  query: Readonly<Record<string, string>>;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [first, id = ""] = path.split("/");
  return {
    page: PAGES.find((one) => one === first) ?? "overview",
    id: decoded(id),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

export function hashOf(page: Page, id = "", query: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== "");
  const search = given.length > 0 ? `?${new URLSearchParams(given)}` : "";
  return `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}${search}`;
}

let route = $state.raw<Route>(parseRoute(location.hash));

window.addEventListener("hashchange", () => (route = parseRoute(location.hash)));

export function currentRoute(): Route {
  return route;
}

export function go(page: Page, id = "", query: Readonly<Record<string, string>> = {}): void {
  location.hash = hashOf(page, id, query);
}

/** Changes the filters of the page in view; the back button skips what was typed in between. */
export function filter(some: Readonly<Record<string, string>>): void {
  const hash = hashOf(route.page, route.id, { ...route.query, ...some });
  if (hash === location.hash) return;
  history.replaceState(null, "", hash);
  route = parseRoute(hash);
}
