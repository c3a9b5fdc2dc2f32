import { type DynamicModule, Module } from '@nestjs/common';
import { Database } from '@portcullis/persistence';
import { ClientRegistryController } from './client-registry.controller.js';
import { ClientStore } from './client.store.js';
import { ReadClients } from './read-clients.js';

/** The service's own corner of Postgres. */
export const clientRegistryDatabase = {
  service: 'client-registry',
  schema: 'client_registry',
  entities: [],
  migrations: new URL('../migrations/', import.meta.url),
} as const;

/** The list of what exists in this service. */
@Module({})
export class ClientRegistryModule {
  static of(database: Database): DynamicModule {
    return {
      module: ClientRegistryModule,
      controllers: [ClientRegistryController],
      providers: [{ provide: Database, useValue: database }, ClientStore, ReadClients],
    };
  }
}
