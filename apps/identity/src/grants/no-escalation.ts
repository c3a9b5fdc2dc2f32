import { Injectable } from '@nestjs/common';
import { type Grant, within } from '@portcullis/authz';
import { type AuthenticatedCaller, Refusal } from '@portcullis/contracts';
import { demandKnownNames, demandWithin, heldBy, type Names } from '@portcullis/granting';
import { type Transaction } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { MemberStore } from '../users/member.store.js';
import { UserStore } from '../users/user.store.js';

/** Roles and permissions as they are given, in one organization. */
export type Given = Names;

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
    demandKnownNames(this.policy.current.lattice, given);
  }

  /** Refuses, with `exceeds_grant`, what the caller does not hold in the organization of the request. */
  demandWithin(caller: AuthenticatedCaller, given: Given): void {
    demandAllNetworks(caller);
    demandWithin(this.grantOf(given), heldBy(this.policy.current.lattice, caller), 'you');
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
}

/** A person or service account acts from anywhere, so whoever is bound to some networks hands out more than they have. */
function demandAllNetworks({ principal }: AuthenticatedCaller): void {
  if (principal.networks === null) return;
  throw new Refusal('exceeds_grant', 'This exceeds the networks that you may act from.', {
    errors: [{ field: '(credential)', message: `may act from ${principal.networks.join(', ')} only` }],
  });
}
