import { Injectable } from '@nestjs/common';
import { type ClientRegistry, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { PolicyFile } from '@portcullis/policy';
import { ClientStore } from './client.store.js';

/**
 * What a client was given, for guards of other teams' services: permissions as the policy means its roles now, which a guard does not
 * read. An id that is nobody's is an answer, not a refusal.
 */
@Injectable()
export class ResolveGrant {
  constructor(
    private readonly policy: PolicyFile,
    private readonly clients: ClientStore,
  ) {}

  async execute({
    id,
  }: RequestOf<typeof ClientRegistry.resolveGrant>): Promise<ReplyOf<typeof ClientRegistry.resolveGrant>> {
    const { position, client } = await this.clients.resolve('id', id);
    if (!client) return { position, grant: null };
    const { lattice } = this.policy.current;
    const given = lattice.grantKnown({ roles: client.roles, permissions: [], buckets: 'all' });
    const resources = Object.entries(lattice.resources(given)).map(
      ([permission, buckets]) => [permission, buckets === 'all' ? buckets : [...buckets]] as const,
    );
    return {
      position,
      grant: {
        id: client.id,
        organization_id: client.organization_id,
        permissions: lattice.names(given),
        resources: Object.fromEntries(resources),
        networks: client.networks,
        status: client.status,
        keys: client.keys.map(({ fingerprint, expires_at }) => ({ fingerprint, expires_at })),
      },
    };
  }
}
