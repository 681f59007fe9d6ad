// SPDX-License-Identifier: Apache-2.0
// What follows from the checks that the server made when a message came in: whether it is proven that the
// domain in From sent it. Pure.
import type { Schema } from "@heronry/web-kit/api/client.ts";
import { asciiHost } from "./hosts.ts";

export type Proof =
  /** `by`: names of the proofs, for people who know them. */
  | { kind: "proven"; domain: string; by: string }
  /** Somebody else vouches for having passed it on. */
  | { kind: "via"; domain: string; via: string }
  /** The domain asks for proofs (DMARC), and they failed. */
  | { kind: "failed"; domain: string }
  | { kind: "unproven"; domain: string };

/** Whether who proved to be `proven` may speak for `domain`: only a domain itself and those above it. A name
 * below it may be anybody's whom the domain gave a name. */
function speaksFor(proven: string, domain: string): boolean {
  return proven.includes(".") && (domain === proven || domain.endsWith(`.${proven}`));
}

/** Null when nothing was checked. */
export function proofOf(authentication: Schema<"Authentication"> | null, from: readonly Schema<"EmailAddress">[]): Proof | null {
  if (!authentication) return null;
  const { spf, sender, signers, dmarc, author } = authentication;
  const domain = asciiHost(from[0]?.address.split("@").at(-1) ?? "");
  if (from.length !== 1 || !domain) return { kind: "unproven", domain };
  if (dmarc === "fail") return { kind: "failed", domain };
  const others = signers.map(asciiHost);
  const signed = others.some((one) => speaksFor(one, domain));
  const sent = spf === "pass" && speaksFor(asciiHost(sender), domain);
  // DMARC knows which other names belong to the same organisation.
  const passed = dmarc === "pass" && asciiHost(author) === domain;
  const by = [signed ? "DKIM" : "", sent ? "SPF" : "", passed ? "DMARC" : ""].filter(Boolean).join(", ");
  if (by) return { kind: "proven", domain, by };
  const via = others[0] ?? (spf === "pass" ? asciiHost(sender) : "");
  return via ? { kind: "via", domain, via } : { kind: "unproven", domain };
}
