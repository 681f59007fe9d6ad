// SPDX-License-Identifier: Apache-2.0
// In development the API is that of a running server: HERONRY_URL, or the address that tools/run prints.
import { defineConfig } from "vite";
import { appConfig } from "../web-kit/build/vite.ts";

const server = process.env["HERONRY_URL"] ?? "https://localhost:10443";

export default defineConfig({
  ...appConfig({ base: "/admin/", name: "admin" }),
  server: {
    proxy: Object.fromEntries(
      ["/api", "/health"].map((path) => [path, { target: server, secure: false, headers: { origin: server } }]),
    ),
  },
});
