import { type Grant, type Lattice } from '@portcullis/authz';
import { type KeyForm, organizationLabel, Refusal } from '@portcullis/contracts';
import { type KeyEncryption } from '@portcullis/credentials';
import { type S3Settings } from './s3-settings.js';

/** The settings, once it is known that keys can have the s3 form here. */
export type ReadyS3 = S3Settings & { readonly publicUrl: string; readonly encryption: KeyEncryption };

/** What makes the s3 form impossible: this installation's settings, no end, nothing that it could open. */
export function demandS3Form(
  s3: S3Settings,
  asked: { forms: readonly KeyForm[]; expires_in_days: number | null },
  { lattice, grant }: { lattice: Lattice; grant: Grant },
): void {
  if (!asked.forms.includes('s3')) return;
  readyS3(s3);
  if (asked.expires_in_days === null) {
    throw new Refusal('unprocessable', 'A key with the s3 form ends: say in how many days, 1 to 365.', {
      errors: [{ field: 'expires_in_days', message: 'must be 1 to 365 with the s3 form' }],
    });
  }
  // A bucket-bound permission without a bucket is not held, and so is not among the names.
  if (lattice.names(grant).some((name) => name.startsWith('storage:'))) return;
  throw new Refusal('unprocessable', 'The s3 form opens object storage alone, and this key may do nothing there.', {
    errors: [
      { field: 'roles', message: 'name a storage role such as storage:object-read-only, or leave out the s3 form' },
    ],
  });
}

/** Refuses, naming the setting, where keys cannot have the s3 form. */
export function readyS3(s3: S3Settings): ReadyS3 {
  const { publicUrl, encryption } = s3;
  if (publicUrl === null || encryption === null) {
    const missing = publicUrl === null ? 'S3_PUBLIC_URL' : 'PORTCULLIS_KEY_ENCRYPTION_KEY';
    throw new Refusal(
      'unprocessable',
      `Keys cannot have the s3 form here: ${missing} is not set for the service api-key.`,
      {
        errors: [{ field: 'forms', message: `s3 needs the setting ${missing}` }],
      },
    );
  }
  return { ...s3, publicUrl, encryption };
}

/** Where S3 clients of an organization go. */
export const s3Endpoint = (publicUrl: string, organizationId: string): string =>
  publicUrl.replaceAll('{organization}', organizationLabel(organizationId));

/** A secret's envelope opens on its own row and for its own key and organization alone. */
export const s3SecretContext = (secret: { id: string; keyId: string; organizationId: string }): string =>
  `s3-secret ${secret.id} ${secret.keyId} ${secret.organizationId}`;
