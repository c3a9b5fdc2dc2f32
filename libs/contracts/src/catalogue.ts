import { ApiKey } from './api-key.contract.js';
import { Audit } from './audit.contract.js';
import { Bucket } from './bucket.contract.js';
import { ClientRegistry } from './client-registry.contract.js';
import { Identity } from './identity.contract.js';
import { type Operation, type Service } from './operation.js';

/** `api-key` keeps whose a bucket is. By their subjects: two contracts of one service may share a verb. */
const bucketOperations = Object.fromEntries(Object.values(Bucket).map((operation) => [operation.subject, operation]));

const contracts: Record<Service, Record<string, Operation>> = {
  gateway: {},
  identity: Identity,
  'api-key': { ...ApiKey, ...bucketOperations },
  'client-registry': ClientRegistry,
  audit: Audit,
};

/** Every operation that a service answers. NATS permissions are made from this list, so none can be forgotten. */
export function operationsOf(service: Service): readonly Operation[] {
  return Object.values(contracts[service]);
}
