import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { decodeBase64url } from './base64url.js';
import { bits256, deriveKey, keyName, readKeyList } from './key-list.js';

/** An envelope cannot be opened: it was changed, is for another context, or its key is not in the list. */
export class EnvelopeRefused extends Error {
  override readonly name = 'EnvelopeRefused';

  constructor(
    readonly code: 'malformed' | 'unknown_key' | 'not_authentic',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Encryption of secrets at rest: AES-256-GCM under keys from configuration, bound to what the secret belongs to.
 * An envelope reads `v1.<kid>.<iv, ciphertext, tag in base64url>`.
 */
export class KeyEncryption {
  private constructor(private readonly keys: readonly [Key, ...Key[]]) {}

  /**
   * Reads a comma-separated list of secrets: the first encrypts, all decrypt. To rotate, put a new one first and rewrap
   * what {@link isCurrent} says is old; then drop the old one. Throws {@link KeyListRefused} for an empty entry, one
   * that can hold less than 256 bits (hex below 64 digits, base64 below 43 characters, other text below 40), one that
   * repeats itself or is published somewhere as an example, and for the same one twice. An entry is taken as the text
   * it is, never decoded: the same bytes in hex and in base64 are two keys.
   */
  static parse(list: string): KeyEncryption {
    const [first, ...older] = readKeyList(list, bits256);
    return new KeyEncryption([keyFrom(first), ...older.map(keyFrom)]);
  }

  /**
   * @param context what the plaintext is and whose, such as `s3-secret:<access key id>:<organization id>`; the same
   * text is needed to decrypt, so an envelope moved to another row does not open there
   */
  encrypt(plaintext: Uint8Array, context: string): string {
    const [{ kid, key }] = this.keys;
    // Random IVs are safe to about 2^32 envelopes a key (NIST SP 800-38D 8.3): far above what one installation holds.
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes });
    cipher.setAAD(additionalData(kid, context));
    const sealed = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return `${version}.${kid}.${sealed.toString('base64url')}`;
  }

  /**
   * The plaintext. Throws {@link EnvelopeRefused} for anything that {@link encrypt} did not make for this very context.
   */
  decrypt(text: string, context: string): Buffer {
    const { kid, sealed } = parts(text);
    const key = this.keys.find((candidate) => candidate.kid === kid)?.key;
    if (!key) throw new EnvelopeRefused('unknown_key', 'The key of this envelope is not in the list.');
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes });
    decipher.setAAD(additionalData(kid, context));
    // Cut from the end at a fixed length: Node would also take a tag of 4 bytes if one were given.
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(ivBytes, -tagBytes)), decipher.final()]);
    } catch (cause) {
      throw new EnvelopeRefused('not_authentic', 'The envelope was changed, or is for another context.', { cause });
    }
  }

  /**
   * The envelope under the first key; null if it is there already. Throws {@link EnvelopeRefused} like {@link decrypt}.
   */
  rewrap(text: string, context: string): string | null {
    return this.isCurrent(text) ? null : this.encrypt(this.decrypt(text, context), context);
  }

  /** The name of the first key, as it stands between the dots of its envelopes: to find the others in a table. */
  get currentKid(): string {
    return this.keys[0].kid;
  }

  /**
   * Whether the envelope is under the first key. Does not open it. Throws {@link EnvelopeRefused} if it is malformed.
   */
  isCurrent(text: string): boolean {
    return parts(text).kid === this.keys[0].kid;
  }

  /**
   * 32 bytes for another use, from the first secret; independent of the encryption keys and of every other `info`
   * (HKDF-SHA256, RFC 5869). They change when the first secret does: see {@link deriveAll}.
   */
  derive(info: string): Buffer {
    return deriveKey(this.keys[0].secret, `derive:${info}`);
  }

  /** {@link derive} for every secret in the list, the first one first, for what must outlive a rotation. */
  deriveAll(info: string): Buffer[] {
    return this.keys.map(({ secret }) => deriveKey(secret, `derive:${info}`));
  }
}

const version = 'v1';
const ivBytes = 12;
const tagBytes = 16;

interface Key {
  readonly secret: string;
  readonly key: Buffer;
  readonly kid: string;
}

function keyFrom(secret: string): Key {
  const key = deriveKey(secret, 'envelope');
  return { secret, key, kid: keyName(key) };
}

/** Neither version nor kid holds a dot, so the three parts cannot be shifted against each other. */
function additionalData(kid: string, context: string): Buffer {
  return Buffer.from(`${version}.${kid}.${context}`);
}

function parts(text: string): { kid: string; sealed: Buffer } {
  const [format, kid, encoded, ...more] = text.split('.', 4);
  const sealed = encoded === undefined ? null : decodeBase64url(encoded);
  if (format !== version || !kid || !sealed || more.length > 0 || sealed.length < ivBytes + tagBytes) {
    throw new EnvelopeRefused('malformed', 'This is not an envelope of a known version.');
  }
  return { kid, sealed };
}
