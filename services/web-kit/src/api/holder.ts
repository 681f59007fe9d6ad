// SPDX-License-Identifier: Apache-2.0
// Whose browser this is. All tabs, of the webmail and of the administration, share one cookie: when
// somebody else signs in in one of them, the requests of the others are his. They must not show, write or
// save anything as whom they were, so they stop asking at once and begin anew. What the tabs tell each
// other is the account's id, in the browser's storage: it is read before each request, without a wait.
import { forget, recall, remember, watch } from "../preferences.svelte.ts";

const NAME = "account";
let mine: string | null = null;

/** The page begins again, as whoever is signed in now; replaced by tests. */
export const beginning = {
  /** Without the part after #: it names mail of the account before. */
  anew: (): void => location.replace(location.pathname),
};

/** This tab shows the account from now on, and tabs of others make room. */
export function holdAccount(id: string): void {
  mine = id;
  if (recall(NAME) !== id) remember(NAME, id);
}

/** This tab shows nobody any more; `signedOut`, when nobody is signed in in the whole browser. */
export function releaseAccount(signedOut: boolean): void {
  if (signedOut && recall(NAME) === mine) forget(NAME);
  mine = null;
}

/** Whether the browser has another account's cookie than this tab shows. Nothing may be asked then, and the
 * page begins anew. */
export function madeRoom(): boolean {
  const now = recall(NAME);
  const other = mine !== null && now !== null && now !== mine;
  if (other) beginning.anew();
  return other;
}

// A tab at the door follows, too: its browser is signed in.
watch(NAME, (now) => {
  if (now !== null && now !== mine) beginning.anew();
});
