import { Injectable } from '@nestjs/common';
import { type ApiKey, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { PolicyFile } from '@portcullis/policy';
import { ApiKeyStore } from './api-key.store.js';

/**
 * What a key was given, for guards of other teams' services: permissions as the policy means its roles now, which a guard does not
 * read, and no digest of a secret. An id that is nobody's is an answer, not a refusal.
 */
@Injectable()
export class ResolveGrant {
  constructor(
    private readonly policy: PolicyFile,
    private readonly keys: ApiKeyStore,
  ) {}

  async execute({ id }: RequestOf<typeof ApiKey.resolveGrant>): Promise<ReplyOf<typeof ApiKey.resolveGrant>> {
    const { position, key } = await this.keys.resolve('id', id);
    if (!key) return { position, grant: null };
    const { lattice } = this.policy.current;
    const given = lattice.grantKnown({ roles: key.roles, permissions: key.permissions, buckets: key.buckets });
    const resources = Object.entries(lattice.resources(given)).map(
      ([permission, buckets]) => [permission, buckets === 'all' ? buckets : [...buckets]] as const,
    );
    return {
      position,
      grant: {
        id: key.id,
        organization_id: key.organization_id,
        owner_id: key.owner.id,
        permissions: lattice.names(given),
        resources: Object.fromEntries(resources),
        networks: key.networks,
        status: key.status,
        expires_at: key.expires_at,
        generations: key.secrets
          .filter(({ form }) => form === 'client_credentials')
          .map(({ generation, expires_at }) => ({ generation, expires_at })),
      },
    };
  }
}
