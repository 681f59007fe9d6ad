// SPDX-License-Identifier: Apache-2.0
import { svelte, vitePreprocess } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte({ preprocess: vitePreprocess(), compilerOptions: { runes: true } })],
  resolve: { conditions: ["browser"] },
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"] },
});
