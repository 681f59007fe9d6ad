// SPDX-License-Identifier: Apache-2.0
// Routes (the API calls them transports): what they are for, in words, and as people type them.
import type { Schema } from "@heronry/web-kit/api/client.ts";
import { count } from "@heronry/web-kit/lang/format.ts";
import { t } from "../../lang/messages.ts";

export type Transport = Schema<"Transport">;

/** "Mail to partner.example", "Mail from ada@example.org" */
export function purposeOf(key: string): string {
  if (key === "*") return t("routes.all");
  if (!key.includes("@")) return t("routes.to", { domain: key });
  return t("routes.from", { sender: key.startsWith("@") ? key.slice(1) : key });
}

/** "smtp.relay.example, port 587"; what is no server of its own, by its own ways. */
export function serverOf({ host, port }: Transport): string {
  return host ? t("routes.serverAt", { host, port: String(port ?? 25) }) : t("routes.itself");
}

/** What else is said, as a list. */
export function restOf({ protocol, connections, perMinute, pool, ehloName }: Transport): string[] {
  return [
    protocol === "lmtp" ? t("routes.byLmtp") : "",
    connections ? t("routes.connectionsAre", { count: connections }) : "",
    perMinute ? t("routes.perMinuteIs", { number: count(perMinute) }) : "",
    pool ? t("routes.poolIs", { pool }) : "",
    ehloName ? t("routes.ehloNameIs", { name: ehloName }) : "",
  ].filter(Boolean);
}
