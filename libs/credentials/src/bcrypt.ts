import { PasswordQueue } from './password-queue.js';
import { type Secret } from './secret.js';

/** A text is no bcrypt hash that this library takes. The message shows none of it. */
export class BcryptHashRefused extends Error {
  override readonly name = 'BcryptHashRefused';
}

/** bcrypt reads no further and stops at NUL: two different passwords would be one. So longer ones are refused, never cut. */
const maxPasswordBytes = 72;

/** Cost of the hashes made here: some 250 ms on one core. Any from 4 to 16 is read. */
const cost = 12;

/**
 * A password known by its bcrypt hash. The hash is read once, at start: `$2a$`, `$2b$` or `$2y$`, as every bcrypt tool makes it.
 * Checking runs off the main thread.
 */
export class BcryptHash {
  private constructor(
    private readonly hash: string,
    /** The logarithm of the rounds. */
    readonly cost: number,
  ) {}

  /** Throws {@link BcryptHashRefused} for anything but a whole hash of cost 4 to 16: beyond that one check takes many seconds. */
  static parse(text: string): BcryptHash {
    const [, digits] = form.exec(text) ?? [];
    if (digits === undefined) {
      throw new BcryptHashRefused('It is not a bcrypt hash: 60 characters that begin with $2a$, $2b$ or $2y$.');
    }
    const read = Number(digits);
    if (read < 4 || read > 16) throw new BcryptHashRefused(`Its cost is ${read}; 4 to 16 is accepted.`);
    // `$2y$` is what PHP and htpasswd call `$2b$`; the library knows that one name only.
    return new BcryptHash(text.replace(/^\$2y/, '$2b'), read);
  }

  /**
   * Whether the password is the one of the hash. One that bcrypt cannot take whole (none, over 72 bytes, with NUL) never is, after
   * the same work. Throws `PasswordQueueFull` at once when two checks run and eight wait.
   */
  async matches(password: Secret): Promise<boolean> {
    const bytes = Buffer.from(password.reveal());
    const fits = isWhole(bytes);
    const { compare } = await library();
    const matches = await queue.run(() => compare(fits ? bytes : Buffer.from('-'), this.hash));
    return fits && matches;
  }
}

/** The hash to configure for a password: `$2a$`, cost 12. Throws a RangeError for one that bcrypt cannot take whole. */
export async function hashWithBcrypt(password: Secret): Promise<string> {
  const bytes = Buffer.from(password.reveal());
  if (!isWhole(bytes)) throw new RangeError(`A password has 1 to ${maxPasswordBytes} bytes, none of them NUL.`);
  const { genSalt, hash } = await library();
  return queue.run(async () => hash(bytes, await genSalt(cost, 'a')));
}

/** The bits that a salt of 22 and a digest of 31 characters have over are zero in every hash that a tool writes. */
const form = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$/;

const isWhole = (bytes: Buffer): boolean => bytes.length > 0 && bytes.length <= maxPasswordBytes && !bytes.includes(0);

/** Native code, loaded at the first password: most processes that use this library check none. */
const library = async () => (await import('bcrypt')).default;

/**
 * Short: at cost 12 the last of eight waits for a second and a half. It runs on libuv's threads, beside at most two of argon2; for
 * the length of one check nothing is left for DNS and files. One queue for both was the road not taken: whoever fills this one would
 * keep people from signing in.
 */
const queue = new PasswordQueue(2, 8);
