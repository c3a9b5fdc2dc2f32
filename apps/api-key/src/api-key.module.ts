import { type DynamicModule, Module } from '@nestjs/common';
import { Bus, EnforcementAuthority } from '@portcullis/bus';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { ApiKeyController } from './api-key.controller.js';
import { ApiKeyEntity, KeySecretEntity } from './api-key.entity.js';
import { ApiKeyStore } from './api-key.store.js';
import { BucketController } from './buckets/bucket.controller.js';
import { BucketStore } from './buckets/bucket.store.js';
import { ClaimBucket } from './buckets/claim-bucket.js';
import { ConfirmBucketChange } from './buckets/confirm-bucket-change.js';
import { ReadBuckets } from './buckets/read-buckets.js';
import { ReleaseBucket } from './buckets/release-bucket.js';
import { ChangeKey } from './change-key.js';
import { ConfirmKeyChange } from './confirm-key-change.js';
import { ConfirmRevocations } from './confirm-revocations.js';
import { RevocationStore } from './revocation.store.js';
import { DisableKey } from './disable-key.js';
import { FindLeaked } from './find-leaked.js';
import { ACCEPTED_PREFIXES, ImportKeys } from './import-keys.js';
import { ImportStore } from './import.store.js';
import { IssueKey } from './issue-key.js';
import { KeyChangeStore } from './key-change.store.js';
import { KeyUse } from './key-use.js';
import { KEY_PREFIX, MintSecrets } from './mint-secrets.js';
import { ReadKeys } from './read-keys.js';
import { RevokeKey } from './revoke-key.js';
import { BudgetStore } from './limits/budget.store.js';
import { TakeSlices } from './limits/take-slices.js';
import { ReadRequests, REQUESTS_DAYS } from './usage/read-requests.js';
import { RequestStore } from './usage/request.store.js';
import { ResolveGrant } from './resolve-grant.js';
import { RotateKey } from './rotate-key.js';
import { ResolveAccessKey } from './s3/resolve-access-key.js';
import { S3SecretStore } from './s3/s3-secret.store.js';
import { noS3, S3_SETTINGS, type S3Settings } from './s3/s3-settings.js';
import { UpdateKey } from './update-key.js';
import { OwnedKeyStore } from './owned-key.store.js';
import { RevokeOwned } from './revoke-owned.js';

/** The service's own corner of Postgres. */
export const apiKeyDatabase = {
  service: 'api-key',
  schema: 'api_key',
  entities: [ApiKeyEntity, KeySecretEntity],
  migrations: new URL('../migrations/', import.meta.url),
} as const;

/** The list of what exists in this service. */
@Module({})
export class ApiKeyModule {
  static of(parts: {
    bus: Bus;
    database: Database;
    policy: PolicyFile;
    authority: EnforcementAuthority;
    keyPrefix: string;
    /** How long requests are kept; 30 unless given. */
    requestsDays?: number;
    /** Prefixes that keys had before. */
    acceptedPrefixes?: readonly string[];
    /** Without them no key has the s3 form. */
    s3?: S3Settings;
  }): DynamicModule {
    return {
      module: ApiKeyModule,
      controllers: [ApiKeyController, BucketController],
      providers: [
        { provide: Bus, useValue: parts.bus },
        { provide: Database, useValue: parts.database },
        { provide: PolicyFile, useValue: parts.policy },
        { provide: EnforcementAuthority, useValue: parts.authority },
        { provide: KEY_PREFIX, useValue: parts.keyPrefix },
        { provide: ACCEPTED_PREFIXES, useValue: parts.acceptedPrefixes ?? [] },
        { provide: S3_SETTINGS, useValue: parts.s3 ?? noS3 },
        ApiKeyStore,
        MintSecrets,
        IssueKey,
        ReadKeys,
        ResolveGrant,
        RevokeKey,
        { provide: REQUESTS_DAYS, useValue: parts.requestsDays ?? 30 },
        RequestStore,
        ReadRequests,
        BudgetStore,
        TakeSlices,
        KeyChangeStore,
        ChangeKey,
        ConfirmRevocations,
        RevocationStore,
        ConfirmKeyChange,
        UpdateKey,
        RotateKey,
        DisableKey,
        ImportStore,
        ImportKeys,
        KeyUse,
        FindLeaked,
        OwnedKeyStore,
        RevokeOwned,
        S3SecretStore,
        ResolveAccessKey,
        BucketStore,
        ConfirmBucketChange,
        ClaimBucket,
        ReleaseBucket,
        ReadBuckets,
      ],
    };
  }
}
