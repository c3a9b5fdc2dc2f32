import { createHash, type Hash } from 'node:crypto';
import {
  type FieldLines,
  type Item,
  parseDictionary,
  serialiseDictionary,
  StructuredFieldError,
} from './structured-field.js';

/** Of RFC 9530's registry those that are safe; digests by others do not count. */
export type DigestAlgorithm = 'sha-256' | 'sha-512';

/** A Content-Digest that cannot be taken as written. The message says what is wanted, nothing of what was sent. */
export class ContentDigestError extends Error {
  override readonly name = 'ContentDigestError';
}

/** What a message says of its content: after content coding, before transfer coding (RFC 9530 section 2). */
export class ContentDigest {
  private constructor(
    /** At least one. */
    readonly digests: ReadonlyMap<DigestAlgorithm, Buffer>,
  ) {}

  /**
   * Reads the field lines of Content-Digest; null if none of their digests is by an algorithm that counts: then there
   * is no digest. Throws {@link ContentDigestError} for what is no dictionary of Byte Sequences (so for the form of
   * RFC 3230 and for names in capitals), an algorithm that occurs twice, a digest of another length than its algorithm's.
   */
  static read(lines: FieldLines): ContentDigest | null {
    const digests = new Map<DigestAlgorithm, Buffer>();
    for (const [name, member] of membersOf(lines)) {
      if (!('bare' in member) || member.bare.type !== 'bytes' || member.parameters.size > 0) {
        throw new ContentDigestError('A digest is base64 between colons: sha-256=:…:');
      }
      if (!isSupported(name)) continue;
      if (member.bare.value.length !== digestBytes[name]) {
        throw new ContentDigestError(`A ${name} digest has ${digestBytes[name]} bytes.`);
      }
      digests.set(name, member.bare.value);
    }
    return digests.size === 0 ? null : new ContentDigest(digests);
  }

  static of(content: string | Uint8Array, algorithms: readonly DigestAlgorithm[] = ['sha-256']): ContentDigest {
    return new ContentDigest(new Map(algorithms.map((name) => [name, hashOf(name).update(content).digest()] as const)));
  }

  /** The field's value. */
  toString(): string {
    return serialiseDictionary(
      new Map(
        [...this.digests].map(([name, value]): [string, Item] => [
          name,
          { bare: { type: 'bytes', value }, parameters: new Map() },
        ]),
      ),
    );
  }

  /** For content as it streams by. All digests are checked, and one that differs is enough. */
  checker(): DigestChecker {
    return new DigestChecker(this.digests);
  }
}

/** Take the content, then ask once. Nothing may act on the content before the answer. */
export class DigestChecker {
  private readonly hashes: readonly { readonly hash: Hash; readonly expected: Buffer }[];

  constructor(digests: ReadonlyMap<DigestAlgorithm, Buffer>) {
    this.hashes = [...digests].map(([name, expected]) => ({ hash: hashOf(name), expected }));
  }

  update(chunk: string | Uint8Array): this {
    for (const { hash } of this.hashes) hash.update(chunk);
    return this;
  }

  /** Whether the content had every digest; ends the checker. */
  matches(): boolean {
    // Every hash is ended, even after one that differs: a second call then throws whatever the first one said.
    return this.hashes.map(({ hash, expected }) => hash.digest().equals(expected)).every(Boolean);
  }
}

const digestBytes: Readonly<Record<DigestAlgorithm, number>> = { 'sha-256': 32, 'sha-512': 64 };

function isSupported(name: string): name is DigestAlgorithm {
  return Object.hasOwn(digestBytes, name);
}

function hashOf(name: DigestAlgorithm): Hash {
  return createHash(name.replace('-', ''));
}

function membersOf(lines: FieldLines): ReturnType<typeof parseDictionary> {
  try {
    return parseDictionary(lines, { duplicates: 'refuse' });
  } catch (cause) {
    if (!(cause instanceof StructuredFieldError)) throw cause;
    const message =
      cause.code === 'duplicate'
        ? 'An algorithm occurs twice.'
        : 'It is not of the form sha-256=:…: with lower-case names.';
    throw new ContentDigestError(message, { cause });
  }
}
