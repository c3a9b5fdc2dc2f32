import { type Ask, Records, type RequestRecords, type Stop } from '@portcullis/bus';
import { isEverywhere, NetworkList, TokenError } from '@portcullis/credentials';
import { type Attachment, type Enforcer, type Instant, type Subject, tag } from '@portcullis/enforcement';
import { AccessRefused } from './access-refused.js';
import { type AccessToken } from './access-token-verifier.js';
import {
  type ClientGrantRecord,
  clientGrantById,
  type FamilyRecord,
  familyById,
  type GrantRecord,
  grantById,
  type GuardRecord,
  holderById,
} from './guard-records.js';
import { type VerifiedPrincipal } from './verified-principal.js';

export interface TokenJudgeOptions {
  readonly enforcer: Enforcer<GuardRecord | null>;
  /** Both clocks, freshly read. */
  readonly now: () => Instant;
  readonly ask: Ask;
}

/** Where a token is presented: by whom it may be used can depend on it. */
export interface Presentation {
  /** The client's address; a credential that is bound to networks is refused where it is not known. */
  readonly clientIp?: string | undefined;
  /** `X-Org-ID`. */
  readonly organizationId?: string | undefined;
}

/** Records that one decision may wait for. More means that they change faster than they can be read. */
const maxFetches = 8;

/**
 * What a verified access token may do at this moment: token ∩ credential ∩ owner, as the gateway judges it. Everything is read in
 * one turn of the event loop under the leases of all authorities concerned; without them the answer is `unavailable`, where a gateway
 * would ask about the single request. No verdict is remembered.
 */
export class TokenJudge {
  readonly #options: TokenJudgeOptions;
  readonly #records: Records<GuardRecord>;
  readonly #subjects = new WeakMap<VerifiedPrincipal, Subject>();

  constructor(options: TokenJudgeOptions) {
    this.#options = options;
    this.#records = new Records(options.enforcer, options.ask, options.now);
  }

  /** Throws AccessRefused, and nothing else. */
  async judge(token: AccessToken, presented: Presentation): Promise<VerifiedPrincipal> {
    const records = this.#records.forRequest();
    try {
      for (let fetches = 0; fetches <= maxFetches; fetches++) {
        const decided = this.#decide(token, presented, records);
        if (!('stop' in decided)) return decided;
        if (decided.stop === 'blocked') throw noLongerGood(`${decided.tag} is blocked`);
        if (decided.stop === 'unavailable') throw new Error(decided.why);
        await (decided.stop === 'waits' ? decided.work() : records.fetch(decided.lookup));
      }
      throw new Error('the records change faster than they can be read');
    } catch (cause) {
      throw cause instanceof AccessRefused ? cause : new AccessRefused('unavailable', { cause });
    }
  }

  /** As `Enforcer.attach`, for a principal that was judged in this turn. */
  attach(principal: VerifiedPrincipal, close: () => void): Attachment | undefined {
    const subject = this.#subjects.get(principal);
    return subject && this.#options.enforcer.attach(subject, close, this.#options.now());
  }

  #decide(token: AccessToken, presented: Presentation, records: RequestRecords<GuardRecord>): VerifiedPrincipal | Stop {
    // Between the verification and this turn a record may have been waited for.
    if (!(this.#options.now().wallMs < token.expiresAt.getTime())) throw noLongerGood('the token has expired');
    // Without a lease no answer would help, and nobody is kept waiting for one.
    const early = this.#stopUnlessClear({ tags: tagsOf(token), under: ['identity'] });
    if (early) return early;
    const found = records.look(familyById(token.familyId));
    if ('stop' in found) return found;
    const family = found.record;
    if (!family) throw noLongerGood('unknown_family');
    if (family.status !== 'active') throw noLongerGood(`family_${family.status}`);
    if (token.credentialId !== (family.kind === 'session' ? family.id : family.credential_id)) {
      throw noLongerGood('other_family');
    }
    if (family.kind === 'session') return this.#ofSession(token, family, presented, records);
    return family.kind === 'client'
      ? this.#ofClient(token, family, presented, records)
      : this.#ofKey(token, family, presented, records);
  }

  #ofKey(
    token: AccessToken,
    family: FamilyRecord,
    { clientIp, organizationId }: Presentation,
    records: RequestRecords<GuardRecord>,
  ): VerifiedPrincipal | Stop {
    const early = this.#stopUnlessClear({ tags: [], under: ['api-key'] });
    if (early) return early;
    const found = records.look(grantById(token.credentialId));
    if ('stop' in found) return found;
    const key = found.record;
    if (!key) throw noLongerGood('unknown_key');
    if (key.networks !== null) demandWithin(key.networks, clientIp);
    if (token.organizationId !== key.organization_id) throw noLongerGood('other_organization');
    if (!this.#isOfLiveSecret(key, family.secret_generation)) throw noLongerGood('secret_ended');
    if (key.status !== 'active') throw noLongerGood(key.status);
    if (this.#isOver(key.expires_at)) throw noLongerGood('expired');
    const owner = records.look(holderById(key.owner_id));
    if ('stop' in owner) return owner;
    if (owner.record?.status !== 'active') throw noLongerGood('owner_not_active');
    const held = owner.record.memberships.find(({ organization_id }) => organization_id === key.organization_id);
    if (!held) throw noLongerGood('no_membership');
    if (organizationId !== undefined && organizationId !== key.organization_id) throw mismatch();

    const [given, ofOwner] = [new Set(key.permissions), new Set(held.permissions)];
    const permissions = token.permissions.filter(
      (name) => given.has(name) && ofOwner.has(name) && reaches(token, key, name),
    );
    const keyEnds = key.expires_at === null ? Infinity : Date.parse(key.expires_at);
    return this.#cleared(
      {
        id: owner.record.id,
        organizationId: key.organization_id,
        credentialId: key.id,
        permissions,
        buckets: bucketsOf(token, key, permissions),
        expiresAt: new Date(Math.min(keyEnds, token.expiresAt.getTime())),
      },
      {
        tags: [
          ...tagsOf(token),
          tag('credential', key.id),
          tag('principal', key.owner_id),
          tag('organization', key.organization_id),
        ],
        under: ['api-key', 'identity'],
      },
    );
  }

  /** Token ∩ client: a machine client has no owner, and its keys end as a key's secrets do. */
  #ofClient(
    token: AccessToken,
    family: FamilyRecord,
    { clientIp, organizationId }: Presentation,
    records: RequestRecords<GuardRecord>,
  ): VerifiedPrincipal | Stop {
    const early = this.#stopUnlessClear({ tags: [], under: ['client-registry'] });
    if (early) return early;
    const found = records.look(clientGrantById(token.credentialId));
    if ('stop' in found) return found;
    const client = found.record;
    if (!client) throw noLongerGood('unknown_client');
    if (token.organizationId !== client.organization_id) throw noLongerGood('other_organization');
    // Whoever found a key must not live on in the tokens that were got with it.
    const isLive = client.keys.some(
      (key) => key.fingerprint === family.key_fingerprint && !this.#isOver(key.expires_at),
    );
    if (!isLive) throw noLongerGood('key_ended');
    if (client.status !== 'active') throw noLongerGood(client.status);
    if (!isEverywhere(client.networks)) demandWithin(client.networks, clientIp);
    if (organizationId !== undefined && organizationId !== client.organization_id) throw mismatch();

    const given = new Set(client.permissions);
    const permissions = token.permissions.filter((name) => given.has(name) && reaches(token, client, name));
    return this.#cleared(
      {
        id: client.id,
        organizationId: client.organization_id,
        credentialId: client.id,
        permissions,
        buckets: bucketsOf(token, client, permissions),
        expiresAt: token.expiresAt,
      },
      {
        tags: [...tagsOf(token), tag('credential', client.id), tag('organization', client.organization_id)],
        under: ['client-registry', 'identity'],
      },
    );
  }

  #ofSession(
    token: AccessToken,
    family: FamilyRecord,
    { organizationId }: Presentation,
    records: RequestRecords<GuardRecord>,
  ): VerifiedPrincipal | Stop {
    const found = records.look(holderById(family.principal_id));
    if ('stop' in found) return found;
    const person = found.record;
    if (person?.status !== 'active') throw noLongerGood('owner_not_active');
    const { memberships } = person;
    if (memberships.length === 0) throw noLongerGood('no_membership');
    // Where the person belongs now decides. A session that was of one organization does not become one of another in silence.
    const only = memberships.length === 1 ? memberships[0]?.organization_id : undefined;
    const membership = memberships.find(({ organization_id }) => organization_id === (organizationId ?? only));
    if (organizationId !== undefined && !membership) throw mismatch();
    if (organizationId === undefined && family.organization_id !== null) {
      const isStill = memberships.some(({ organization_id }) => organization_id === family.organization_id);
      if (!isStill) throw noLongerGood('no_membership');
    }
    const held = new Set(membership?.permissions);
    return this.#cleared(
      {
        id: person.id,
        organizationId: membership?.organization_id ?? null,
        credentialId: token.credentialId,
        permissions: token.permissions.filter((name) => held.has(name)),
        buckets: token.buckets ?? 'all',
        expiresAt: token.expiresAt,
      },
      {
        tags: [
          ...tagsOf(token),
          tag('principal', person.id),
          ...(membership ? [tag('organization', membership.organization_id)] : []),
        ],
        under: ['identity'],
      },
    );
  }

  /** The leases and the markers have the last word, in the turn in which everything was read. */
  #cleared(principal: VerifiedPrincipal, subject: Subject): VerifiedPrincipal | Stop {
    const stop = this.#stopUnlessClear(subject);
    if (stop) return stop;
    this.#subjects.set(principal, subject);
    return principal;
  }

  #stopUnlessClear(subject: Subject): Stop | undefined {
    const judged = this.#options.enforcer.judge(subject, this.#options.now());
    if (judged.outcome === 'clear') return undefined;
    if (judged.outcome === 'blocked') return { stop: 'blocked', tag: judged.tag };
    return { stop: 'unavailable', why: `no lease from ${judged.authorities.join(', ')}` };
  }

  #isOfLiveSecret({ generations }: GrantRecord, generation: number | null): boolean {
    return (
      generation === null ||
      generations.some((secret) => secret.generation === generation && !this.#isOver(secret.expires_at))
    );
  }

  #isOver(expiresAt: string | null): boolean {
    // Written so that a time that cannot be read is over.
    return expiresAt !== null && !(this.#options.now().wallMs < Date.parse(expiresAt));
  }
}

const tagsOf = (token: AccessToken) => [
  tag('family', token.familyId),
  tag('credential', token.credentialId),
  tag('token', token.jti),
  tag('signing-key', token.kid),
];

type Buckets = 'all' | readonly string[];
type Given = Pick<GrantRecord | ClientGrantRecord, 'resources'>;

/** Refuses the address that the credential may not be used from, and one that is not known. */
function demandWithin(networks: readonly string[], clientIp: string | undefined): void {
  if (NetworkList.parse(networks).contains(clientIp ?? '')) return;
  throw new AccessRefused('network_not_allowed', { detail: 'This credential may not be used from this address.' });
}

/** A permission that is bound to buckets and reaches none is not held. */
function reaches(token: AccessToken, { resources }: Given, permission: string): boolean {
  const its = resources[permission];
  return its === undefined || both(token.buckets, its).length > 0;
}

function both(token: Buckets | undefined, record: Buckets): Buckets {
  if (token === undefined || token === 'all') return record;
  return record === 'all' ? token : token.filter((bucket) => record.includes(bucket));
}

const bucketsOf = (token: AccessToken, { resources }: Given, permissions: readonly string[]): Buckets =>
  commonBuckets(permissions.map((name) => resources[name]).map((its) => its && both(token.buckets, its)));

/** One list stands for all bucket-bound permissions, so it is what they have in common. */
function commonBuckets(lists: readonly (Buckets | undefined)[]): Buckets {
  const named = lists.filter((list) => list !== undefined && list !== 'all');
  const [first, ...others] = named;
  return first?.filter((bucket) => others.every((list) => list.includes(bucket))) ?? 'all';
}

const noLongerGood = (reason: string): AccessRefused =>
  new AccessRefused('invalid_token', { cause: new TokenError('invalid_claims', reason) });

const mismatch = (): AccessRefused =>
  new AccessRefused('organization_mismatch', { detail: 'The token is not for the organization in X-Org-ID.' });
