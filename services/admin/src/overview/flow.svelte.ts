// SPDX-License-Identifier: Apache-2.0
// Figures over time for the charts of the overview.
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { isAborted } from "@heronry/web-kit/api/problem.ts";

export const RANGES = { day: [86_400, 900], week: [604_800, 3600], month: [2_592_000, 86_400] } as const;
export type Range = keyof typeof RANGES;

export class Flow {
  metrics: readonly Schema<"Metric">[];
  stats = $state.raw<readonly Schema<"Stats">[]>([]);
  error = $state.raw<unknown>(null);
  loading = $state(false);
  #abort: AbortController | undefined;

  constructor(...metrics: Schema<"Metric">[]) {
    this.metrics = metrics;
  }

  async load(range: Range): Promise<void> {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    const [span, step] = RANGES[range];
    // Whole intervals, so that neighbours compare; the last one is still going on.
    const to = Math.ceil(Date.now() / 1000 / step) * step;
    const query = { from: new Date((to - span) * 1000).toISOString(), to: new Date(to * 1000).toISOString(), step };
    this.loading = true;
    try {
      const asked = this.metrics.map((metric) =>
        ok(api.GET("/admin/stats", { params: { query: { ...query, metric } }, signal: abort.signal })),
      );
      this.stats = await Promise.all(asked);
      this.error = null;
    } catch (error) {
      if (!isAborted(error)) this.error = error;
    } finally {
      if (abort === this.#abort) this.loading = false;
    }
  }
}
