import { type Grant, type Lattice, within } from '@portcullis/authz';
import {
  type ApiKeyRecord,
  type AuthenticatedCaller,
  type Buckets,
  type KeyForm,
  Refusal,
} from '@portcullis/contracts';
import { NetworkRefused, parseCidr } from '@portcullis/credentials';
import { demandNetworksWithin } from './networks-within.js';

/** A token has to fit into a header. */
const mostBucketsInToken = 50;

export interface GrantRequest {
  roles: readonly string[];
  permissions: readonly string[];
  buckets?: Buckets | undefined;
  forms: readonly KeyForm[];
}

/** What the caller holds now, as the gateway found it for this very request. */
export function makerGrant(lattice: Lattice, { principal }: Pick<AuthenticatedCaller, 'principal'>): Grant {
  return lattice.grantKnown({ permissions: principal.permissions, buckets: principal.resources.buckets ?? null });
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

export function demandKnownNames(
  lattice: Lattice,
  names: { roles: readonly string[]; permissions: readonly string[] },
): void {
  const unknown = lattice.unknown(names);
  const errors = [
    ...unknown.roles.map((name) => ({ field: 'roles', message: `${JSON.stringify(name)} is no role here` })),
    ...unknown.permissions.map((name) => ({
      field: 'permissions',
      message: `${JSON.stringify(name)} is no permission here`,
    })),
  ];
  if (errors.length > 0) {
    throw new Refusal('invalid_request', 'The request names roles or permissions that are not in the policy.', {
      errors,
    });
  }
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

/** Refuses with `exceeds_grant`, naming what exceeds. */
export function demandWithin(grant: Grant, limit: Grant, whose: string): void {
  const excess = within(grant, limit);
  if (excess.length === 0) return;
  const named = excess.map(({ permission, buckets }) =>
    buckets === undefined ? permission : `${permission} on ${buckets === 'all' ? 'all buckets' : buckets.join(', ')}`,
  );
  throw new Refusal(
    'exceeds_grant',
    `This exceeds what ${whose === 'you' ? 'you hold' : `${whose} holds`}: ${named.join(', ')}.`,
    {
      errors: excess.map(({ permission }) => ({
        field: 'permissions',
        message: `${permission} exceeds what ${whose} may hand out`,
      })),
    },
  );
}

/**
 * Whoever changes a key, or makes it work again, holds now everything that it holds: else an administrator's key could be had by
 * rotating it.
 */
export function demandHolds(lattice: Lattice, caller: AuthenticatedCaller, key: ApiKeyRecord): void {
  demandWithin(keyGrant(lattice, key), makerGrant(lattice, caller), 'you');
  demandNetworksWithin(key.networks, caller.principal.networks);
}

export function canonicalNetworks(networks: readonly string[] | undefined): string[] | null {
  if (networks === undefined) return null;
  return networks.map((text, index) => {
    try {
      return parseCidr(text).text;
    } catch (error) {
      if (!(error instanceof NetworkRefused)) throw error;
      throw new Refusal('invalid_request', error.message, {
        errors: [{ field: `networks.${index}`, message: error.message }],
      });
    }
  });
}

export const unique = (names: readonly string[]): string[] => [...new Set(names)];
