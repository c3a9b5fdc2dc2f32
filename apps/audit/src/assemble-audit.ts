import { type Bus, type ServiceParts } from '@portcullis/bus';
import { type Database } from '@portcullis/persistence';
import { AppendEvents } from './append-events.js';
import { AuditModule } from './audit.module.js';
import { EventStore } from './event.store.js';

/** Joins what the service is made of. */
export function assembleAudit(bus: Bus, database: Database, report: (line: string) => void): ServiceParts {
  const events = new EventStore(database);
  return {
    module: AuditModule.of({ bus, database, events }),
    outbox: database.outbox,
    companions: [new AppendEvents(bus, events, report)],
    healthy: () => database.healthy(),
    close: () => database.close(),
  };
}
