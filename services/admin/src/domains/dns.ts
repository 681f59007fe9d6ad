// SPDX-License-Identifier: Apache-2.0
// DNS records as lines of a zone file. Which records a domain needs is the server's to say.
import type { Schema } from "@heronry/web-kit/api/client.ts";

export type DnsRecord = Schema<"DnsRecord">;

/** Octets of one string of a TXT record. */
const STRING_MAX = 255;

/** A text as strings of a TXT record; it is ASCII. */
function strings(text: string): string {
  const pieces = text.match(new RegExp(`.{1,${STRING_MAX}}`, "g")) ?? [""];
  return pieces.map((piece) => `"${piece.replaceAll(/(["\\])/g, "\\$1")}"`).join(" ");
}

/** One line of a zone file (RFC 1035 section 5). */
export function zoneLine(record: DnsRecord): string {
  const value = record.type === "TXT" ? strings(record.value) : record.value;
  return `${record.name}. 3600 IN ${record.type} ${value}`;
}

export function zoneFile(records: readonly DnsRecord[]): string {
  return `${records.map(zoneLine).join("\n")}\n`;
}
