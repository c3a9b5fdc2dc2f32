import { type Bus } from '@portcullis/bus';
import {
  ApiKey,
  type Authority,
  ClientRegistry,
  Identity,
  importedKeys,
  type Position,
  type ResolvedClient,
  type ResolvedFamily,
  type ResolvedInstallation,
  type ResolvedKey,
  type ResolvedPrincipal,
} from '@portcullis/contracts';
import { type Enforcer, type Instant, tag, type Tag } from '@portcullis/enforcement';

/** How an authority is asked: `bus.call` of the gateway's connection. */
export type Ask = Bus['call'];

export type KeyRecord = ResolvedKey;
export type PrincipalRecord = NonNullable<ResolvedPrincipal['principal']>;
export type MembershipRecord = PrincipalRecord['memberships'][number];
export type FamilyRecord = NonNullable<ResolvedFamily['family']>;

export type InstallationRecord = ResolvedInstallation['installation'];

/** What imported keys begin with. */
export interface ForeignPrefixes {
  readonly prefixes: readonly string[];
}

/** What the enforcer keeps for us. Null: there is no such thing. */
export type CachedRecord =
  ForeignPrefixes | KeyRecord | ResolvedClient | PrincipalRecord | FamilyRecord | InstallationRecord | null;

/** One question to one authority, and how its answer is kept. */
export interface Lookup<R> {
  readonly name: string;
  readonly authority: Authority;
  /** Every authority whose markers can match the answer. */
  readonly under: readonly Authority[];
  tags(record: R): Tag[];
  /** Of the answer that there is no such thing. */
  readonly tagsOfNone?: readonly Tag[];
  ask(ask: Ask): Promise<{ position: Position; record: R | null }>;
}

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

/** Not tagged with its organization either: of a session it says where the person stood when it began, of a key the key's record does. */
export const familyById = (id: string): Lookup<FamilyRecord> => ({
  name: `family:${id}`,
  authority: 'identity',
  under: ['identity'],
  tags: (family) => [
    tag('family', family.id),
    tag('principal', family.principal_id),
    tag('credential', family.credential_id),
  ],
  ask: async (ask) => {
    const { position, family } = await ask(Identity.resolveFamily, { id });
    return { position, record: family };
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

/** A decision cannot be finished: a record is not in memory, something has to be asked first, or a marker stands against it. */
export type Stop =
  | { readonly stop: 'needs'; readonly lookup: Lookup<never> }
  | { readonly stop: 'waits'; readonly work: () => Promise<void> }
  | { readonly stop: 'blocked'; readonly tag: Tag }
  | { readonly stop: 'unavailable'; readonly why: string };

/** How long a record is kept at most. Revocations come by marker and do not wait for this; what widens a grant may. */
const keepMs = 30_000;
/** Of a key that does not exist. Its lookup part is random, so none is ever made under it. */
const keepUnknownMs = 10_000;

/** Reads records for one request at a time: from memory under leases, else from their authority. */
export class Records {
  /** Questions under way that may be shared: their answers reach others only through the enforcer's own checks. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(
    private readonly enforcer: Enforcer<CachedRecord>,
    private readonly ask: Ask,
    private readonly now: () => Instant,
  ) {}

  forRequest(): RequestRecords {
    return new RequestRecords(this.enforcer, (lookup, answers) => this.#fetch(lookup, answers), this.now);
  }

  async #fetch<R extends CachedRecord>(lookup: Lookup<R>, answers: Answers): Promise<void> {
    const { name, under } = lookup;
    const shared = this.#underWay.get(name);
    if (shared && !answers.joined.has(name)) {
      answers.joined.add(name);
      await shared.catch(() => undefined);
      return;
    }
    const asking = this.#ask(lookup, answers);
    // Without a lease an answer serves only the request that asked after it had arrived.
    const now = this.now();
    if (!shared && under.every((authority) => this.enforcer.holdsLease(authority, now))) {
      this.#underWay.set(name, asking);
      const forget = () => this.#underWay.delete(name);
      asking.then(forget, forget);
    }
    await asking;
  }

  async #ask<R extends CachedRecord>(lookup: Lookup<R>, answers: Answers): Promise<void> {
    const { name, authority, under } = lookup;
    const { position, record } = await lookup.ask(this.ask);
    const about = {
      authority,
      at: position,
      under,
      tags: record === null ? (lookup.tagsOfNone ?? []) : lookup.tags(record),
      keepMs: record === null ? keepUnknownMs : keepMs,
      negative: record === null,
    };
    const kept = this.enforcer.remember(name, record, about, this.now());
    if (kept === 'no-lease') answers.fresh.set(name, record);
    else answers.fresh.delete(name);
  }
}

interface Answers {
  /** Answers to this very request that may not be kept. */
  readonly fresh: Map<string, CachedRecord>;
  /** Questions of others that this request has waited for: once each. */
  readonly joined: Set<string>;
}

/** The records as one request may use them. */
export class RequestRecords {
  readonly #answers: Answers = { fresh: new Map(), joined: new Set() };

  constructor(
    private readonly enforcer: Enforcer<CachedRecord>,
    private readonly fetchRecord: <R extends CachedRecord>(lookup: Lookup<R>, answers: Answers) => Promise<void>,
    private readonly now: () => Instant,
  ) {}

  /** The record as it may be used in this turn of the event loop. */
  look<R extends CachedRecord>(lookup: Lookup<R>): { readonly record: R | null } | Stop {
    const recalled = this.enforcer.recall(lookup.name, this.now());
    if (recalled.outcome === 'record') return { record: recalled.record as R | null };
    if (recalled.outcome === 'blocked') return { stop: 'blocked', tag: recalled.tag };
    if (recalled.outcome === 'no-lease' || !this.#leased(lookup)) {
      const fresh = this.#answers.fresh.get(lookup.name);
      if (fresh !== undefined) return { record: fresh as R | null };
    }
    return { stop: 'needs', lookup: lookup as Lookup<never> };
  }

  fetch(lookup: Lookup<never>): Promise<void> {
    return this.fetchRecord(lookup, this.#answers);
  }

  #leased({ under }: { readonly under: readonly Authority[] }): boolean {
    const now = this.now();
    return under.every((authority) => this.enforcer.holdsLease(authority, now));
  }
}
