import { type CredentialStatus } from '@portcullis/contracts';

/** What a key is at an instant. The final states win: a revoked key that has expired is revoked. */
export function keyStatus(
  key: { revokedAt: Date | null; expiresAt: Date | null; disabledAt: Date | null },
  now: Date,
): CredentialStatus {
  if (key.revokedAt !== null) return 'revoked';
  if (key.expiresAt !== null && key.expiresAt <= now) return 'expired';
  if (key.disabledAt !== null) return 'disabled';
  return 'active';
}
