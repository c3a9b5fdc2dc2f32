import { type DynamicModule, Module } from '@nestjs/common';
import { Bus, EnforcementAuthority } from '@portcullis/bus';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { ApiKeyController } from './api-key.controller.js';
import { ApiKeyEntity, KeySecretEntity } from './api-key.entity.js';
import { ApiKeyStore } from './api-key.store.js';
import { IssueKey, KEY_PREFIX } from './issue-key.js';
import { OwnedKeyStore } from './owned-key.store.js';
import { ReadKeys } from './read-keys.js';
import { RevokeKey } from './revoke-key.js';
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
  }): DynamicModule {
    return {
      module: ApiKeyModule,
      controllers: [ApiKeyController],
      providers: [
        { provide: Bus, useValue: parts.bus },
        { provide: Database, useValue: parts.database },
        { provide: PolicyFile, useValue: parts.policy },
        { provide: EnforcementAuthority, useValue: parts.authority },
        { provide: KEY_PREFIX, useValue: parts.keyPrefix },
        ApiKeyStore,
        IssueKey,
        ReadKeys,
        RevokeKey,
        OwnedKeyStore,
        RevokeOwned,
      ],
    };
  }
}
