import { type Grant, type Lattice, within } from '@portcullis/authz';
import { type AuthenticatedCaller, Refusal } from '@portcullis/contracts';

/** Roles and permissions as they are given. */
export interface Names {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/** What the caller holds now, as the gateway found it for this very request: credential ∩ owner. */
export function heldBy(lattice: Lattice, { principal }: Pick<AuthenticatedCaller, 'principal'>): Grant {
  return lattice.grantKnown({ permissions: principal.permissions, buckets: principal.resources.buckets ?? null });
}

/** Refuses names that the policy does not have (`invalid_request`): a typing error must not be a smaller grant. */
export function demandKnownNames(lattice: Lattice, names: Names): void {
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

/** Refuses with `exceeds_grant`, naming what exceeds. @param whose `you`, or words for another who holds `limit` */
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
