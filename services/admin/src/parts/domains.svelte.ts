// SPDX-License-Identifier: Apache-2.0
// The names of the domains, for choices: asked for once, and again when one was made or removed.
import { api, ok } from "@heronry/web-kit/api/client.ts";

const MOST = 200;

class Domains {
  names = $state.raw<readonly string[]>([]);
  /** There are more than were asked for: a choice must be typed. */
  more = $state(false);
  #asked = false;

  async load(again = false): Promise<void> {
    if (this.#asked && !again) return;
    this.#asked = true;
    try {
      const page = await ok(api.GET("/admin/domains", { params: { query: { limit: MOST } } }));
      this.names = page.items.map((one) => one.name);
      this.more = page.nextCursor !== null;
    } catch (error) {
      this.#asked = false;
      throw error;
    }
  }
}

export const domains = new Domains();
