import { Inject, Injectable } from '@nestjs/common';
import { ApiKey, type ReplyOf, type RequestOf, type S3SigningKeys } from '@portcullis/contracts';
import { s3SigningKey, seal } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { openSecret } from './open-secret.js';
import { type FoundAccessKey, S3SecretStore } from './s3-secret.store.js';
import { S3_SETTINGS, type S3Settings } from './s3-settings.js';
import { signingDates } from './signing-dates.js';

/**
 * The key behind an access key id, and what a gateway verifies its signatures with. The secret is opened here for as long as that takes;
 * what leaves is derived from it for single days, and sealed to the process that asked.
 */
@Injectable()
export class ResolveAccessKey {
  constructor(
    private readonly database: Database,
    private readonly secrets: S3SecretStore,
    @Inject(S3_SETTINGS) private readonly s3: S3Settings,
  ) {}

  async execute(request: RequestOf<typeof ApiKey.resolveAccessKey>): Promise<ReplyOf<typeof ApiKey.resolveAccessKey>> {
    const { position, found } = await this.secrets.find(request.access_key_id);
    if (!found) return { position, found: null };
    const { key, secret } = found;
    const keys = this.signingKeys(found);
    return {
      position,
      found: {
        key,
        secret_id: secret.id,
        generation: secret.generation,
        expires_at: secret.expiresAt?.toISOString() ?? null,
        signing_keys: keys && {
          sealed: seal(request.reply_key, JSON.stringify(keys), ApiKey.resolveAccessKey.subject),
        },
      },
    };
  }

  private signingKeys({ key, secret, envelope }: FoundAccessKey): S3SigningKeys | null {
    if (envelope === null) return null;
    const whose = { id: secret.id, keyId: key.id, organizationId: key.organization_id };
    const opened = openSecret(this.s3.encryption, { ...whose, envelope });
    return signingDates(this.database.now()).map((date) => ({
      date,
      key: s3SigningKey(opened, date, this.s3.region).reveal(),
    }));
  }
}
