import { Refusal } from '@portcullis/contracts';
import { EnvelopeRefused, type KeyEncryption, Secret } from '@portcullis/credentials';
import { s3SecretContext } from './s3-form.js';
import { type KeptS3Secret } from './s3-secret.store.js';

/** The secret itself, for as long as it takes to use it. Refuses with `unavailable` what no key-encryption key here opens. */
export function openSecret(encryption: KeyEncryption | null, secret: KeptS3Secret): Secret {
  if (!encryption) throw closed(secret.id, 'PORTCULLIS_KEY_ENCRYPTION_KEY is not set');
  try {
    return Secret.of(encryption.decrypt(secret.envelope, s3SecretContext(secret)).toString());
  } catch (error) {
    if (!(error instanceof EnvelopeRefused)) throw error;
    throw closed(secret.id, error.message);
  }
}

/** The operator can mend it, and the client is not at fault. */
const closed = (id: string, why: string): Refusal =>
  new Refusal('unavailable', 'A part of Portcullis that this needs is away. Try again shortly.', {
    cause: new Error(`the S3 secret ${id} cannot be opened: ${why}`),
    retryAfterSeconds: 10,
  });
