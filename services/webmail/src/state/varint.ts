// SPDX-License-Identifier: Apache-2.0
// Reads the order of a mailbox: ids as zig-zag varint differences (GET /mailboxes/{id}/index).

/** Ids in their order. Throws on a number of more than 64 bits, or a cut one. */
export function decodeIds(bytes: Uint8Array): string[] {
  const ids: string[] = [];
  let last = 0n;
  let at = 0;
  while (at < bytes.length) {
    // Most differences fit into what a double counts exactly; BigInt is for the rest.
    let low = 0;
    let factor = 1;
    let high = 0n;
    let shift = 0n;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("the order ends in the middle of a number");
      if (shift < 49n) {
        low += (byte & 127) * factor;
        factor *= 128;
      } else high |= BigInt(byte & 127) << shift;
      shift += 7n;
      if (byte < 128) break;
      if (shift > 63n) throw new Error("the order holds a number that is too long");
    }
    const value = high | BigInt(low);
    last += value & 1n ? -((value + 1n) >> 1n) : value >> 1n;
    ids.push(String(last));
  }
  return ids;
}
