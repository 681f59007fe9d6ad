// SPDX-License-Identifier: Apache-2.0
// The DNS records that a domain needs so that mail finds this server and programs find their settings.
// Pure: names in, records out. Only what this server does is in here.

export interface DnsRecord {
  /** Fully qualified, without the dot at the end. */
  name: string;
  type: "MX" | "TXT" | "SRV";
  value: string;
  /** What it is for: a key of the messages. */
  purpose: "mx" | "spf" | "dkim" | "dmarc" | "submissions" | "submission" | "imaps";
}

function service(domain: string, name: string, port: number, host: string): Pick<DnsRecord, "name" | "type" | "value"> {
  return { name: `_${name}._tcp.${domain}`, type: "SRV", value: `0 1 ${port} ${host}.` };
}

/** A key that the domain signs with, or did. */
export interface DkimKey {
  records: readonly { name: string; value: string }[];
}

/** The records for `domain` on the server that is called `host`, with those of its keys. */
export function recordsFor(domain: string, host: string, keys: readonly DkimKey[] = []): DnsRecord[] {
  return [
    { name: domain, type: "MX", value: `10 ${host}.`, purpose: "mx" },
    { name: domain, type: "TXT", value: "v=spf1 mx -all", purpose: "spf" },
    ...keys.flatMap((key) => key.records.map((r): DnsRecord => ({ ...r, type: "TXT", purpose: "dkim" }))),
    { name: `_dmarc.${domain}`, type: "TXT", value: "v=DMARC1; p=none", purpose: "dmarc" },
    { ...service(domain, "imaps", 993, host), purpose: "imaps" },
    { ...service(domain, "submissions", 465, host), purpose: "submissions" },
    { ...service(domain, "submission", 587, host), purpose: "submission" },
  ];
}

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
