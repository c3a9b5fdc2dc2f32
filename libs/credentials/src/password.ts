import { PasswordQueue } from './password-queue.js';
import { type Secret } from './secret.js';

/**
 * Loaded at the first password, not with this file: most processes that use this library hash none, and native code
 * that is never loaded can neither fail nor cost them anything.
 */
const argon2 = () => import('argon2');

/** argon2id (type 2), 19 MiB, two passes, one lane: OWASP's floor; about 35 ms on one core. */
const parameters = { type: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1, hashLength: 32, version: 0x13 } as const;

/** UTF-8 bytes, after normalising. Nothing shorter than one byte, nothing longer: the work before argon2 is bounded. */
const maxPasswordBytes = 1024;

/**
 * The PHC string to store for a password (argon2id, m=19456 KiB, t=2, p=1, 16 bytes of salt). Throws a RangeError for
 * an empty password and for one above 1,024 bytes, {@link PasswordQueueFull} when too many wait. How good a password
 * must be is the caller's rule.
 */
export async function hashPassword(password: Secret): Promise<string> {
  const bytes = normalised(password);
  if (bytes.length === 0 || bytes.length > maxPasswordBytes) {
    throw new RangeError(`A password has 1 to ${maxPasswordBytes} bytes.`);
  }
  return queue.run(async () => (await argon2()).hash(bytes, parameters));
}

/**
 * Whether the password is the one of the stored hash. With null (no such user, no password set) the same work is done
 * and the answer is false, so that time does not tell who exists. Throws {@link PasswordQueueFull} likewise in both
 * cases, and a plain Error if what is stored is not argon2id within bounds: that is a fault of ours, not of the caller.
 */
export async function verifyPassword(stored: string | null, password: Secret): Promise<boolean> {
  if (stored !== null) read(stored);
  const bytes = normalised(password);
  // Refused before the work: the sender knows the length, so its time tells nothing about the user.
  if (bytes.length === 0 || bytes.length > maxPasswordBytes) return false;
  const matches = await queue.run(async () => (await argon2()).verify(stored ?? decoy, bytes));
  return stored !== null && matches;
}

/** Whether the hash was made with other parameters than today's: hash the password anew once it has been verified. */
export function needsRehash(stored: string): boolean {
  const { memoryCost, timeCost, parallelism } = read(stored);
  return (
    memoryCost !== parameters.memoryCost || timeCost !== parameters.timeCost || parallelism !== parameters.parallelism
  );
}

/** A well-formed hash of today's parameters that no password has: its tag is 32 zero bytes. */
const decoy = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

const phc =
  /^\$argon2id\$v=19\$m=([1-9][0-9]{0,6}),t=([1-9][0-9]?),p=([1-9][0-9]?)\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{43,86}$/;

/** argon2 would obey whatever parameters a row holds; at most 1 GiB and 16 passes are ours. */
function read(stored: string): { memoryCost: number; timeCost: number; parallelism: number } {
  const [memoryCost = 0, timeCost = 0, parallelism = 0] = (phc.exec(stored) ?? []).slice(1).map(Number);
  if (memoryCost === 0 || memoryCost > 1 << 20 || timeCost > 16) {
    throw new Error('The stored password hash is not an argon2id hash within bounds.');
  }
  return { memoryCost, timeCost, parallelism };
}

/** NFKC (NIST SP 800-63B 5.1.1.2): the same password typed on another keyboard is the same bytes. */
function normalised(password: Secret): Buffer {
  return Buffer.from(password.reveal().normalize('NFKC'));
}

/**
 * At most two hashes run at once, 40 MB in all: argon2 works on libuv's four threads, and taking all of them would hold
 * up DNS and files. At most 64 more wait, some two seconds of work; beyond that a queue only delays the refusal.
 */
const queue = new PasswordQueue(2, 64);
