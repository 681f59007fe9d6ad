// SPDX-License-Identifier: Apache-2.0
// Taking a rule from its list, with a way back.
import { api, newKey, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { t } from "../lang/messages.ts";

type Rule = Schema<"ReceiptRule">;
export type List = Rule["list"];

/** What makes such a rule. */
export function bodyOf(rule: Pick<Rule, "list" | "subject" | "domain" | "note">): Schema<"ReceiptRuleNew"> {
  const { list, subject, domain, note } = rule;
  return { list, subject, ...(domain ? { domain } : {}), ...(note ? { note } : {}) };
}

/** `after` runs when something changed. */
export async function removeRule(rule: Rule, after: () => unknown): Promise<void> {
  try {
    await ok(api.DELETE("/admin/receipt-rules/{ruleId}", { params: { path: { ruleId: rule.id } } }));
    toasts.show(t("senders.removed", { subject: rule.subject }), { undo: () => giveBack(rule, after) });
    await after();
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

async function giveBack(rule: Rule, after: () => unknown): Promise<void> {
  try {
    await ok(api.POST("/admin/receipt-rules", { params: { header: { "Idempotency-Key": newKey() } }, body: bodyOf(rule) }));
    await after();
  } catch (error) {
    toasts.problem(problemText(error));
  }
}
