// SPDX-License-Identifier: Apache-2.0
// Judges answers for a test program: reads the bundle's path from its arguments, then one JSON line
// for each answer, and writes one with what is wrong with it.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Judge } from "./judge.mjs";

const judge = new Judge(JSON.parse(readFileSync(process.argv[2], "utf8")));
for await (const line of createInterface({ input: process.stdin })) {
  const answer = JSON.parse(line);
  answer.body = Buffer.from(answer.body, "base64");
  process.stdout.write(JSON.stringify({ ...judge.answer(answer), untold: judge.untold(answer.body) }) + "\n");
}
