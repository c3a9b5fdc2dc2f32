import { type DynamicModule, Module } from '@nestjs/common';
import { Bus } from '@portcullis/bus';
import { Database } from '@portcullis/persistence';
import { AuditController } from './audit.controller.js';
import { EventStore } from './event.store.js';
import { ReadEvents } from './read-events.js';

/** The service's own corner of Postgres. */
export const auditDatabase = {
  service: 'audit',
  schema: 'audit',
  entities: [],
  migrations: new URL('../migrations/', import.meta.url),
} as const;

/** The list of what exists in this service. */
@Module({})
export class AuditModule {
  static of(parts: { bus: Bus; database: Database; events: EventStore }): DynamicModule {
    return {
      module: AuditModule,
      controllers: [AuditController],
      providers: [
        { provide: Bus, useValue: parts.bus },
        { provide: Database, useValue: parts.database },
        { provide: EventStore, useValue: parts.events },
        ReadEvents,
      ],
    };
  }
}
