import { Injectable } from '@nestjs/common';
import { type Identity, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { PolicyFile } from '@portcullis/policy';
import { Owners } from '../owners.js';
import { grantOf } from '../tokens/holder.js';

/**
 * What a person or service account holds now, for guards of other teams' services: permissions as the policy means their roles,
 * which a guard does not read. An id that is nobody's is an answer, not a refusal.
 */
@Injectable()
export class ResolveHolder {
  constructor(
    private readonly policy: PolicyFile,
    private readonly owners: Owners,
  ) {}

  async execute({ id }: RequestOf<typeof Identity.resolveHolder>): Promise<ReplyOf<typeof Identity.resolveHolder>> {
    const { position, owner } = await this.owners.resolve(id);
    if (!owner) return { position, holder: null };
    const { lattice } = this.policy.current;
    const memberships = owner.memberships.map((membership) => ({
      organization_id: membership.organization_id,
      permissions: lattice.names(grantOf(lattice, membership)),
    }));
    return { position, holder: { id: owner.id, kind: owner.kind, status: owner.status, memberships } };
  }
}
