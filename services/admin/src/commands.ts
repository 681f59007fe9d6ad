// SPDX-License-Identifier: Apache-2.0
// Everything that can be done from every page: the palette, the help and the keys read this list.
import AtSign from "@lucide/svelte/icons/at-sign";
import ChartLine from "@lucide/svelte/icons/chart-line";
import CommandIcon from "@lucide/svelte/icons/command";
import FlaskConical from "@lucide/svelte/icons/flask-conical";
import Gauge from "@lucide/svelte/icons/gauge";
import Globe from "@lucide/svelte/icons/globe";
import Keyboard from "@lucide/svelte/icons/keyboard";
import LogOut from "@lucide/svelte/icons/log-out";
import Mail from "@lucide/svelte/icons/mail";
import Monitor from "@lucide/svelte/icons/monitor";
import Moon from "@lucide/svelte/icons/moon";
import Plus from "@lucide/svelte/icons/plus";
import Route from "@lucide/svelte/icons/route";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Send from "@lucide/svelte/icons/send";
import ShieldCheck from "@lucide/svelte/icons/shield-check";
import Sun from "@lucide/svelte/icons/sun";
import Users from "@lucide/svelte/icons/users";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import type { Icon } from "@heronry/web-kit/icon.ts";
import type { Command } from "@heronry/web-kit/keys/commands.svelte.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { PARTS, titleOf } from "./delivery/parts.ts";
import { t } from "./lang/messages.ts";
import { go, PAGES, type Page } from "./state/route.svelte.ts";
import { session } from "./state/session.svelte.ts";

export const ICONS: Readonly<Record<Page, Icon>> = {
  overview: Gauge,
  domains: Globe,
  accounts: Users,
  addresses: AtSign,
  senders: ShieldCheck,
  reports: ChartLine,
  queue: Send,
  delivery: Route,
  audit: ScrollText,
};

const KEYS: Readonly<Record<Page, string>> = {
  overview: "g o",
  domains: "g d",
  accounts: "g a",
  addresses: "g e",
  senders: "g s",
  reports: "g r",
  queue: "g q",
  delivery: "g v",
  audit: "g l",
};

export interface Overlays {
  palette: () => void;
  keys: () => void;
}

export type Theme = "auto" | "light" | "dark";

export function changeTheme(theme: Theme): void {
  session.change({ theme }).catch((error: unknown) => toasts.problem(problemText(error)));
}

export function appCommands(overlays: Overlays): Command[] {
  const places = () => t("group.go");
  const making = () => t("group.new");
  const app = () => t("group.app");
  const theme = (id: Theme, icon: Icon): Command => ({
    id: `theme.${id}`, title: () => t(`theme.${id}`), icon, group: app, run: () => changeTheme(id),
  });
  const make = (page: Page, title: () => string, keys: string): Command => ({
    id: `new.${page}`, title, icon: Plus, keys: [keys], group: making, run: () => go(page, "", { new: "1" }),
  });
  return [
    ...PAGES.map((page) => ({
      id: `go.${page}`, title: () => t(`nav.${page}`), icon: ICONS[page], keys: [KEYS[page]], group: places, run: () => go(page),
    })),
    ...PARTS.map((part) => ({
      id: `go.delivery.${part}`, title: () => titleOf(part), icon: Route, group: places, run: () => go("delivery", part),
    })),
    { id: "go.webmail", title: () => t("nav.webmail"), icon: Mail, group: places, run: () => location.assign("/") },
    make("domains", () => t("domains.add"), "n d"),
    make("accounts", () => t("accounts.add"), "n a"),
    make("addresses", () => t("addresses.add"), "n e"),
    make("senders", () => t("senders.add"), "n s"),
    { id: "delivery.try", title: () => t("try.title"), icon: FlaskConical, group: app, run: () => go("delivery", "routes", { try: "1" }) },
    { id: "palette", title: () => t("nav.palette"), icon: CommandIcon, keys: ["Mod+k"], group: app, quiet: true, run: overlays.palette },
    { id: "help.keys", title: () => t("nav.keys"), icon: Keyboard, keys: ["?"], group: app, run: overlays.keys },
    { id: "undo", title: () => t("undo"), keys: ["z"], group: app, quiet: true, enabled: () => toasts.canUndo, run: () => toasts.undoLast() },
    theme("auto", Monitor),
    theme("light", Sun),
    theme("dark", Moon),
    { id: "signOut", title: () => t("nav.signOut"), icon: LogOut, group: app, run: () => session.signOut() },
  ];
}
