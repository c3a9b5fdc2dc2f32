import { EnforcementAuthority, finishLeftBehind, PolicyReporter, Recurring, serve } from '@portcullis/bus';
import { type KeyEncryption } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { followEdits, PolicyFile } from '@portcullis/policy';
import { exitMisconfigured, policyVariables } from '@portcullis/settings';
import { apiKeyDatabase, ApiKeyModule } from './api-key.module.js';
import { BucketStore } from './buckets/bucket.store.js';
import { ConfirmBucketChange } from './buckets/confirm-bucket-change.js';
import { loadConfig } from './config.js';
import { ConfirmKeyChange } from './confirm-key-change.js';
import { ConfirmRevocations } from './confirm-revocations.js';
import { RevocationStore } from './revocation.store.js';
import { KeyChangeStore } from './key-change.store.js';
import { CountRequests } from './usage/count-requests.js';
import { ForgetRequests } from './usage/forget-requests.js';
import { RequestStore } from './usage/request.store.js';
import { KeyWatch } from './key-watch.js';
import { KeepEnvelopes } from './s3/keep-envelopes.js';

const config = loadConfig();
const { s3 } = config;

function keepEnvelopes(database: Database, encryption: KeyEncryption, report: (line: string) => void): Recurring {
  const envelopes = new KeepEnvelopes(database, encryption, report);
  return new Recurring(() => envelopes.run(), {
    everyMilliseconds: 600_000,
    mayRun: () => true,
    failed: (error) => report(`S3 secrets: ${String(error)}`),
  });
}

await serve('api-key', config.NATS_URL, async (bus, report) => {
  const policy = await PolicyFile.open(config.PORTCULLIS_POLICY, {
    variables: policyVariables(),
    ...followEdits(report),
  }).catch(exitMisconfigured);
  const database = await Database.open({ ...apiKeyDatabase, url: config.DATABASE_URL, report });
  const authority = new EnforcementAuthority(bus, {
    store: database.enforcement,
    leaseSeconds: config.PORTCULLIS_LEASE_SECONDS,
    report,
  });
  const changes = new ConfirmKeyChange(
    database,
    authority,
    new KeyChangeStore(database),
    new ConfirmRevocations(new RevocationStore(database), authority),
  );
  const buckets = new ConfirmBucketChange(database, authority, new BucketStore(database));
  const watch = new KeyWatch(database, config.PORTCULLIS_KEY_UNUSED_DAYS);
  const days = config.PORTCULLIS_REQUESTS_DAYS;
  const usage = { bus, requests: new RequestStore(database), now: database.now, days, report };
  return {
    module: ApiKeyModule.of({
      bus,
      database,
      policy,
      authority,
      keyPrefix: config.PORTCULLIS_KEY_PREFIX,
      requestsDays: days,
      acceptedPrefixes: config.PORTCULLIS_KEY_PREFIXES_ACCEPTED,
      s3,
    }),
    outbox: database.outbox,
    companions: [
      authority,
      finishLeftBehind(bus, (left) => changes.finish(left), report),
      finishLeftBehind(bus, (left) => buckets.finish(left), report),
      new PolicyReporter(bus, () => policy.status),
      new CountRequests(usage),
      new ForgetRequests(usage),
      new Recurring(() => watch.run(), {
        everyMilliseconds: 600_000,
        mayRun: () => true,
        failed: (error) => report(`watch over keys: ${String(error)}`),
      }),
      ...(s3.encryption ? [keepEnvelopes(database, s3.encryption, report)] : []),
    ],
    healthy: () => database.healthy(),
    close: async () => {
      await policy.close();
      await database.close();
    },
  };
});
