import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { decodeBase64url } from './base64url.js';

const ivBytes = 12;
const tagBytes = 16;

/** A compact JWE (RFC 7516) with A256GCM whose key is agreed without being sent, taken apart. Nothing in it is believed yet. */
export interface CompactJwe {
  /** The first part, letter for letter. */
  readonly header: string;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/**
 * Encrypts under a key of 32 bytes. `header` is the first part as it will stand: the additional data (RFC 7516 section 5.1 step 14).
 * Random IVs are safe to about 2^32 texts a key (NIST SP 800-38D 8.3).
 */
export function encryptCompact(header: string, key: Buffer, plaintext: string): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(header));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const parts = [iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url'));
  return [header, '', ...parts].join('.');
}

/** Null for a part more or less, an encrypted key, a spelling of its own, a short tag: Node itself would take one of 4 bytes. */
export function parseCompact(text: string): CompactJwe | null {
  const [header = '', encryptedKey, ...encoded] = text.split('.', 6);
  const [iv, ciphertext, tag] = encoded.map(decodeBase64url);
  if (encoded.length !== 3 || encryptedKey !== '' || !ciphertext) return null;
  if (iv?.length !== ivBytes || tag?.length !== tagBytes) return null;
  return { header, iv, ciphertext, tag };
}

/** Throws where the text was changed or is under another key. */
export function decryptCompact({ header, iv, ciphertext, tag }: CompactJwe, key: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(header)).setAuthTag(tag);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}
