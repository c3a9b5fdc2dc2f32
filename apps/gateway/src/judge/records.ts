import { type FamilyRecord, type Lookup } from '@portcullis/bus';
import {
  ApiKey,
  ClientRegistry,
  Identity,
  importedKeys,
  type ResolvedClient,
  type ResolvedInstallation,
  type ResolvedKey,
  type ResolvedPrincipal,
} from '@portcullis/contracts';
import { type Secret } from '@portcullis/credentials';
import { tag } from '@portcullis/enforcement';

export {
  type Ask,
  familyById,
  type FamilyRecord,
  type Lookup,
  Records,
  type RequestRecords,
  type Stop,
} from '@portcullis/bus';

export type KeyRecord = ResolvedKey;
export type PrincipalRecord = NonNullable<ResolvedPrincipal['principal']>;
export type MembershipRecord = PrincipalRecord['memberships'][number];

export type InstallationRecord = ResolvedInstallation['installation'];

/** What imported keys begin with. */
export interface ForeignPrefixes {
  readonly prefixes: readonly string[];
}

/** The S3 form of a key. */
export interface AccessKeyRecord {
  readonly key: KeyRecord;
  readonly secretId: string;
  /** Of this secret. */
  readonly expiresAt: string | null;
  /** By date of the scope; null: nothing opens with it any more. */
  readonly signingKeys: ReadonlyMap<string, Secret> | null;
}

/** The organization that has claimed a bucket. */
export interface BucketOwner {
  readonly bucketOf: string;
}

/** What the enforcer keeps for us. Null: there is no such thing. */
export type CachedRecord =
  | ForeignPrefixes
  | KeyRecord
  | AccessKeyRecord
  | BucketOwner
  | ResolvedClient
  | PrincipalRecord
  | FamilyRecord
  | InstallationRecord
  | null;

const keyLookup = (
  name: string,
  request: { lookup: string } | { id: string } | { sha256: string } | { client_id: string },
): Lookup<KeyRecord> => ({
  name,
  authority: 'api-key',
  under: ['api-key', 'identity'],
  tags: (key) => [tag('credential', key.id), tag('principal', key.owner.id), tag('organization', key.organization_id)],
  ask: async (ask) => {
    const { position, key } = await ask(ApiKey.resolve, request);
    return { position, record: key };
  },
});

export const keyByLookup = (lookup: string): Lookup<KeyRecord> => keyLookup(`key-lookup:${lookup}`, { lookup });
export const keyByClientId = (clientId: string): Lookup<KeyRecord> =>
  keyLookup(`key-client:${clientId}`, { client_id: clientId });
export const keyById = (id: string): Lookup<KeyRecord> => keyLookup(`key:${id}`, { id });

/** An import may make known what was unknown a moment ago. */
export const keyByDigest = (sha256: string): Lookup<KeyRecord> => ({
  ...keyLookup(`key-digest:${sha256}`, { sha256 }),
  tagsOfNone: [tag('credential', importedKeys)],
});

export const foreignPrefixes: Lookup<ForeignPrefixes> = {
  name: 'foreign-prefixes',
  authority: 'api-key',
  under: ['api-key'],
  tags: () => [tag('credential', importedKeys)],
  ask: async (ask) => {
    const { position, prefixes } = await ask(ApiKey.foreignPrefixes, {});
    return { position, record: { prefixes } };
  },
};

/** By the `keyid` of a signature, or by its id. */
const clientLookup = (name: string, request: { client_id: string } | { id: string }): Lookup<ResolvedClient> => ({
  name,
  authority: 'client-registry',
  under: ['client-registry', 'identity'],
  tags: (client) => [tag('credential', client.id), tag('organization', client.organization_id)],
  ask: async (ask) => {
    const { position, client } = await ask(ClientRegistry.resolve, request);
    return { position, record: client };
  },
});

export const clientByClientId = (clientId: string): Lookup<ResolvedClient> =>
  clientLookup(`client-id:${clientId}`, { client_id: clientId });
export const clientById = (id: string): Lookup<ResolvedClient> => clientLookup(`client:${id}`, { id });

/** Not tagged with organizations: one that is suspended must not shut its members out of their others. */
export const principalById = (id: string): Lookup<PrincipalRecord> => ({
  name: `principal:${id}`,
  authority: 'identity',
  under: ['identity'],
  tags: (principal) => [tag('principal', principal.id)],
  ask: async (ask) => {
    const { position, principal } = await ask(Identity.resolvePrincipal, { id });
    return { position, record: principal };
  },
});

/** What it says never changes while identity runs, so that no marker names it. */
export const installation: Lookup<InstallationRecord> = {
  name: 'installation',
  authority: 'identity',
  under: ['identity'],
  tags: () => [],
  ask: async (ask) => {
    const { position, installation } = await ask(Identity.resolveInstallation, {});
    return { position, record: installation };
  },
};
