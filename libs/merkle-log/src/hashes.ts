import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/** The length of every hash here: SHA-256. */
export const hashBytes = 32;

/** The length of every salt. One length only: of salts of several, `salt ‖ event` could be cut in two places. */
export const saltBytes = 32;

/** The root of a tree without leaves: SHA-256 of nothing (RFC 9162 section 2.1.1). */
export function emptyRoot(): Buffer {
  return sha256(Buffer.alloc(0));
}

/** SHA-256(0x00 ‖ entry), RFC 9162 section 2.1.1. */
export function leafHash(entry: Uint8Array): Buffer {
  return sha256(Buffer.concat([leafPrefix, entry]));
}

/** SHA-256(0x01 ‖ left ‖ right), RFC 9162 section 2.1.1. Throws RangeError unless both are hashes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  if (left.length !== hashBytes || right.length !== hashBytes) throw new RangeError('A hash has 32 bytes');
  pair.set(left, 1);
  pair.set(right, 1 + hashBytes);
  return sha256(pair);
}

/**
 * SHA-256(salt ‖ JCS(event)): says nothing of the event to who has not the salt, so event and salt can be erased, or kept
 * from a reader, and the leaf stands.
 *
 * @param salt {@link saltBytes} random bytes, of this event alone; RangeError for any other number
 */
export function saltedHash(event: unknown, salt: Uint8Array): Buffer {
  return saltedBytesHash(canonicalJson(event), salt);
}

/** The same for an event whose canonical bytes are at hand, as in a service that keeps just those. */
export function saltedBytesHash(canonical: Uint8Array, salt: Uint8Array): Buffer {
  if (salt.length !== saltBytes) throw new RangeError('A salt has 32 bytes');
  return sha256(Buffer.concat([salt, canonical]));
}

/** The bytes that a leaf commits to: JCS of `{"event":<id>,"hash":<the salted hash in padded base64>}`. */
export function leafEntry(eventId: string, salted: Uint8Array): Buffer {
  if (salted.length !== hashBytes) throw new RangeError('A hash has 32 bytes');
  return canonicalJson({ event: eventId, hash: Buffer.from(salted).toString('base64') });
}

/** Whether two hashes are the same. They are public, so this need not take the same time for all. */
export function sameHash(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

const leafPrefix = Buffer.from([0]);

/** Filled anew for each node: nothing here waits, so nobody else writes to it meanwhile. */
const pair = Buffer.alloc(1 + 2 * hashBytes, 1);

function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}
