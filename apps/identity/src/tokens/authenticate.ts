import { Injectable } from '@nestjs/common';
import {
  type Caller,
  eventOrigin,
  Identity,
  newId,
  Refusal,
  type ReplyOf,
  type RequestOf,
  type ResolvedKey,
} from '@portcullis/contracts';
import { NetworkList, sameDigest, type SigningKey } from '@portcullis/credentials';
import { Database, type Transaction } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { Owners } from '../owners.js';
import { FamilyStore } from './family.store.js';
import { holderOfKey, withinScope } from './holder.js';
import { type IssuedPair, IssuePair } from './issue-pair.js';
import { KeyRecords } from './key-records.js';
import { sealGrant, sealPair } from './seal-pair.js';
import { type Holder } from './token-pair.js';

/** No secret has this digest that anybody knows of; compared with where there is no key, so that time does not tell. */
const nobodysDigest = '0'.repeat(64);

type Outcome = { issued: IssuedPair; holder: Holder } | { refused: string };

/**
 * A client secret becomes a token pair. An unknown client and a wrong secret are refused with the same words after the same
 * work; what was wrong goes to the gateway, which records it within its limits: a flood of junk must not fill the record.
 */
@Injectable()
export class Authenticate {
  constructor(
    private readonly database: Database,
    private readonly keys: KeyRecords,
    private readonly owners: Owners,
    private readonly families: FamilyStore,
    private readonly issuePair: IssuePair,
    private readonly policy: PolicyFile,
  ) {}

  async execute(
    { client_id: clientId, secret_sha256: digest }: RequestOf<typeof Identity.authenticate>,
    caller: Caller,
  ): Promise<ReplyOf<typeof Identity.authenticate>> {
    const { issued } = await this.issueFor(clientId, digest, null, caller);
    return sealPair(caller, issued, Identity.authenticate.subject);
  }

  /** The same, for an access token alone. */
  async grant(
    { client_id: clientId, secret_sha256: digest, scope }: RequestOf<typeof Identity.grantBySecret>,
    caller: Caller,
  ): Promise<ReplyOf<typeof Identity.grantBySecret>> {
    const { issued, holder } = await this.issueFor(clientId, digest, scope, caller);
    return sealGrant(caller, issued, holder, Identity.grantBySecret.subject);
  }

  private async issueFor(
    clientId: string,
    digest: string,
    scope: readonly string[] | null,
    caller: Caller,
  ): Promise<{ issued: IssuedPair; holder: Holder }> {
    const key = await this.keys.findByClientId(clientId);
    const fault = faultOf(key, clientId, digest, caller.request.client_ip, this.database.now());
    const signingKey = await this.issuePair.signingKey();
    if (!key || fault) throw refusalOf(fault ?? 'unknown_client', key);
    const generation = liveSecret(key, digest, this.database.now())?.generation;
    const outcome = await this.database.transaction((tx) =>
      this.issue(tx, signingKey, { key, generation, scope }, caller),
    );
    if ('refused' in outcome) throw refusalOf(outcome.refused, key);
    return outcome;
  }

  private async issue(
    tx: Transaction,
    signingKey: SigningKey,
    {
      key,
      generation: secretGeneration,
      scope,
    }: { key: ResolvedKey; generation: number | undefined; scope: readonly string[] | null },
    caller: Caller,
  ): Promise<Outcome> {
    // Between the two looks at the clock it has ended.
    if (secretGeneration === undefined) return { refused: 'secret_expired' };
    const owner = await this.owners.find(key.owner.id, tx);
    const membership = owner?.memberships.find((each) => each.organization_id === key.organization_id);
    if (owner?.status !== 'active' || !membership || key.client_id === null) return { refused: 'owner_inactive' };
    const now = this.database.now();
    const { lattice } = this.policy.current;
    const holder = withinScope(lattice, holderOfKey(lattice, { ...key, client_id: key.client_id }, membership), scope);
    const family = { id: newId('tok', now), endsAt: this.issuePair.familyEnd(now) };
    await this.families.insert(
      tx,
      {
        ...family,
        kind: 'api-key',
        credentialId: key.id,
        principalKind: key.owner.kind,
        principalId: key.owner.id,
        organizationId: key.organization_id,
        secretGeneration,
      },
      now,
    );
    const issued = await this.issuePair.execute(tx, signingKey, family, holder);
    if (!issued) return { refused: 'key_expired' };
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: key.organization_id,
      action: 'token.issued',
      actor: { kind: key.owner.kind, id: key.owner.id, credential_id: key.id },
      resource: { kind: 'token', id: issued.accessJti },
      details: { family: family.id, client_id: key.client_id, permissions: holder.permissions },
    });
    return { issued, holder };
  }
}

/** Why a key and a secret give nothing, as the audit event says it. Every digest is compared, whether or not one has matched. */
function faultOf(
  key: ResolvedKey | null,
  clientId: string,
  digest: string,
  clientIp: string,
  now: Date,
): string | undefined {
  const secrets = (key?.secrets ?? []).filter((secret) => secret.form === 'client_credentials');
  const compared = secrets.length > 0 ? secrets : [{ sha256: nobodysDigest, expires_at: null }];
  const matching = compared.map((secret) => (sameDigest(secret.sha256, digest) ? secret : undefined));
  const matched = matching.filter((secret) => secret !== undefined);
  if (!key || key.client_id !== clientId) return 'unknown_client';
  if (secrets.length === 0 || matched.length === 0) return 'wrong_secret';
  if (!matched.some((secret) => secret.expires_at === null || now < new Date(secret.expires_at)))
    return 'secret_expired';
  if (key.status !== 'active') return `key_${key.status}`;
  // A token has whole seconds: of a key's last one nothing is left.
  if (key.expires_at !== null && now.getTime() + 1000 > Date.parse(key.expires_at)) return 'key_expired';
  if (key.networks && !NetworkList.parse(key.networks).contains(clientIp)) return 'network_not_allowed';
  return undefined;
}

/** The secret itself, if it is good. */
function liveSecret({ secrets }: ResolvedKey, digest: string, now: Date): ResolvedKey['secrets'][number] | undefined {
  return secrets
    .filter((secret) => secret.form === 'client_credentials' && sameDigest(secret.sha256, digest))
    .findLast((secret) => secret.expires_at === null || now < new Date(secret.expires_at));
}

/** What a stranger wrote as client_id is not kept: it may be a secret in the wrong field. */
function refusalOf(reason: string, key: ResolvedKey | null): Refusal {
  const failedCredential = {
    reason,
    organization_id: key?.organization_id ?? null,
    credential_id: key?.id ?? null,
  };
  return reason === 'network_not_allowed'
    ? new Refusal('network_not_allowed', 'This key may not be used from this address.', { failedCredential })
    : new Refusal('invalid_credentials', 'The client_id or the client_secret is not valid.', { failedCredential });
}
