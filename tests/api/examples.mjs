// SPDX-License-Identifier: Apache-2.0
// Checks that every example of the contract is what its schema says.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Judge, follow, operations } from "./judge.mjs";

const tool = fileURLToPath(new URL("../../tools/generate/generate.py", import.meta.url));
const document = JSON.parse(execFileSync("/usr/bin/python3", [tool, "bundle"], { maxBuffer: 1 << 26 }));
const judge = new Judge(document);
let count = 0;
let faults = 0;

function check(where, schema, value) {
  count += 1;
  for (const fault of judge.judge(where, schema, value)) {
    faults += 1;
    console.log(`${where}: the example ${JSON.stringify(value).slice(0, 120)}: ${fault}`);
  }
}

function checkBody(where, node) {
  for (const [kind, content] of Object.entries(follow(document, node)?.content ?? {})) {
    if (content.example !== undefined) check(`${where} ${kind}`, content.schema, content.example);
  }
}

function checkSchema(where, schema) {
  for (const [i, value] of (schema.examples ?? []).entries()) check(`${where} example ${i}`, schema, value);
  for (const [name, part] of Object.entries(schema.properties ?? {})) checkSchema(`${where}.${name}`, part);
  if (schema.items) checkSchema(`${where}[]`, schema.items);
}

for (const op of operations(document)) {
  checkBody(`${op.operationId} request`, op.requestBody);
  for (const [status, node] of Object.entries(op.responses)) checkBody(`${op.operationId} ${status}`, node);
  for (const p of op.parameters ?? []) {
    const parameter = follow(document, p);
    if (parameter.example !== undefined) check(`${op.operationId} ${parameter.name}`, parameter.schema, parameter.example);
  }
}
for (const [name, schema] of Object.entries(document.components.schemas)) checkSchema(name, schema);
console.log(`${count} examples, ${faults} faults`);
process.exit(faults === 0 && count > 0 ? 0 : 1);
