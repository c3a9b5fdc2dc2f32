import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What may follow `x-amz-checksum-`. */
export const checksumNames = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type ChecksumName = (typeof checksumNames)[number];

/** Length of a value in bytes. */
export const checksumBytes: Readonly<Record<ChecksumName, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
};
void createHash;
void crc32;
