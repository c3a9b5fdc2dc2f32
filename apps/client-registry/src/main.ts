import { serve } from '@portcullis/bus';
import { Database } from '@portcullis/persistence';
import { followEdits, PolicyFile } from '@portcullis/policy';
import { exitMisconfigured, policyVariables } from '@portcullis/settings';
import { assembleClientRegistry } from './assemble-client-registry.js';
import { clientRegistryDatabase } from './client-registry.module.js';
import { loadConfig } from './config.js';

const config = loadConfig();

await serve('client-registry', config.NATS_URL, async (bus, report) => {
  const policy = await PolicyFile.open(config.PORTCULLIS_POLICY, {
    variables: policyVariables(),
    ...followEdits(report),
  }).catch(exitMisconfigured);
  const database = await Database.open({
    ...clientRegistryDatabase,
    url: config.DATABASE_URL,
    outboxBound: config.PORTCULLIS_OUTBOX_BOUND,
    report,
  });
  return assembleClientRegistry({ bus, database, policy, leaseSeconds: config.PORTCULLIS_LEASE_SECONDS }, report);
});
