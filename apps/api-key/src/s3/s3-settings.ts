import { type KeyEncryption } from '@portcullis/credentials';

/** What the s3 form needs of the configuration. */
export const S3_SETTINGS = Symbol('S3_SETTINGS');

export interface S3Settings {
  /** Where S3 clients find this installation, perhaps with `{organization}` in its host. Null: no key gets the s3 form. */
  readonly publicUrl: string | null;
  /** The region that signatures are for. */
  readonly region: string;
  /** What secrets are kept under. Null: none can be, and none is read. */
  readonly encryption: KeyEncryption | null;
}

export const noS3: S3Settings = { publicUrl: null, region: 'us-east-1', encryption: null };
