// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { dayBegins, dayEnds } from "../src/audit/days.ts";
import { zoneFile } from "../src/domains/dns.ts";
import { callOf, curl, quote } from "../src/parts/curl.ts";
import { makePassword, parseSize, typedSize } from "../src/parts/units.ts";
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
