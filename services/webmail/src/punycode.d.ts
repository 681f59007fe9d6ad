// SPDX-License-Identifier: Apache-2.0
// The one function that we use. The package has no types, and by its short name bundlers take a module of node.
declare module "punycode/punycode.es6.js" {
  /** A host whose labels that begin with "xn--" are letters again; throws when one cannot be read. */
  export function toUnicode(host: string): string;
}
