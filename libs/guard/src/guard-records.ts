import { type FamilyRecord, type Lookup } from '@portcullis/bus';
import {
  ApiKey,
  ClientRegistry,
  Identity,
  type ResolvedClientGrant,
  type ResolvedGrant,
  type ResolvedHolder,
} from '@portcullis/contracts';
import { tag } from '@portcullis/enforcement';

export { familyById, type FamilyRecord } from '@portcullis/bus';

export type GrantRecord = ResolvedGrant;
export type ClientGrantRecord = ResolvedClientGrant;
export type HolderRecord = NonNullable<ResolvedHolder['holder']>;

/** What a guard keeps in memory, under leases. */
export type GuardRecord = FamilyRecord | GrantRecord | ClientGrantRecord | HolderRecord;

/** Tagged as the gateway tags its own: what a marker drops there it drops here. */
export const grantById = (id: string): Lookup<GrantRecord> => ({
  name: `grant:${id}`,
  authority: 'api-key',
  under: ['api-key', 'identity'],
  tags: (grant) => [
    tag('credential', grant.id),
    tag('principal', grant.owner_id),
    tag('organization', grant.organization_id),
  ],
  ask: async (ask) => {
    const { position, grant } = await ask(ApiKey.resolveGrant, { id });
    return { position, record: grant };
  },
});

export const clientGrantById = (id: string): Lookup<ClientGrantRecord> => ({
  name: `client-grant:${id}`,
  authority: 'client-registry',
  under: ['client-registry', 'identity'],
  tags: (grant) => [tag('credential', grant.id), tag('organization', grant.organization_id)],
  ask: async (ask) => {
    const { position, grant } = await ask(ClientRegistry.resolveGrant, { id });
    return { position, record: grant };
  },
});

/** Not tagged with organizations: one that is suspended must not shut its members out of their others. */
export const holderById = (id: string): Lookup<HolderRecord> => ({
  name: `holder:${id}`,
  authority: 'identity',
  under: ['identity'],
  tags: (holder) => [tag('principal', holder.id)],
  ask: async (ask) => {
    const { position, holder } = await ask(Identity.resolveHolder, { id });
    return { position, record: holder };
  },
});
