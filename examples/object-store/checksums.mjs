// The checksums that S3 knows, each as { update(bytes), digest(): Buffer }.
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const checksumLengths = { crc32: 4, crc32c: 4, crc64nvme: 8, sha1: 20, sha256: 32 };

const makers = {
  crc32: () => running((bytes, value) => crc32(bytes, value), 0, word),
  crc32c: () => running(crc32c, 0, word),
  crc64nvme: () => running(crc64nvme, [0, 0], ([high, low]) => Buffer.concat([word(high), word(low)])),
  sha1: () => createHash('sha1'),
  sha256: () => createHash('sha256'),
};

export const checksum = (name) => makers[name]();

/** A checksum over the checksums of parts: what S3 gives for an object of several. */
export function composite(name, parts) {
  const whole = checksum(name);
  for (const part of parts) whole.update(Buffer.from(part, 'base64'));
  return `${whole.digest().toString('base64')}-${parts.length}`;
}

function running(step, value, toBuffer) {
  return {
    update(bytes) {
      value = step(bytes, value);
    },
    digest: () => toBuffer(value),
  };
}

function word(value) {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value >>> 0);
  return four;
}

const table32c = Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});
function crc32c(bytes, before) {
  let value = ~before;
  for (const byte of bytes) value = (value >>> 8) ^ table32c[(value ^ byte) & 0xff];
  return ~value >>> 0;
}

// 64 bits as two halves: BigInt would be many times slower.
const table64 = Array.from({ length: 256 }, (_, n) => {
  let [high, low] = [0, n];
  for (let bit = 0; bit < 8; bit++) {
    const out = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (out) [high, low] = [high ^ 0x9a6c9329, low ^ 0xac4bc9b5];
  }
  return [high >>> 0, low >>> 0];
});
function crc64nvme(bytes, before) {
  let [high, low] = [~before[0], ~before[1]];
  for (const byte of bytes) {
    const [tableHigh, tableLow] = table64[(low ^ byte) & 0xff];
    low = ((low >>> 8) | (high << 24)) ^ tableLow;
    high = (high >>> 8) ^ tableHigh;
  }
  return [~high >>> 0, ~low >>> 0];
}
