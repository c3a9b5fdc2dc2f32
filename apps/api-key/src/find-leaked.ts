import { Inject, Injectable } from '@nestjs/common';
import {
  type ApiKey,
  type AuthenticatedCaller,
  type EnforcementReceipt,
  eventOrigin,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { sameDigest, sha256Hex } from '@portcullis/credentials';
import { ApiKeyStore, type FoundSecret } from './api-key.store.js';
import { type CommittedRevocation, ConfirmRevocations } from './confirm-revocations.js';
import { KeyUse } from './key-use.js';
import { openSecret } from './s3/open-secret.js';
import { S3SecretStore } from './s3/s3-secret.store.js';
import { S3_SETTINGS, type S3Settings } from './s3/s3-settings.js';

/** Whose keys stood in a text, of which only digests come here; and ends them, if that is asked for. */
@Injectable()
export class FindLeaked {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyStore,
    private readonly use: KeyUse,
    private readonly confirmRevocations: ConfirmRevocations,
    private readonly s3Secrets: S3SecretStore,
    @Inject(S3_SETTINGS) private readonly s3: S3Settings,
  ) {}

  async execute(
    caller: AuthenticatedCaller,
    { digests, access_keys, since, revoke }: RequestOf<typeof ApiKey.findLeaked>,
  ): Promise<ReplyOf<typeof ApiKey.findLeaked>> {
    const { organization_id: organizationId, permissions } = caller.principal;
    if (revoke && !permissions.includes('apikeys:revoke')) {
      throw new Refusal('forbidden', 'To revoke what is found needs the permission apikeys:revoke.');
    }
    const byDigest = await this.keys.findByDigests(organizationId, [...new Set(digests)]);
    const found = [...byDigest, ...(await this.findByAccessKeys(organizationId, access_keys))];
    const ids = [...new Set(found.map(({ record }) => record.id))].sort();
    const use = since === undefined ? null : await this.use.since(organizationId, ids, new Date(since));
    const enforcement = await this.writeDown(caller, found, ids, revoke);
    const now = await this.keys.byIds(ids);
    return {
      items: found.map(({ record, secret, live }) => ({
        id: record.id,
        name: record.name,
        owner: record.owner,
        key_prefix: record.key_prefix,
        access_key_id: secret.accessKeyId ?? null,
        status: now.get(record.id)?.status ?? record.status,
        secret_id: secret.id,
        sha256: secret.sha256,
        live,
        expires_at: record.expires_at,
        last_used_at: record.last_used_at,
        use:
          since === undefined || use === null
            ? null
            : {
                since,
                requests: use.get(record.id)?.requests ?? 0,
                last_request_at: use.get(record.id)?.lastRequestAt?.toISOString() ?? null,
              },
      })),
      enforcement,
    };
  }

  /** Of the s3 form no digest is kept: each secret is opened for as long as it takes to compare it with what stood near its id. */
  private async findByAccessKeys(
    organizationId: string,
    asked: RequestOf<typeof ApiKey.findLeaked>['access_keys'],
  ): Promise<FoundSecret[]> {
    const near = new Map<string, string[]>();
    for (const { access_key_id: id, digests } of asked) near.set(id, [...(near.get(id) ?? []), ...digests]);
    if (near.size === 0) return [];
    const kept = await this.s3Secrets.keptBy(organizationId, [...near.keys()]);
    const matching = kept.flatMap((secret) => {
      const sha256 = sha256Hex(openSecret(this.s3.encryption, secret).reveal());
      return near.get(secret.accessKeyId)?.some((digest) => sameDigest(digest, sha256)) ? [{ ...secret, sha256 }] : [];
    });
    const records = await this.keys.byIds([...new Set(matching.map(({ keyId }) => keyId))]);
    return matching.flatMap(({ id, keyId, accessKeyId, sha256, live }) => {
      const record = records.get(keyId);
      return record ? [{ record, secret: { id, sha256, accessKeyId }, live: live && record.status === 'active' }] : [];
    });
  }

  /** The event of each find; and the revocations, all in one transaction and confirmed together. */
  private async writeDown(
    caller: AuthenticatedCaller,
    found: readonly FoundSecret[],
    ids: readonly string[],
    revoke: boolean,
  ): Promise<EnforcementReceipt | null> {
    const { organization_id, id: by } = caller.principal;
    const about = (id: string) => ({ organization_id, resource: { kind: 'api-key', id }, ...eventOrigin(caller) });
    const revocations = await this.database.transaction(async (tx) => {
      await tx.oweAll(
        found.map(({ record, secret, live }) => ({
          ...about(record.id),
          action: 'api-key.leaked',
          details: { secret_id: secret.id, live },
        })),
      );
      if (!revoke) return [];
      const all: CommittedRevocation[] = [];
      // In the order of their ids, so that two at once wait for one another and not each for the other.
      for (const id of ids) {
        const revoked = await this.keys.revoke(tx, organization_id, id, by);
        if (!revoked) continue;
        if (revoked.first) await tx.owe({ ...about(id), action: 'api-key.revoked', reason: 'leaked' });
        all.push({ id, organizationId: organization_id, ...revoked });
      }
      return all;
    });
    if (revocations.length === 0) return null;
    return this.confirmRevocations.execute(revocations, eventOrigin(caller));
  }
}
