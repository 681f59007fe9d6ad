// SPDX-License-Identifier: Apache-2.0
// The parts of the page Delivery, in the order of their tabs.
import { t } from "../lang/messages.ts";

export const PARTS = ["limits", "tenants", "suppressed", "routes", "relay"] as const;
export type Part = (typeof PARTS)[number];

/** The part that the address bar names; the first for anything else. */
export function partOf(id: string): Part {
  return PARTS.find((one) => one === id) ?? PARTS[0];
}

/** "Delivery: Limits" */
export function titleOf(part: Part): string {
  return `${t("nav.delivery")}: ${t(`delivery.${part}`)}`;
}
