import {
  type Bus,
  EnforcementAuthority,
  finishLeftBehind,
  PolicyReporter,
  Recurring,
  type ServiceParts,
} from '@portcullis/bus';
import { type Database } from '@portcullis/persistence';
import { type PolicyFile } from '@portcullis/policy';
import { ClaimRequest } from './claim-request.js';
import { ClaimStore } from './claim.store.js';
import { ClientChangeStore } from './client-change.store.js';
import { ClientRegistryModule } from './client-registry.module.js';
import { ConfirmClientChange } from './confirm-client-change.js';

/** How often it is written down who used which client last. */
const settleMilliseconds = 45_000;

/** Joins what the service is made of. */
export function assembleClientRegistry(
  { bus, database, policy, leaseSeconds }: { bus: Bus; database: Database; policy: PolicyFile; leaseSeconds: number },
  report: (line: string) => void,
): ServiceParts {
  const authority = new EnforcementAuthority(bus, { store: database.enforcement, leaseSeconds, report });
  const changes = new ConfirmClientChange(database, authority, new ClientChangeStore(database));
  const claimRequest = new ClaimRequest(database, new ClaimStore(database));
  return {
    module: ClientRegistryModule.of({ database, policy, authority, claimRequest }),
    outbox: database.outbox,
    companions: [
      authority,
      finishLeftBehind(bus, (left) => changes.finish(left), report),
      new PolicyReporter(bus, () => policy.status),
      new Recurring(() => claimRequest.settle(), {
        everyMilliseconds: settleMilliseconds,
        mayRun: () => true,
        failed: (error) => report(`last use of clients: ${String(error)}`),
      }),
    ],
    healthy: () => database.healthy(),
    close: async () => {
      await claimRequest.settle().catch(() => undefined);
      await policy.close();
      await database.close();
    },
  };
}
