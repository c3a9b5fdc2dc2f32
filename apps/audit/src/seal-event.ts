import { randomBytes } from 'node:crypto';
import { type AuditEvent } from '@portcullis/contracts';
import {
  canonicalJson,
  CanonicalJsonError,
  leafEntry,
  leafHash,
  saltBytes,
  saltedBytesHash,
} from '@portcullis/merkle-log';

/** An event as it is kept: the very bytes that were hashed, the salt that was hashed with it, and the leaf that both give. */
export interface SealedEvent {
  readonly event: AuditEvent;
  /** RFC 8785, in UTF-8. */
  readonly canonical: Buffer;
  readonly salt: Buffer;
  readonly leafHash: Buffer;
}

/** Seals an event under a fresh salt, or says why it has no canonical form. Needs no index, so nobody waits for it under a lock. */
export function sealEvent(event: AuditEvent): { sealed: SealedEvent } | { reason: string } {
  let canonical: Buffer;
  try {
    canonical = canonicalJson(event);
  } catch (error) {
    if (!(error instanceof CanonicalJsonError)) throw error;
    return { reason: error.code === 'too_deep' ? 'nested too deeply' : `has no canonical form: ${error.code}` };
  }
  // Postgres keeps such a text, and cannot look into it.
  if (canonical.includes('\\u0000') && nulEscape.test(canonical.toString('utf8')))
    return { reason: 'cannot be stored: it holds a NUL character' };
  const salt = nextSalt();
  return {
    sealed: { event, canonical, salt, leafHash: leafHash(leafEntry(event.id, saltedBytesHash(canonical, salt))) },
  };
}

/** An escaped NUL, which no escaped backslash begins. */
const nulEscape = /(?<!\\)(?:\\\\)*\\u0000/;

/** A page of random bytes for many salts: asking the system for each costs as much as the hashing. */
let page = Buffer.alloc(0);
let used = 0;
function nextSalt(): Buffer {
  if (used === page.length) {
    page = randomBytes(saltBytes * 128);
    used = 0;
  }
  return page.subarray(used, (used += saltBytes));
}
