import { type AuditEvent, completeEvent, newId, type OwedEvent, type Service } from '@portcullis/contracts';
import { type Database } from '@portcullis/persistence';
import { EventStore } from '../src/event.store.js';
import { CheckLog } from '../src/log/check-log.js';
import { LogKeys } from '../src/log/log-keys.js';
import { LogStore } from '../src/log/log.store.js';
import { Log } from '../src/log/log.js';
import { sealEvent, type SealedEvent } from '../src/seal-event.js';
import { logConfig } from './log-config.js';

const now = new Date('2026-02-01T00:00:00.000Z');

export const anEvent = (
  given: Partial<OwedEvent> & { organization_id: string | null },
  service: Service = 'api-key',
): AuditEvent =>
  completeEvent(
    { action: 'api-key.created', resource: { kind: 'api-key', id: newId('key', now) }, ...given },
    { id: newId('evt', now), time: now, service },
  );

export function sealed(event: AuditEvent): SealedEvent {
  const result = sealEvent(event);
  if ('reason' in result) throw new Error(result.reason);
  return result.sealed;
}

/** The log over a database as one replica of the service has it, without messages. */
export async function logOver(database: Database, config = logConfig) {
  const events = new EventStore(database);
  const store = new LogStore(database);
  const keys = new LogKeys(database, store, { encryption: config.encryption, days: config.keyDays });
  const log = new Log(database, store, keys);
  await log.begin(config.origin ?? config.firstOrigin);
  return {
    events,
    store,
    keys,
    log,
    check: new CheckLog(database, log),
    append: (some: readonly AuditEvent[]) => events.append(log, some.map(sealed), []),
  };
}
