// SPDX-License-Identifier: Apache-2.0
// How both apps are built: Svelte, hashed files below assets/, and beside each text file its gzip and
// brotli siblings, so that the server never compresses the same bytes twice.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompress, constants, gzip } from "node:zlib";
import { promisify } from "node:util";
import { svelte, vitePreprocess } from "@sveltejs/vite-plugin-svelte";
import type { Plugin, UserConfig } from "vite";

const WORTH_IT = /\.(js|css|html|svg|json|webmanifest)$/;
const SMALL = 1024;

/** Writes file.gz and file.br beside what the build wrote. */
function precompress(): Plugin {
  let folder = "";
  return {
    name: "heronry-precompress",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    async closeBundle() {
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !WORTH_IT.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const bytes = await readFile(path);
        if (bytes.length < SMALL) continue;
        await writeFile(`${path}.gz`, await promisify(gzip)(bytes, { level: 9 }));
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        await writeFile(`${path}.br`, await promisify(brotliCompress)(bytes, { params }));
      }
    },
  };
}

/** What the pages of both apps begin with, in the place of the comment "head". */
function sharedHead(): Plugin {
  return {
    name: "heronry-head",
    transformIndexHtml: {
      order: "pre",
      async handler(page) {
        const head = await readFile(join(import.meta.dirname, "head.html"), "utf8");
        return page.replace("<!-- head -->", head.trim());
      },
    },
  };
}

interface ModuleGraph {
  getModuleInfo: (id: string) => { isEntry: boolean; importers: readonly string[] } | null;
}

/** One file for all that the first picture needs: many small ones would be larger and later. */
function firstChunk(): (id: string, graph: ModuleGraph) => string | null {
  const known = new Map<string, boolean>();
  const needed = (id: string, graph: ModuleGraph): boolean => {
    const before = known.get(id);
    if (before !== undefined) return before;
    known.set(id, false); // for circles
    const info = graph.getModuleInfo(id);
    const result = info !== null && (info.isEntry || info.importers.some((one) => needed(one, graph)));
    known.set(id, result);
    return result;
  };
  return (id, graph) => (needed(id, graph) ? "first" : null);
}

export interface AppOptions {
  /** Where the app is served, "/" or "/admin/". */
  base: string;
  /** Its folder in the build, "webmail". */
  name: string;
  /** More plugins, as the stub server of development. */
  plugins?: Plugin[];
}

export function appConfig({ base, name, plugins = [] }: AppOptions): UserConfig {
  const out = process.env["HERONRY_WEB_OUT"];
  return {
    base,
    plugins: [svelte({ preprocess: vitePreprocess(), compilerOptions: { runes: true } }), sharedHead(), precompress(), ...plugins],
    build: {
      outDir: out ? join(out, name) : "dist",
      emptyOutDir: true,
      target: "es2023",
      cssTarget: ["chrome123", "firefox121", "safari17.5"],
      // Nothing inside data: URLs: the policy of the app allows them for pictures only.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: { output: { codeSplitting: { groups: [{ name: firstChunk() }] } } },
    },
  };
}
