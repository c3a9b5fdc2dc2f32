import { Injectable } from '@nestjs/common';
import { type Excess, type Grant, within } from '@portcullis/authz';
import { type AuthenticatedCaller, type Membership, Refusal } from '@portcullis/contracts';
import { type Transaction } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { MemberStore } from '../users/member.store.js';
import { UserStore } from '../users/user.store.js';

/** Roles and permissions as they are given, in one organization. */
export type Given = Pick<Membership, 'roles' | 'permissions'>;

/**
 * Whoever changes what somebody holds must hold all of it now, before the change and after it. Of the caller that is what the
 * gateway found for this very request: credential ∩ owner.
 */
@Injectable()
export class NoEscalation {
  constructor(
    private readonly policy: PolicyFile,
    private readonly members: MemberStore,
    private readonly users: UserStore,
  ) {}

  /** Refuses names that the policy does not have: a typing error must not be a smaller grant. */
  demandKnown(given: Given): void {
    const unknown = this.policy.current.lattice.unknown(given);
    const errors = [
      ...unknown.roles.map((name) => ({ field: 'roles', message: `${JSON.stringify(name)} is no role here` })),
      ...unknown.permissions.map((name) => ({
        field: 'permissions',
        message: `${JSON.stringify(name)} is no permission here`,
      })),
    ];
    if (errors.length === 0) return;
    throw new Refusal('invalid_request', 'The request names roles or permissions that are not in the policy.', {
      errors,
    });
  }

  /** Refuses, with `exceeds_grant`, what the caller does not hold in the organization of the request. */
  demandWithin(caller: AuthenticatedCaller, given: Given): void {
    demandAllNetworks(caller);
    const excess = within(this.grantOf(given), this.heldBy(caller));
    if (excess.length > 0) throw exceeds(excess);
  }

  /**
   * Refuses unless the caller holds, in every organization of that person, all that the person holds there: what is changed is
   * the person's everywhere (a password, a name). A key belongs to one organization and holds nothing in others.
   */
  async demandAccount(tx: Transaction, caller: AuthenticatedCaller, userId: string): Promise<void> {
    const { principal } = caller;
    const isSession = principal.kind === 'user' && principal.credential_id.startsWith('tok_');
    const own = isSession ? ((await this.users.find(principal.id, tx))?.memberships ?? []) : [];
    for (const membership of await this.members.membershipsOf(tx, userId)) {
      if (membership.organization_id === principal.organization_id) {
        this.demandWithin(caller, membership);
        continue;
      }
      const there = own.find(({ organization_id }) => organization_id === membership.organization_id);
      const held = there ? this.grantOf(there) : this.policy.current.lattice.nothing;
      if (within(this.grantOf(membership), held).length === 0) continue;
      // What somebody holds elsewhere is nothing to tell here.
      throw new Refusal('exceeds_grant', 'This person belongs to another organization, in which you hold less.', {
        errors: [{ field: 'id', message: 'holds more than you do in another organization' }],
      });
    }
  }

  /** Whether `after` lacks something of `before`. */
  narrows(before: Given, after: Given): boolean {
    return within(this.grantOf(before), this.grantOf(after)).length > 0;
  }

  private grantOf({ roles, permissions }: Given): Grant {
    return this.policy.current.lattice.grantKnown({ roles, permissions, buckets: 'all' });
  }

  private heldBy({ principal }: AuthenticatedCaller): Grant {
    const buckets = principal.resources.buckets ?? null;
    return this.policy.current.lattice.grantKnown({ permissions: principal.permissions, buckets });
  }
}

/** A person or service account acts from anywhere, so whoever is bound to some networks hands out more than they have. */
function demandAllNetworks({ principal }: AuthenticatedCaller): void {
  if (principal.networks === null) return;
  throw new Refusal('exceeds_grant', 'This exceeds the networks that you may act from.', {
    errors: [{ field: '(credential)', message: `may act from ${principal.networks.join(', ')} only` }],
  });
}

function exceeds(excess: readonly Excess[]): Refusal {
  const named = excess.map(({ permission, buckets }) =>
    buckets === undefined ? permission : `${permission} on ${buckets === 'all' ? 'all buckets' : buckets.join(', ')}`,
  );
  return new Refusal('exceeds_grant', `This exceeds what you hold: ${named.join(', ')}.`, {
    errors: excess.map(({ permission }) => ({
      field: 'permissions',
      message: `${permission} exceeds what you may hand out`,
    })),
  });
}
