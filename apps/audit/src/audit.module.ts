import { type DynamicModule, Module } from '@nestjs/common';
import { type Bus } from '@portcullis/bus';
import { type Database } from '@portcullis/persistence';
import { AuditController } from './audit.controller.js';
import { EraseSubject } from './erase-subject.js';
import { type EventStore } from './event.store.js';
import { ExportEvents } from './export-events.js';
import { FollowEvents } from './follow-events.js';
import { type Log } from './log/log.js';
import { ProveLog } from './log/prove-log.js';
import { ReadEvents } from './read-events.js';
import { Readers } from './readers.js';
import { type DropBodies } from './retention/drop-bodies.js';
import { type ManageWebhooks } from './webhooks/manage-webhooks.js';

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
  static of({ bus, database, events, log, webhooks, retention }: AuditParts): DynamicModule {
    const readers = new Readers(bus);
    const provided = [
      new ReadEvents(readers, database, events),
      new ProveLog(database, readers, events, log),
      new ExportEvents(database, readers, events, log),
      new FollowEvents(database, readers, events, log),
      new EraseSubject(database, events),
      webhooks,
      retention,
    ];
    return {
      module: AuditModule,
      controllers: [AuditController],
      providers: provided.map((useValue) => ({ provide: useValue.constructor, useValue })),
    };
  }
}

interface AuditParts {
  bus: Bus;
  database: Database;
  events: EventStore;
  log: Log;
  webhooks: ManageWebhooks;
  retention: DropBodies;
}
