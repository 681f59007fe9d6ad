// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from "vite";
import { appConfig } from "../web-kit/build/vite.ts";
import { stubServer } from "../web-kit/dev/stub.ts";

export default defineConfig(appConfig({ base: "/", name: "webmail", plugins: [stubServer()] }));
