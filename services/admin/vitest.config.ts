// SPDX-License-Identifier: Apache-2.0
import { svelte, vitePreprocess } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte({ preprocess: vitePreprocess(), compilerOptions: { runes: true } })],
  resolve: { conditions: ["browser"] },
  // Ends what hangs, and what is quadratic; on a machine that stands still a test of a moment takes seconds.
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
});
