import { type Bus, type ServiceParts } from '@portcullis/bus';
import { type NetworkList } from '@portcullis/credentials';
import { type Database } from '@portcullis/persistence';
import { AppendEvents } from './append-events.js';
import { AuditModule } from './audit.module.js';
import { type LogConfig } from './config.js';
import { EventStore } from './event.store.js';
import { CheckLog } from './log/check-log.js';
import { ExportedCheckpoints } from './log/exported-checkpoints.js';
import { giveLeaves } from './log/give-leaves.js';
import { LogKeys } from './log/log-keys.js';
import { LogStore } from './log/log.store.js';
import { Log } from './log/log.js';
import { WatchLog } from './log/watch-log.js';
import { DeliverWebhooks } from './webhooks/deliver-webhooks.js';
import { Destinations } from './webhooks/destinations.js';
import { ManageWebhooks } from './webhooks/manage-webhooks.js';

/** Joins what the service is made of. Throws `LogDamaged` if what is stored is not what was signed: then nothing is appended to it. */
export async function assembleAudit(
  bus: Bus,
  database: Database,
  options: { report: (line: string) => void; log: LogConfig; webhookAllow: NetworkList },
): Promise<ServiceParts> {
  const { report } = options;
  const { encryption, keyDays, origin, firstOrigin } = options.log;
  const events = new EventStore(database);
  const store = new LogStore(database);
  const log = new Log(database, store, new LogKeys(database, store, { encryption, days: keyDays }));
  const check = new CheckLog(database, log);
  await log.begin(origin ?? firstOrigin);
  await check.atStart();
  const exported = new ExportedCheckpoints(bus, log, report);
  await exported.check(origin);
  await log.renew(origin);
  await giveLeaves(log, events, report);
  const destinations = new Destinations(options.webhookAllow);
  const webhooks = new ManageWebhooks(database, destinations, encryption);
  return {
    module: AuditModule.of({ bus, database, events, log, webhooks }),
    outbox: database.outbox,
    companions: [
      new AppendEvents(bus, events, log, report),
      exported,
      new WatchLog(database, log, check, report),
      new DeliverWebhooks(database, store, { destinations, encryption, report }),
    ],
    healthy: () => database.healthy(),
    close: () => database.close(),
  };
}
