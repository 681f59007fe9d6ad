// SPDX-License-Identifier: Apache-2.0
// What is shown, as the address bar says it: the back button and a reload keep their place.
// #/f/3, #/f/3/t/115, #/f/3?show=unread, #/search?q=boats&in=3, #/search/t/115?q=boats, #/settings/keys

export const FILTERS = ["all", "unread", "flagged", "attachments"] as const;
export type Filter = (typeof FILTERS)[number];

export type Route =
  | { view: "folder"; mailboxId: string; filter: Filter; threadId: string | null }
  | { view: "search"; q: string; mailboxId: string | null; threadId: string | null }
  | { view: "settings"; section: string };

const ID = /^\d{1,19}$/;

function id(text: string | null | undefined): string | null {
  return text && ID.test(text) ? text : null;
}

/** The route that a hash means; an empty mailboxId stands for the inbox. */
export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/");
  const query = new URLSearchParams(search);
  if (parts[0] === "settings") return { view: "settings", section: parts[1] ?? "" };
  if (parts[0] === "search")
    return {
      view: "search",
      q: query.get("q") ?? "",
      mailboxId: id(query.get("in")),
      threadId: parts[1] === "t" ? id(parts[2]) : null,
    };
  const wanted = query.get("show");
  return {
    view: "folder",
    mailboxId: (parts[0] === "f" && id(parts[1])) || "",
    filter: FILTERS.find((one) => one === wanted) ?? "all",
    threadId: parts[2] === "t" ? id(parts[3]) : null,
  };
}

export function hashOf(route: Route): string {
  if (route.view === "settings") return `#/settings${route.section ? `/${route.section}` : ""}`;
  const thread = route.threadId ? `/t/${route.threadId}` : "";
  if (route.view === "search") {
    const query = new URLSearchParams({ q: route.q });
    if (route.mailboxId) query.set("in", route.mailboxId);
    return `#/search${thread}?${query}`;
  }
  return `#/f/${route.mailboxId}${thread}${route.filter === "all" ? "" : `?show=${route.filter}`}`;
}

let route = $state.raw<Route>(parseRoute(location.hash));

window.addEventListener("hashchange", () => (route = parseRoute(location.hash)));

export function currentRoute(): Route {
  return route;
}

/** Goes there; `replace` leaves no entry for the back button. */
export function go(to: Route, replace = false): void {
  const hash = hashOf(to);
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  route = to;
}

/** The same list with another conversation open, or none. */
export function withThread(from: Route, threadId: string | null): Route {
  return from.view === "settings" ? from : { ...from, threadId };
}
