// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { dayBegins, dayEnds } from "../src/audit/days.ts";
import { zoneFile } from "../src/domains/dns.ts";
import { flawOf, keyText, selectorOf } from "../src/domains/key.ts";
import { callOf, curl, quote } from "../src/parts/curl.ts";
import { makePassword, parseNumber, parseSize, typedSize } from "../src/parts/units.ts";
import { purposeOf, restOf, serverOf } from "../src/delivery/routes/routes.ts";
import { nextTry } from "../src/queue/times.ts";
import { hashOf, parseRoute } from "../src/state/route.svelte.ts";

test("sizes are read as people write them, and back", () => {
  expect(parseSize("")).toBe(0);
  expect(parseSize("10")).toBe(10e9);
  expect(parseSize(" 1,5 tb ")).toBe(1.5e12);
  expect(parseSize("500MB")).toBe(5e8);
  for (const bad of ["ten", "-1", "1 parsec", "1.2.3", "99999999 TB"]) expect(parseSize(bad)).toBeNull();
  for (const bytes of [0, 1, 999, 1e3, 12345678, 5e8, 1e9, 1.5e12, 2_147_483_648]) expect(parseSize(typedSize(bytes))).toBe(bytes);
});

test("numbers are read with the signs between their thousands", () => {
  for (const [text, number] of [["0", 0], [" 12 ", 12], ["1,200", 1200], ["1.200.000", 1_200_000], ["20 000", 20_000]] as const) expect(parseNumber(text)).toBe(number);
  expect(parseNumber(" ")).toBeUndefined();
  for (const bad of ["many", "-1", "1,2", "1.5", "12345678901"]) expect(parseNumber(bad)).toBeNull();
});

test("routes are told in words", () => {
  expect(["*", "partner.example", "mia@example.org", "@example.org"].map(purposeOf)).toEqual(
    ["All other mail", "Mail to partner.example", "Mail from mia@example.org", "Mail from example.org"],
  );
  const route = { domain: "*", host: null, port: null, protocol: "smtp", tls: "verify", login: null, auth: null, connections: null, perMinute: null, pool: null, ehloName: null, createdAt: "" } as const;
  expect(serverOf(route)).toBe("Servers of the recipients");
  expect(serverOf({ ...route, host: "smtp.relay.example", port: 2525 })).toBe("smtp.relay.example, port 2525");
  expect(restOf({ ...route, connections: 1, perMinute: 1000, pool: "bulk", ehloName: "out.example.org" })).toEqual(
    ["1 connection", "1,000 a minute", "from the pool bulk", "as out.example.org"],
  );
});

test("passwords are long, without look-alikes, and never the same", () => {
  const made = new Set(Array.from({ length: 50 }, makePassword));
  expect(made.size).toBe(50);
  for (const one of made) expect(one).toMatch(/^[a-hjkmnp-z2-9]{5}(-[a-hjkmnp-z2-9]{5}){3}$/);
});

test("calls are safe to paste into a shell", () => {
  expect(quote("a'b")).toBe("'a'\\''b'");
  expect(callOf("/admin/accounts", { q: "x y", domain: "", limit: 5 })).toBe("/admin/accounts?q=x+y&limit=5");
  expect(curl("https://mail.example.org", "/admin/queue")).toContain("'https://mail.example.org/api/v1/admin/queue'");
});

test("DNS records become lines of a zone file", () => {
  const zone = zoneFile([
    { name: "example.org", type: "MX", value: "10 mail.example.net.", purpose: "mx" },
    { name: "example.org", type: "TXT", value: "v=spf1 mx -all", purpose: "spf" },
    { name: "_25._tcp.mail.example.net", type: "TLSA", value: "3 1 1 00ff", purpose: "tlsa" },
  ]);
  expect(zone).toBe(
    "example.org. 3600 IN MX 10 mail.example.net.\n" +
      'example.org. 3600 IN TXT "v=spf1 mx -all"\n' +
      "_25._tcp.mail.example.net. 3600 IN TLSA 3 1 1 00ff\n",
  );
});

test("records of keys are strings that fit", () => {
  const value = `v=DKIM1; k=rsa; p=${"M".repeat(400)}`;
  const line = zoneFile([{ name: "mail._domainkey.example.org", type: "TXT", value, purpose: "dkim" }]);
  const pieces = [...line.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
  expect(pieces.join("")).toBe(value);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(255);
});

test("a private key is taken as its file has it, and what is none is told", () => {
  expect(keyText(new TextEncoder().encode("-----BEGIN PRIVATE KEY-----\r\nMC4=\n"))).toBe("-----BEGIN PRIVATE KEY-----\r\nMC4=\n");
  expect(keyText(Uint8Array.of(0x30, 0x82, 0, 0xff))).toBe("MIIA/w==");
  expect(["mail.private", "S-2026.PRIVATE", "mail.txt", "-a.private", "a b.private", ".private", "private"].map(selectorOf)).toEqual(
    ["mail", "s-2026", "", "", "", "", ""],
  );
  const pem = (label: string): string => `-----BEGIN ${label}-----\nMC4=\n-----END ${label}-----\n`;
  const cases = [
    [" \n", "missing"], [pem("ENCRYPTED PRIVATE KEY"), "encrypted"], [pem("OPENSSH PRIVATE KEY"), "openssh"],
    [`-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n`, "encrypted"], [pem("PUBLIC KEY"), "public"], [pem("RSA PUBLIC KEY"), "public"],
    [pem("CERTIFICATE"), "public"], ['mail._domainkey IN TXT "v=DKIM1; p=MIIA"', "public"],
    [pem("PRIVATE KEY"), undefined], [pem("RSA PRIVATE KEY"), undefined], [pem("PUBLIC KEY") + pem("PRIVATE KEY"), undefined],
    [pem("PRIVATE KEY") + pem("PUBLIC KEY"), undefined], ["nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", undefined],
  ] as const;
  for (const [text, flaw] of cases) expect(flawOf(text), text).toBe(flaw);
});

test("the address bar keeps page, thing and filters", () => {
  expect(parseRoute("")).toEqual({ page: "overview", id: "", query: {} });
  expect(parseRoute("#/nonsense")).toMatchObject({ page: "overview" });
  expect(parseRoute("#/domains/%E0%A4")).toMatchObject({ page: "domains", id: "" });
  const hash = hashOf("accounts", "12", { q: "a&b=c", status: "" });
  expect(parseRoute(hash)).toEqual({ page: "accounts", id: "12", query: { q: "a&b=c" } });
});

test("days are those of the reader, whole", () => {
  expect(dayBegins("2026-11-21")).toBe(new Date(2026, 10, 21).toISOString());
  expect(dayEnds("2026-12-31")).toBe(new Date(2027, 0, 1).toISOString());
  expect(dayBegins("tomorrow")).toBe("");
});

test("what is due is not in the past", () => {
  const now = new Date("2026-11-21T10:00:00Z");
  expect(nextTry("2026-11-21T09:59:00Z", now)).toBe("due now");
  expect(nextTry("2026-11-21T10:05:00Z", now)).toBe("in 5 minutes");
});
