import { serve } from '@portcullis/bus';
import { Database } from '@portcullis/persistence';
import { assembleAudit } from './assemble-audit.js';
import { auditDatabase } from './audit.module.js';
import { loadConfig } from './config.js';

const config = loadConfig();

await serve('audit', config.NATS_URL, async (bus, report) =>
  assembleAudit(bus, await Database.open({ ...auditDatabase, url: config.DATABASE_URL, report }), report),
);
