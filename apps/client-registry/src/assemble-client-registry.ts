import { type Bus, EnforcementAuthority, type ServiceParts } from '@portcullis/bus';
import { type Database } from '@portcullis/persistence';
import { ClientRegistryModule } from './client-registry.module.js';

/** Joins what the service is made of. It is an authority from its first day: gateways hold its lease. */
export function assembleClientRegistry(
  bus: Bus,
  database: Database,
  leaseSeconds: number,
  report: (line: string) => void,
): ServiceParts {
  return {
    module: ClientRegistryModule.of(database),
    outbox: database.outbox,
    companions: [new EnforcementAuthority(bus, { store: database.enforcement, leaseSeconds, report })],
    healthy: () => database.healthy(),
    close: () => database.close(),
  };
}
