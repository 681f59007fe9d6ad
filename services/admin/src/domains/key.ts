// SPDX-License-Identifier: Apache-2.0
// A private key as people bring it: a file or a text. What is in it is the server's to say.

/** Longer is no key, and more than the server takes. */
export const KEY_MAX = 16_384;

/** The content of its file as the server takes it: a text as it is, DER as base64. */
export function keyText(bytes: Uint8Array): string {
  const isText = bytes.every((one) => one === 9 || one === 10 || one === 13 || (one >= 32 && one < 127));
  const text = String.fromCharCode(...bytes);
  return isText ? text : btoa(text);
}

/** The selector that the file of a key is named after: opendkim keeps that of "mail" in mail.private. */
export function selectorOf(fileName: string): string {
  return /^([a-z0-9]([a-z0-9-]*[a-z0-9])?)\.private$/i.exec(fileName)?.[1]?.toLowerCase() ?? "";
}

const FLAWS = [
  ["missing", /^\s*$/],
  ["encrypted", /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/],
  ["openssh", /-----BEGIN OPENSSH PRIVATE KEY-----/],
  ["public", /^(?![^]*PRIVATE KEY-----)[^]*(-----BEGIN (RSA )?PUBLIC KEY-----|-----BEGIN CERTIFICATE-----|\bv=DKIM1\b)/],
] as const;
export type Flaw = (typeof FLAWS)[number][0];

/** What people take for a private key and is none, or cannot be read without its passphrase. */
export function flawOf(text: string): Flaw | undefined {
  return FLAWS.find(([, sign]) => sign.test(text))?.[0];
}
