import { serve } from '@portcullis/bus';
import { Database } from '@portcullis/persistence';
import { assembleAudit } from './assemble-audit.js';
import { auditDatabase } from './audit.module.js';
import { loadConfig } from './config.js';
import { LogDamaged } from './log/check-log.js';

const { natsUrl, databaseUrl, outboxBound, log, webhookAllow, retentionDays } = loadConfig();

try {
  await serve('audit', natsUrl, async (bus, report) =>
    assembleAudit(bus, await Database.open({ ...auditDatabase, url: databaseUrl, outboxBound, report }), {
      report,
      log,
      webhookAllow,
      retentionDays,
    }),
  );
} catch (error) {
  if (!(error instanceof LogDamaged)) throw error;
  process.stderr.write(
    `audit does not start: the log in the database is not the one that was signed. ${error.message}. Nothing was changed. ` +
      `Dump the schema audit if you want to know what happened, then put back the whole schema from one backup. If you did put back a ` +
      `backup, and what came after it is lost: set PORTCULLIS_AUDIT_ORIGIN to a name that this log never had, for it is another log now.\n`,
  );
  process.exit(1);
}
