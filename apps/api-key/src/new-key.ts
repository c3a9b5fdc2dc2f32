import { type Grant, type Lattice } from '@portcullis/authz';
import { type ApiKey, type AuthenticatedCaller, type KeyOwner, newId, type RequestOf } from '@portcullis/contracts';
import { type NewKey } from './api-key.store.js';
import { unique } from './grant-rules.js';

/** What making and importing a key both say of it. */
type Described = Pick<
  RequestOf<typeof ApiKey.create>,
  'name' | 'description' | 'roles' | 'permissions' | 'buckets' | 'rate_limit' | 'metadata' | 'expires_in_days'
>;

const day = 86_400_000;

/** A key as it is asked for; where it reaches buckets and names none, for all. What its forms need is the caller's to add. */
export function newKey(
  { principal }: AuthenticatedCaller,
  described: Described,
  found: { owner: KeyOwner; networks: string[] | null; grant: Grant; lattice: Lattice; now: Date },
): Omit<NewKey, 'forms' | 'keyPrefix' | 'clientId' | 'accessKeyId'> {
  const { owner, networks, grant, lattice, now } = found;
  const reachesBuckets = Object.keys(lattice.resources(grant)).length > 0;
  return {
    id: newId('key', now),
    organizationId: principal.organization_id,
    name: described.name,
    description: described.description,
    ownerKind: owner.kind,
    ownerId: owner.id,
    roles: unique(described.roles),
    permissions: unique(described.permissions),
    buckets: described.buckets ?? (reachesBuckets ? 'all' : null),
    networks,
    rateLimit: described.rate_limit ?? null,
    metadata: described.metadata,
    createdAt: now,
    createdBy: principal.id,
    expiresAt: described.expires_in_days === null ? null : new Date(now.getTime() + described.expires_in_days * day),
  };
}
