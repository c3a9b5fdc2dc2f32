import { hash, hkdfSync } from 'node:crypto';
import { isKnownSecret } from './known-secrets.js';

/** The key list is unfit. The message says which entry and what to do, and shows none of it. */
export class KeyListRefused extends Error {
  override readonly name = 'KeyListRefused';
}

/** How much an entry of a key list can hold at least, by the letters that it is written in. */
export interface KeyStrength {
  readonly hexDigits: number;
  readonly base64Characters: number;
  readonly otherCharacters: number;
}

export const bits256: KeyStrength = { hexDigits: 64, base64Characters: 43, otherCharacters: 40 };
export const bits128: KeyStrength = { hexDigits: 32, base64Characters: 22, otherCharacters: 20 };

/**
 * The entries of a comma-separated list of secrets, at least one, the current one first. Throws {@link KeyListRefused} for an
 * empty entry, one that can hold less than `least`, one that repeats itself or is published somewhere as an example, and for the
 * same one twice. An entry is taken as the text it is, never decoded.
 */
export function readKeyList(list: string, least: KeyStrength): [string, ...string[]] {
  const entries = list.split(',').map((entry) => entry.trim());
  entries.forEach((entry, index) => {
    const fault = faultOf(entry, least);
    if (fault !== undefined) {
      throw new KeyListRefused(`Entry ${index + 1} of the key list ${fault}. Make one with: openssl rand -base64 32`);
    }
    if (entries.indexOf(entry) !== index)
      throw new KeyListRefused(`Entry ${index + 1} of the key list stands there twice.`);
  });
  const [first, ...older] = entries;
  if (first === undefined) throw new KeyListRefused('The key list is empty.');
  return [first, ...older];
}

/**
 * 32 bytes for one purpose (HKDF-SHA256, RFC 5869). No salt: the secrets are at full strength, and every replica must arrive at
 * the same keys from configuration alone.
 */
export function deriveKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `portcullis v1 ${purpose}`, 32));
}

/** The name of a key. Not a check value to rely on: 64 bits of a digest of it, under a label of its own. */
export function keyName(key: Uint8Array): string {
  const digest = hash('sha256', Buffer.concat([Buffer.from('portcullis kid\0'), key]), 'buffer');
  return digest.subarray(0, 8).toString('base64url');
}

/** What is wrong with a secret, as the end of a sentence; undefined if nothing is. Length is judged by the alphabet. */
function faultOf(secret: string, least: KeyStrength): string | undefined {
  if (secret === '') return 'is empty';
  const { hexDigits, base64Characters, otherCharacters } = least;
  const minLength = /^[0-9a-f]+$/i.test(secret)
    ? hexDigits
    : /^[\w+/=-]+$/.test(secret)
      ? base64Characters
      : otherCharacters;
  if (secret.replace(/=+$/, '').length < minLength) {
    const written = `${hexDigits} hexadecimal digits, ${base64Characters} base64 characters or ${otherCharacters} others`;
    return `is too short: ${hexDigits * 4} bits are ${written}`;
  }
  // Random hex of 64 digits shows fewer than 10 different ones once in 10^12, of 32 digits fewer than 8 once in 10^7.
  const fewest = hexDigits < 64 ? 8 : 10;
  if (new Set(secret).size < fewest || /^(.{1,21}?)\1+.{0,20}$/s.test(secret)) return 'repeats itself';
  if (isKnownSecret(secret)) return 'is known: it is published as an example or has leaked';
  return undefined;
}
