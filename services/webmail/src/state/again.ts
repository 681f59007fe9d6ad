// SPDX-License-Identifier: Apache-2.0
// A server that could not answer is asked again, less and less often: no further event may come.
export const ASK_AGAIN_MS = 5000;
const ASK_AGAIN_MOST_MS = 60_000;

/** How long to wait after so many failures before this one, and what the server asks for: not all windows come back
 *  at the same moment. */
export function pauseMs(failed: number, retryAfter: number): number {
  const most = Math.min(ASK_AGAIN_MS * 2 ** Math.min(failed, 10), ASK_AGAIN_MOST_MS);
  return Math.max(retryAfter * 1000, most * (0.5 + Math.random() / 2));
}
