// SPDX-License-Identifier: Apache-2.0
// How much somebody may send: the limits in words, and the acts on them.
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { count } from "@heronry/web-kit/lang/format.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { t } from "../../lang/messages.ts";

export type Limits = Schema<"SendingLimits">;

export const WINDOWS = ["messagesPerHour", "recipientsPerHour", "messagesPerDay", "recipientsPerDay"] as const;
export type Window = (typeof WINDOWS)[number];
export const LIMITS = [...WINDOWS, "recipientsPerMessage"] as const;
export type Limit = (typeof LIMITS)[number];

export function hasLimits(one: Limits): boolean {
  return LIMITS.some((limit) => one[limit] !== null);
}

/** The name of a tenant; null for an account or a domain. */
export function tenantOf(sender: string): string | null {
  return sender.startsWith("tenant:") ? sender.slice("tenant:".length) : null;
}

/** Who it is, for people: "Tenant acme", or the address or domain. */
export function calledOf(sender: string): string {
  const name = tenantOf(sender);
  return name === null ? sender : t("tenants.called", { name });
}

/** Its limits alone. */
export function limitsOf(one: Limits): Record<Limit, number | null> {
  return {
    messagesPerHour: one.messagesPerHour, recipientsPerHour: one.recipientsPerHour,
    messagesPerDay: one.messagesPerDay, recipientsPerDay: one.recipientsPerDay,
    recipientsPerMessage: one.recipientsPerMessage,
  };
}

/** "12 of 1,000 an hour"; what the configuration says is not known here. */
export function usedOf(one: Limits, window: Window): string {
  const most = one[window];
  const used = count(one.used[window]);
  const span = window.endsWith("Hour") ? "hour" : "day";
  if (most === null) return t(`limits.usual.${span}`, { used });
  return most === 0 ? t(`limits.free.${span}`, { used }) : t(`limits.of.${span}`, { used, most: count(most) });
}

/** "at most 50 a message"; nothing where it is not said. */
export function perMessage(one: Limits): string {
  const most = one.recipientsPerMessage;
  if (most === null) return "";
  return most === 0 ? t("limits.free.message") : t("limits.of.message", { most: count(most) });
}

export function changeLimits(sender: string, body: Schema<"SendingLimitsPatch">): Promise<Limits> {
  return ok(api.PATCH("/admin/sending-limits/{sender}", { params: { path: { sender } }, body }));
}

/** Runs a change, tells that it is done with a way back, and `after` each of both. */
async function act(change: () => Promise<unknown>, said: string, back: (() => Promise<unknown>) | null, after: () => unknown): Promise<void> {
  try {
    await change();
    await after();
    toasts.show(said, back ? { undo: () => act(back, t("limits.asBefore"), null, after) } : {});
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

/** Lets a stopped account send again. */
export function release(one: Limits, after: () => unknown): Promise<void> {
  const { sender, reason } = one;
  return act(
    () => changeLimits(sender, { isStopped: false }),
    t("limits.released", { sender }),
    () => changeLimits(sender, { isStopped: true, ...(reason ? { reason } : {}) }),
    after,
  );
}

/** Gives somebody the limits of the configuration again. */
export function forget(one: Limits, after: () => unknown): Promise<void> {
  const { sender } = one;
  const none = Object.fromEntries(LIMITS.map((limit) => [limit, null]));
  return act(() => changeLimits(sender, none), t("limits.removed", { sender: calledOf(sender) }), () => changeLimits(sender, limitsOf(one)), after);
}
