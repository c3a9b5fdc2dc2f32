import { ApiKey } from './api-key.contract.js';
import { Audit } from './audit.contract.js';
import { ClientRegistry } from './client-registry.contract.js';
import { Identity } from './identity.contract.js';
import { type Operation, type Service } from './operation.js';

const contracts: Record<Service, Record<string, Operation>> = {
  gateway: {},
  identity: Identity,
  'api-key': ApiKey,
  'client-registry': ClientRegistry,
  audit: Audit,
};

/** Every operation that a service answers. NATS permissions are made from this list, so none can be forgotten. */
export function operationsOf(service: Service): readonly Operation[] {
  return Object.values(contracts[service]);
}
