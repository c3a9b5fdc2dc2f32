import { type DynamicModule, Module } from '@nestjs/common';
import { EnforcementAuthority } from '@portcullis/bus';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { ChangeClient } from './change-client.js';
import { ClaimRequest } from './claim-request.js';
import { ClaimStore } from './claim.store.js';
import { ClientChangeStore } from './client-change.store.js';
import { ClientRegistryController } from './client-registry.controller.js';
import { ClientStore } from './client.store.js';
import { ConfirmClientChange } from './confirm-client-change.js';
import { CreateClient } from './create-client.js';
import { ReadClients } from './read-clients.js';
import { ResolveGrant } from './resolve-grant.js';
import { RevokeClient } from './revoke-client.js';
import { RotateClient } from './rotate-client.js';
import { UpdateClient } from './update-client.js';

/** The service's own corner of Postgres. */
export const clientRegistryDatabase = {
  service: 'client-registry',
  schema: 'client_registry',
  entities: [],
  migrations: new URL('../migrations/', import.meta.url),
} as const;

/** What the service is made of that was opened outside of it. */
export interface ClientRegistryParts {
  database: Database;
  policy: PolicyFile;
  authority: EnforcementAuthority;
  claimRequest: ClaimRequest;
}

/** The list of what exists in this service. */
@Module({})
export class ClientRegistryModule {
  static of(parts: ClientRegistryParts): DynamicModule {
    return {
      module: ClientRegistryModule,
      controllers: [ClientRegistryController],
      providers: [
        { provide: Database, useValue: parts.database },
        { provide: PolicyFile, useValue: parts.policy },
        { provide: EnforcementAuthority, useValue: parts.authority },
        { provide: ClaimRequest, useValue: parts.claimRequest },
        ClaimStore,
        ClientStore,
        ClientChangeStore,
        ConfirmClientChange,
        ChangeClient,
        CreateClient,
        ReadClients,
        UpdateClient,
        RotateClient,
        RevokeClient,
        ResolveGrant,
      ],
    };
  }
}
