// SPDX-License-Identifier: Apache-2.0
// A server behind every name that is not ours: whoever is led out of the apps comes here and is counted.
import assert from "node:assert/strict";
import net from "node:net";
import { after, afterEach } from "node:test";
import { chromiumArguments } from "./site.mjs";

const CHROMIUMS_OWN = /(?:^|\.)(?:google|googleapis|gstatic|gvt1)\.com$/;
/** What came: the name that a TLS greeting asked for, or the beginning of a request. */
export const hits = [];
/** The name in a TLS greeting (RFC 6066 section 3: the extension 0), or "TLS". */
function greeted(data) {
  for (let i = 0; i + 9 < data.length; i++) {
    const [type, whole, list, n] = [data.readUInt16BE(i), data.readUInt16BE(i + 2), data.readUInt16BE(i + 4), data.readUInt16BE(i + 7)];
    if (type === 0 && whole === list + 2 && list === n + 3 && data[i + 6] === 0) return data.toString("latin1", i + 9, i + 9 + n);
  }
  return "TLS";
}

const tripwire = net.createServer((socket) => {
  socket.on("error", () => undefined);
  socket.once("data", (data) => {
    const text = data.toString("latin1");
    const host = data[0] === 0x16 ? greeted(data) : (/^host: ([^:\r]+)/im.exec(text)?.[1] ?? "");
    // Chromium itself likes to call home.
    if (!CHROMIUMS_OWN.test(host)) hits.push(data[0] === 0x16 ? host : text.slice(0, 300));
    socket.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
});

after(() => tripwire.close());
// What a test failed of is not held against the next one.
afterEach(({ passed }) => {
  if (!passed) hits.length = 0;
});

/** Leads every name but our own to the tripwire; before the first window. */
export async function setTripwire() {
  await new Promise((resolve) => tripwire.listen(0, "127.0.0.1", resolve));
  chromiumArguments([`--host-resolver-rules=MAP * 127.0.0.1:${tripwire.address().port}, EXCLUDE localhost`]);
}

/** One that never notices anything would prove nothing. */
export async function tripwireNotices(page) {
  // Without content there is no page, and so no icon of it to fetch later.
  await page.goto("http://tripwire.example/control").catch(() => undefined);
  const control = hits.filter((one) => one.includes("/control"));
  assert.equal(control.length, 1);
  hits.splice(hits.indexOf(control[0]), 1);
}
