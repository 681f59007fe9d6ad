// SPDX-License-Identifier: Apache-2.0
// Sends what a dialog makes: once, however often somebody presses the button.
import { newKey } from "@heronry/web-kit/api/client.ts";
import { asProblem, problemText, type ApiProblem } from "@heronry/web-kit/api/problem.ts";
import { toasts } from "@heronry/web-kit/toasts.svelte.ts";

export class Maker {
  busy = $state(false);
  problem = $state.raw<ApiProblem | null>(null);
  // The same key for the same request: another one when the server has answered, whatever it said.
  #key = newKey();

  /** Gets what is to be changed, one a line; a dialog that does not get it says why and closes. */
  async load(get: Promise<readonly string[]>, use: (lines: readonly string[]) => void, onclose: () => void): Promise<void> {
    this.busy = true;
    try {
      use(await get);
    } catch (thrown) {
      toasts.problem(problemText(thrown));
      onclose();
    } finally {
      this.busy = false;
    }
  }

  /** Runs `make` with a key for Idempotency-Key; what goes wrong becomes the problem. */
  async run(make: (key: string) => Promise<void>): Promise<void> {
    this.problem = null;
    this.busy = true;
    try {
      await make(this.#key);
    } catch (thrown) {
      this.problem = asProblem(thrown);
      if (this.problem.status !== 0) this.#key = newKey();
    } finally {
      this.busy = false;
    }
  }
}
