import { type Grant, type Lattice } from '@portcullis/authz';
import {
  type ApiKeyRecord,
  type AuthenticatedCaller,
  type Buckets,
  type KeyForm,
  Refusal,
} from '@portcullis/contracts';
import { demandKnownNames, demandNetworksWithin, demandWithin, heldBy } from '@portcullis/granting';

/** A token has to fit into a header. */
const mostBucketsInToken = 50;

export interface GrantRequest {
  roles: readonly string[];
  permissions: readonly string[];
  buckets?: Buckets | undefined;
  forms: readonly KeyForm[];
}

/** What a key was given, as the policy means it now. */
export const keyGrant = (lattice: Lattice, { roles, permissions, buckets }: ApiKeyRecord): Grant =>
  lattice.grantKnown({ roles, permissions, buckets });

/** The grant that somebody asks for. Refuses names that mean nothing, an empty one, and buckets that cannot be. */
export function grantOf(lattice: Lattice, request: GrantRequest): Grant {
  demandKnownNames(lattice, request);
  demandSensible(request);
  return lattice.grant({
    roles: request.roles,
    permissions: request.permissions,
    buckets: request.buckets ?? 'all',
  });
}

export function demandSensible(request: GrantRequest): void {
  if (request.roles.length === 0 && request.permissions.length === 0) {
    throw new Refusal('unprocessable', 'A key needs at least one role or permission.', {
      errors: [{ field: 'roles', message: 'name a role, or a permission in permissions' }],
    });
  }
  if (Array.isArray(request.buckets) && request.roles.some((role) => role.startsWith('storage:admin-'))) {
    throw new Refusal('unprocessable', 'Storage administrator roles are always for all buckets.', {
      errors: [{ field: 'buckets', message: 'must be "all" with a storage:admin role' }],
    });
  }
  if (
    Array.isArray(request.buckets) &&
    request.buckets.length > mostBucketsInToken &&
    request.forms.includes('client_credentials')
  ) {
    throw new Refusal(
      'unprocessable',
      `A key with a client secret names at most ${mostBucketsInToken} buckets: they travel in its tokens.`,
      {
        errors: [
          { field: 'buckets', message: `must be at most ${mostBucketsInToken} with client_credentials, or "all"` },
        ],
      },
    );
  }
}

/**
 * Whoever changes a key, or makes it work again, holds now everything that it holds: else an administrator's key could be had by
 * rotating it.
 */
export function demandHolds(lattice: Lattice, caller: AuthenticatedCaller, key: ApiKeyRecord): void {
  demandWithin(keyGrant(lattice, key), heldBy(lattice, caller), 'you');
  demandNetworksWithin(key.networks, caller.principal.networks);
}

export const unique = (names: readonly string[]): string[] => [...new Set(names)];
