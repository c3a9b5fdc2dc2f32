import { Refusal } from '@portcullis/contracts';
import { hashPassword, PasswordQueueFull, type Secret } from '@portcullis/credentials';
import { emailKey } from './user.store.js';

const leastCharacters = 12;
const mostBytes = 1024;

/**
 * NIST SP 800-63B: length decides; no rules about digits. Counted after the same normalising that is hashed. Not the person's
 * own address, which is the first thing anybody tries.
 */
export function demandGoodPassword(password: Secret, email: string): void {
  const normal = password.reveal().normalize('NFKC');
  const fault =
    [...normal].length < leastCharacters
      ? `must have at least ${leastCharacters} characters`
      : Buffer.byteLength(normal) > mostBytes
        ? `must have at most ${mostBytes} bytes`
        : emailKey(normal) === emailKey(email)
          ? 'must not be the e-mail address'
          : undefined;
  if (fault === undefined) return;
  throw new Refusal('unprocessable', `The password ${fault}.`, { errors: [{ field: 'password', message: fault }] });
}

export async function hashedPassword(password: Secret): Promise<string> {
  try {
    return await hashPassword(password);
  } catch (error) {
    if (!(error instanceof PasswordQueueFull)) throw error;
    throw new Refusal('unavailable', 'Too many passwords are being set. Try again shortly.', {
      cause: error,
      retryAfterSeconds: 2,
    });
  }
}
