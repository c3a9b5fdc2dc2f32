import { Injectable } from '@nestjs/common';
import { type Identity, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { type Family, FamilyStore } from './family.store.js';

/** What a family of tokens is now. An id that is nobody's is an answer, not a refusal. */
@Injectable()
export class ResolveFamily {
  constructor(
    private readonly database: Database,
    private readonly families: FamilyStore,
  ) {}

  async execute({ id }: RequestOf<typeof Identity.resolveFamily>): Promise<ReplyOf<typeof Identity.resolveFamily>> {
    const { position, family } = await this.families.resolve(id);
    if (!family) return { position, family: null };
    return {
      position,
      family: {
        id: family.id,
        kind: family.kind,
        credential_id: family.credentialId,
        principal_id: family.principalId,
        organization_id: family.organizationId,
        secret_generation: family.secretGeneration,
        key_fingerprint: family.keyFingerprint,
        status: statusOf(family, this.database.now()),
      },
    };
  }
}

function statusOf(family: Family, now: Date): 'active' | 'revoked' | 'expired' {
  if (family.revokedAt) return 'revoked';
  return now < family.endsAt ? 'active' : 'expired';
}
