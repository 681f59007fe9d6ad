// SPDX-License-Identifier: Apache-2.0
// Judges what the server answers to the apps by the contract, while the browser tests run.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Judge } from "../../api/judge.mjs";

const tool = fileURLToPath(new URL("../../../tools/generate/generate.py", import.meta.url));
let judge;

function theJudge() {
  judge ??= new Judge(JSON.parse(execFileSync("/usr/bin/python3", [tool, "bundle"], { maxBuffer: 1 << 26 })));
  return judge;
}

/** All header fields and the octets of a JSON answer; all else is judged without its octets. Null for
 * an answer that the page gave up. */
async function contentOf(response) {
  try {
    const headers = await response.allHeaders();
    const isJson = /json/.test(headers["content-type"] ?? "");
    return { headers, body: isJson ? await response.body() : Buffer.alloc(0) };
  } catch {
    return null;
  }
}

/** Puts every answer that is not as the contract says among the faults of the page. */
export function judgeAnswers(page) {
  page.on("response", async (response) => {
    const url = new URL(response.url());
    if (!url.pathname.startsWith("/api/v1/")) return;
    const content = await contentOf(response);
    if (content === null) return;
    const method = response.request().method();
    const { faults } = theJudge().answer({ method, path: url.pathname, status: response.status(), ...content });
    for (const fault of faults) page.faults.push(`${method} ${url.pathname} ${response.status()}: ${fault}`);
  });
}
