// SPDX-License-Identifier: Apache-2.0
// What can be done with mail that waits.
import { api, newKey, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { problemText } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";
import { t } from "../lang/messages.ts";

/** Tries messages again now, one by one; tells how many recipients that are, or what stays held. A message that is gone
 *  meanwhile needs no try. */
export async function retryMessages(ids: readonly string[]): Promise<void> {
  let recipients = 0;
  let held = 0;
  try {
    for (const queueId of ids) {
      const answer = await api.POST("/admin/queue/{queueId}/retry", { params: { path: { queueId } } });
      if (answer.response.status === 409) held++;
      else if (answer.response.status !== 404) recipients += (await ok(Promise.resolve(answer))).recipients;
    }
    toasts.show(held > 0 ? t("queue.stayHeld", { count: held }) : t("queue.retried", { count: recipients }));
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

/** Lets a message go that is held. */
export async function releaseMessage(id: string): Promise<void> {
  try {
    const params = { header: { "Idempotency-Key": newKey() } };
    const answer = await ok(api.POST("/admin/queue/act", { params, body: { action: "release", id } }));
    toasts.show(t("queue.retried", { count: answer.recipients }));
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

/** Tries all again that a filter selects. */
export async function retryAll(filter: Schema<"QueueFilter">): Promise<void> {
  try {
    const answer = await ok(api.POST("/admin/queue/retry", { params: { header: { "Idempotency-Key": newKey() } }, body: filter }));
    toasts.show(t("queue.retried", { count: answer.recipients }));
  } catch (error) {
    toasts.problem(problemText(error));
  }
}

/** Removes messages for all their recipients; throws the first problem. A message that is gone is fine. */
export async function removeMessages(ids: readonly string[]): Promise<void> {
  for (const queueId of ids) {
    const answer = await api.DELETE("/admin/queue/{queueId}", { params: { path: { queueId } } });
    if (answer.response.status !== 404) await ok(Promise.resolve(answer));
  }
  toasts.show(t("queue.removed", { count: ids.length }));
}
