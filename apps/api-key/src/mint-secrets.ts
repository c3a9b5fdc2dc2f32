import { Inject, Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  type KeyForm,
  newId,
  type Operation,
  type Sealed,
  type ShownCredentials,
} from '@portcullis/contracts';
import { mintApiKey, mintClientCredentials, mintS3Credentials, seal, type Secret } from '@portcullis/credentials';
import { type z } from 'zod';
import { type NewSecret } from './api-key.store.js';
import { readyS3, s3Endpoint, s3SecretContext } from './s3/s3-form.js';
import { S3_SETTINGS, type S3Settings } from './s3/s3-settings.js';

/** The prefix of bearer keys that are made from now on. */
export const KEY_PREFIX = Symbol('KEY_PREFIX');

type Credentials = z.output<typeof ShownCredentials>;

export interface MintedSecrets {
  rows: NewSecret[];
  /** What of the key itself comes with them. */
  keyPrefix: string | null;
  clientId: string | null;
  accessKeyId: string | null;
  /** For the answer alone: sealed to the process that asked. */
  credentials: Credentials;
}

/** One new secret for each form of a key. */
@Injectable()
export class MintSecrets {
  constructor(
    @Inject(KEY_PREFIX) private readonly prefix: string,
    @Inject(S3_SETTINGS) private readonly s3: S3Settings,
  ) {}

  /** @param key its `clientId` stays; without one it gets one */
  execute(
    caller: AuthenticatedCaller,
    operation: Operation,
    key: { id: string; organizationId: string; clientId: string | null; forms: readonly KeyForm[]; now: Date },
  ): MintedSecrets {
    const minted: MintedSecrets = {
      rows: [],
      keyPrefix: null,
      clientId: key.clientId,
      accessKeyId: null,
      credentials: {},
    };
    const { rows, credentials } = minted;
    const sealed = (secret: Secret): Sealed => ({ sealed: seal(caller.reply_key, secret.reveal(), operation.subject) });
    const blank = { lookup: null, sha256: null, accessKeyId: null, envelope: null };
    if (key.forms.includes('bearer')) {
      const { lookup, sha256, text } = mintApiKey(this.prefix);
      rows.push({ ...blank, id: newId('sec', key.now), form: 'bearer', lookup, sha256 });
      minted.keyPrefix = `${this.prefix}_${lookup}`;
      credentials.bearer_token = sealed(text);
    }
    if (key.forms.includes('client_credentials')) {
      const { clientId, clientSecret, sha256 } = mintClientCredentials();
      rows.push({ ...blank, id: newId('sec', key.now), form: 'client_credentials', sha256 });
      minted.clientId ??= clientId;
      credentials.client_id = minted.clientId;
      credentials.client_secret = sealed(clientSecret);
    }
    if (key.forms.includes('s3')) {
      const { publicUrl, encryption } = readyS3(this.s3);
      const { accessKeyId, secretAccessKey } = mintS3Credentials();
      const id = newId('sec', key.now);
      const context = s3SecretContext({ id, keyId: key.id, organizationId: key.organizationId });
      const envelope = encryption.encrypt(Buffer.from(secretAccessKey.reveal()), context);
      rows.push({ ...blank, id, form: 's3', accessKeyId, envelope });
      minted.accessKeyId = accessKeyId;
      credentials.access_key_id = accessKeyId;
      credentials.secret_access_key = sealed(secretAccessKey);
      credentials.s3_endpoint = s3Endpoint(publicUrl, key.organizationId);
    }
    return minted;
  }
}

/** What of them a repeat under the same Idempotency-Key is shown, and all that is kept of them for it. */
export function withoutSecrets({ client_id, access_key_id, s3_endpoint }: Credentials): Credentials {
  return {
    ...(client_id === undefined ? {} : { client_id }),
    ...(access_key_id === undefined ? {} : { access_key_id, s3_endpoint }),
    secret_already_shown: true,
  };
}
