/**
 * CRC-32C and CRC-64/NVME, which Node does not have, over eight bytes a step: eight tables of 256 entries each, the first for
 * the byte that is eight positions from the end of the step, the last for the one before the next step ("slicing by 8").
 * Numbers of 64 bits are two halves of 32: BigInt is a hundred times slower.
 */
const slices = 8;

/** Reflected: the lowest bit is the highest power. */
const castagnoli = 0x82f63b78;

/** `crc32cTable[256 * k + b]`: the byte b with k zero bytes behind it. */
const crc32cTable = crc32cSlices();

export class Crc32c {
  private crc = -1;

  update(bytes: Uint8Array): void {
    const t = crc32cTable;
    const end = bytes.length - (bytes.length % slices);
    let crc = this.crc;
    let at = 0;
    for (; at < end; at += slices) {
      crc =
        t[1792 + ((crc ^ bytes[at]!) & 0xff)]! ^
        t[1536 + (((crc >>> 8) ^ bytes[at + 1]!) & 0xff)]! ^
        t[1280 + (((crc >>> 16) ^ bytes[at + 2]!) & 0xff)]! ^
        t[1024 + ((crc >>> 24) ^ bytes[at + 3]!)]! ^
        t[768 + bytes[at + 4]!]! ^
        t[512 + bytes[at + 5]!]! ^
        t[256 + bytes[at + 6]!]! ^
        t[bytes[at + 7]!]!;
    }
    for (; at < bytes.length; at += 1) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
    this.crc = crc;
  }

  digest(): Buffer {
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(~this.crc >>> 0);
    return digest;
  }
}

function crc32cSlices(): Int32Array {
  const table = new Int32Array(256 * slices);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ castagnoli : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at += 1) {
    const before = table[at - 256]!;
    table[at] = (before >>> 8) ^ table[before & 0xff]!;
  }
  return table;
}

/** 0x9a6c9329ac4bc9b5, reflected, in two halves. */
const nvmeHigh = 0x9a6c9329;
const nvmeLow = 0xac4bc9b5;

const [crc64High, crc64Low] = crc64Slices();

export class Crc64Nvme {
  private high = -1;
  private low = -1;

  update(bytes: Uint8Array): void {
    const h = crc64High;
    const l = crc64Low;
    const end = bytes.length - (bytes.length % slices);
    let high = this.high;
    let low = this.low;
    let at = 0;
    for (; at < end; at += slices) {
      const a = 1792 + ((low ^ bytes[at]!) & 0xff);
      const b = 1536 + (((low >>> 8) ^ bytes[at + 1]!) & 0xff);
      const c = 1280 + (((low >>> 16) ^ bytes[at + 2]!) & 0xff);
      const d = 1024 + ((low >>> 24) ^ bytes[at + 3]!);
      const e = 768 + ((high ^ bytes[at + 4]!) & 0xff);
      const f = 512 + (((high >>> 8) ^ bytes[at + 5]!) & 0xff);
      const g = 256 + (((high >>> 16) ^ bytes[at + 6]!) & 0xff);
      const i = (high >>> 24) ^ bytes[at + 7]!;
      high = h[a]! ^ h[b]! ^ h[c]! ^ h[d]! ^ h[e]! ^ h[f]! ^ h[g]! ^ h[i]!;
      low = l[a]! ^ l[b]! ^ l[c]! ^ l[d]! ^ l[e]! ^ l[f]! ^ l[g]! ^ l[i]!;
    }
    for (; at < bytes.length; at += 1) {
      const index = (low ^ bytes[at]!) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ l[index]!;
      high = (high >>> 8) ^ h[index]!;
    }
    this.high = high;
    this.low = low;
  }

  digest(): Buffer {
    const digest = Buffer.alloc(8);
    digest.writeUInt32BE(~this.high >>> 0, 0);
    digest.writeUInt32BE(~this.low >>> 0, 4);
    return digest;
  }
}

function crc64Slices(): [high: Int32Array, low: Int32Array] {
  const highs = new Int32Array(256 * slices);
  const lows = new Int32Array(256 * slices);
  for (let byte = 0; byte < 256; byte += 1) {
    let high = 0;
    let low = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      const odd = low & 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (odd) {
        high ^= nvmeHigh;
        low ^= nvmeLow;
      }
    }
    highs[byte] = high;
    lows[byte] = low;
  }
  for (let at = 256; at < highs.length; at += 1) {
    const high = highs[at - 256]!;
    const low = lows[at - 256]!;
    const index = low & 0xff;
    lows[at] = ((low >>> 8) | (high << 24)) ^ lows[index]!;
    highs[at] = (high >>> 8) ^ highs[index]!;
  }
  return [highs, lows];
}
