import { allows, type Grant, type Lattice } from '@portcullis/authz';
import { FetchedGatewayKeys } from '@portcullis/bus';
import { Identity as IdentityService, Refusal, roleTokensOfOthers } from '@portcullis/contracts';
import {
  clientAddress,
  NetworkList,
  type OpenedRoleToken,
  type Origin,
  type RoleTokenKeys,
  type Secret,
  sha256Hex,
  TokenError,
} from '@portcullis/credentials';
import { type Attachment, type Enforcer, type Instant, type Subject, tag, type Tag } from '@portcullis/enforcement';
import { notValid, presented, type Presented } from '../credential/presented.js';
import { type Arrival, type Identity } from '../judgement.js';
import { type AccessToken, AccessTokens } from './access-tokens.js';
import { AccessKeys, type AccessKeySealing, type S3Judgement, type SignedS3Request } from './access-keys.js';
import { type Asking, type Place, type PrincipalIdentity } from './asking.js';
import { ClientAssertions } from './client-assertions.js';
import { type Holding, Holdings, roleTokenHolding, sessionHolding } from './holding.js';
import {
  type Ask,
  type CachedRecord,
  familyById,
  foreignPrefixes,
  installation,
  keyByClientId,
  keyByDigest,
  keyByLookup,
  type MembershipRecord,
  principalById,
  Records,
  type RequestRecords,
  type Stop,
} from './records.js';
import { RoleTokens } from './role-tokens.js';
import { JudgeClients } from './judge-clients.js';
import { JudgeKeys } from './judge-keys.js';
import { SignatureClaims } from './signature-claims.js';
import { SignedRequests } from './signed-requests.js';
import {
  badSignature,
  blocked,
  mismatch,
  notBuilt,
  refused,
  tokenExpired,
  tokenRefusal,
  unavailable,
} from './verdicts.js';

export interface JudgeOptions {
  readonly enforcer: Enforcer<CachedRecord>;
  /** Both clocks, freshly read: `link.now`. */
  readonly now: () => Instant;
  readonly ask: Ask;
  /** The policy's lattice, as it is at the moment of asking. */
  readonly lattice: () => Lattice;
  /** Prefixes of API keys that are ours, present and past. */
  readonly apiKeyPrefixes: readonly string[];
  readonly trustedProxies: NetworkList;
  /** `iss` and `aud` of access tokens. */
  readonly issuer: string;
  readonly audience: string;
  /** Where clients reach us: what signed requests name as their target. */
  readonly origin: Origin;
  /** Of role tokens; without them none is accepted. */
  readonly roleTokenKeys?: RoleTokenKeys | null;
  /** Where S3 is spoken. */
  readonly s3?: {
    readonly sealing: AccessKeySealing;
    readonly policyBuckets: () => ReadonlyMap<string, string>;
  };
}

/** Records that one decision may wait for. More means that they change faster than they can be read. */
const maxFetches = 8;

/**
 * Decides who a request comes from and what that principal may do at this moment: credential ∩ owner, for a token token ∩
 * credential ∩ owner. Everything is read in one turn of the event loop, from memory while leases last, else from the
 * authorities themselves; when neither is possible the answer is `unavailable`. It never remembers a verdict.
 */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #records: Records<CachedRecord>;
  readonly #tokens: AccessTokens;
  readonly #roleTokens: RoleTokens | null;
  readonly #signedRequests: SignedRequests;
  readonly #assertions: ClientAssertions;
  readonly #clients: JudgeClients;
  readonly #keys: JudgeKeys;
  readonly #accessKeys: AccessKeys | null;
  readonly #holdings = new Holdings();
  readonly #subjects = new WeakMap<Identity, Subject>();
  readonly #networks = new WeakMap<readonly string[], NetworkList>();

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.#records = new Records<CachedRecord>(options.enforcer, options.ask, options.now);
    this.#roleTokens = options.roleTokenKeys ? new RoleTokens(options.roleTokenKeys) : null;
    const claims = new SignatureClaims(options.ask);
    this.#signedRequests = new SignedRequests({ ...options, claims });
    this.#assertions = new ClientAssertions({ ...options, claims });
    this.#clients = new JudgeClients({
      signedRequests: this.#signedRequests,
      assertions: this.#assertions,
      holdings: this.#holdings,
      lattice: options.lattice,
      now: options.now,
      isWithin: (networks, clientIp) => this.#isWithin(networks, clientIp),
      stopUnlessClear: (subject) => this.#stopUnlessClear(subject),
      principal: (clientIp, holding, subject, about) => this.#principal(clientIp, holding, subject, about),
    });
    this.#keys = new JudgeKeys({
      holdings: this.#holdings,
      lattice: options.lattice,
      now: options.now,
      isWithin: (networks, clientIp) => this.#isWithin(networks, clientIp),
      principal: (clientIp, holding, subject, about) => this.#principal(clientIp, holding, subject, about),
    });
    this.#accessKeys = options.s3 ? new AccessKeys({ ...options.s3, keys: this.#keys }) : null;
    this.#tokens = new AccessTokens({
      keys: new FetchedGatewayKeys(async () => (await options.ask(IdentityService.keys, {})).access),
      issuer: options.issuer,
      audience: options.audience,
      now: () => new Date(options.now().wallMs),
    });
  }

  /** Never rejects: what cannot be decided is refused. */
  async identify(arrival: Arrival): Promise<Identity> {
    const clientIp = this.#clientIp(arrival);
    const found = arrival.presented ?? presented(arrival.rawHeaders, this.#options.apiKeyPrefixes);
    if (found.kind === 'signature') return this.#judgeSignedRequest(arrival, clientIp, found.organizationId);
    return this.#judgePresented(found, { clientIp, anywhere: false });
  }

  /**
   * What a bearer credential is good for at this moment, whoever has it and wherever they are: for who introspects a token that was
   * presented to them. Never rejects.
   */
  async inspect(bearer: Secret): Promise<Identity> {
    const found = presented(['Authorization', `Bearer ${bearer.reveal()}`], this.#options.apiKeyPrefixes);
    return this.#judgePresented(found, { clientIp: '', anywhere: true });
  }

  /** Who a client is that authenticates itself to obtain, inspect or give back a token: by its secret or by its key. Never rejects. */
  async identifyClient(
    by: { readonly clientId: string; readonly secretSha256: string } | { readonly assertion: Secret },
    about: { readonly clientIp: string; readonly userAgent: string | null },
  ): Promise<Identity> {
    const { clientIp } = about;
    const place = { clientIp, anywhere: false };
    if ('clientId' in by) {
      // What has another form is no client id, and nobody need be asked about it.
      if (!/^[A-Za-z]{22}$/.test(by.clientId)) return refused(clientIp, notValid(), 'unknown_client');
      return this.#decide(clientIp, (records) =>
        this.#keys.secret(keyByClientId(by.clientId), by.secretSha256, {
          ...place,
          organizationId: null,
          records,
          form: 'client_credentials',
        }),
      );
    }
    try {
      const assertion = this.#assertions.read(by.assertion.reveal(), about);
      return await this.#decide(clientIp, (records) => this.#clients.assertion(assertion, { ...place, records }));
    } catch (error) {
      if (!(error instanceof TokenError)) return unavailable(clientIp, error);
      return refused(clientIp, notValid(), `assertion_${error.code}`);
    }
  }

  /** Who signed an S3 request, and whose its buckets are, in one turn of the event loop. Never rejects. */
  async identifyS3(request: SignedS3Request): Promise<S3Judgement> {
    const { clientIp } = request;
    let judged: S3Judgement | undefined;
    const identity = await this.#decide(clientIp, (records) => {
      if (!this.#accessKeys) return unavailable(clientIp, 'S3 is not spoken here');
      const found = this.#accessKeys.judge(request, records);
      if ('stop' in found) return found;
      judged = found;
      return found.identity;
    });
    return judged?.identity === identity ? judged : { identity, signingKey: undefined, owners: new Map() };
  }

  /** Whose a bucket is now: the policy says it, else the registry; null: nobody's. Refuses with `unavailable`. */
  async bucketOwner(name: string): Promise<string | null> {
    let owner: string | null | undefined;
    const identity = await this.#decide('', (records) => {
      const owners = this.#accessKeys?.ownersOf([name], records);
      if (!owners) return unavailable('', 'S3 is not spoken here');
      if (!(owners instanceof Map)) return owners;
      owner = owners.get(name) ?? null;
      return { kind: 'anonymous', clientIp: '' };
    });
    if (identity.kind === 'refused' || owner === undefined)
      throw identity.kind === 'refused' ? identity.refusal : new Refusal('unavailable', 'Try again shortly.');
    return owner;
  }

  async #judgePresented(found: Presented, place: Place): Promise<Identity> {
    const { clientIp } = place;
    switch (found.kind) {
      case 'none':
        return { kind: 'anonymous', clientIp };
      case 'refused':
        return found.foreign
          ? this.#judgeForeign(found.foreign.key, place, found.foreign.organizationId, found.reason)
          : refused(clientIp, found.refusal, found.reason);
      case 'api-key': {
        const { key, organizationId } = found;
        return this.#decide(clientIp, (records) =>
          this.#keys.secret(keyByLookup(key.lookup), key.sha256, { ...place, organizationId, records }),
        );
      }
      case 'access-token':
        return isJose(found.token)
          ? this.#judgeAccessToken(found.token, place, found.organizationId)
          : this.#judgeForeign(found.token, place, found.organizationId, 'malformed');
      case 'role-token':
        if (!isJose(found.token)) return this.#judgeForeign(found.token, place, found.organizationId, 'malformed');
        return this.#judgeRoleToken(found.token, place, found.organizationId);
      case 'signature':
      case 'basic':
        return refused(
          clientIp,
          notBuilt('Basic is only good for obtaining a credential. Present that.'),
          'unsupported_kind',
        );
    }
  }

  /**
   * Whether `identity` may do something that needs all of `permissions`; null is yes. With no permission named any
   * authenticated principal may. A bucket-bound permission is asked for on `bucket`, or on every one.
   */
  permit(identity: Identity, permissions: readonly string[], bucket?: string): Refusal | null {
    if (identity.kind === 'refused') return identity.refusal;
    if (identity.kind === 'anonymous') return new Refusal('unauthenticated', 'This needs a credential.');
    if (permissions.length > 0 && identity.principal.organization_id === null) {
      return new Refusal(
        'organization_required',
        'You belong to several organizations. Say which with the header X-Org-ID.',
      );
    }
    const lattice = this.#options.lattice();
    const grant = current(lattice, identity.grant);
    const lacking = permissions.filter((name) => !allows(grant, lattice.permissionIndex(name), bucket));
    return lacking.length === 0
      ? null
      : new Refusal('forbidden', `This needs the permission ${lacking.join(' and ')}.`);
  }

  /**
   * Ties a stream that lives on after its decision (event stream, chunked upload) to it. `close` is called at once when a
   * marker matches or a lease ends. To be called in the turn in which `identify` answered; later it decides anew.
   * @param more of what else it depends on, of the same authorities
   * @returns undefined if that principal is refused at this instant, or no lease is held
   */
  attach(identity: Identity, close: () => void, more: readonly Tag[] = []): Attachment | undefined {
    const subject = this.#subjects.get(identity);
    if (!subject) return undefined;
    const tags = [...subject.tags, ...more];
    return this.#options.enforcer.attach({ ...subject, tags }, close, this.#options.now());
  }

  async #judgeAccessToken(secret: Secret, place: Place, organizationId: string | null): Promise<Identity> {
    const { clientIp } = place;
    let token: AccessToken;
    try {
      token = await this.#tokens.verify(secret);
    } catch (error) {
      if (!(error instanceof TokenError)) return unavailable(clientIp, error);
      return refused(clientIp, tokenRefusal(error), error.code);
    }
    return this.#decide(clientIp, (records) => this.#judgeToken(token, { ...place, organizationId, records }));
  }

  async #judgeRoleToken(secret: Secret, place: Place, organizationId: string | null): Promise<Identity> {
    const { clientIp } = place;
    if (!this.#roleTokens) return refused(clientIp, notValid(), 'no_role_token_key');
    let token: OpenedRoleToken;
    try {
      token = this.#roleTokens.open(secret, new Date(this.#options.now().wallMs));
    } catch (error) {
      if (!(error instanceof TokenError)) return unavailable(clientIp, error);
      return refused(clientIp, tokenRefusal(error), error.code);
    }
    return this.#decide(clientIp, (records) => this.#judgeRole(token, { ...place, organizationId, records }));
  }

  async #judgeSignedRequest(arrival: Arrival, clientIp: string, organizationId: string | null): Promise<Identity> {
    const signed = this.#signedRequests.read(arrival, clientIp);
    if ('reason' in signed) return refused(clientIp, badSignature(), signed.reason);
    const asking = { clientIp, anywhere: false, organizationId };
    return this.#decide(clientIp, (records) => this.#clients.signedRequest(signed, { ...asking, records }));
  }

  /** Decides, and as often as a record is missing fetches it and decides again from the start. */
  async #decide(
    clientIp: string,
    decide: (records: RequestRecords<CachedRecord>) => Identity | Stop,
  ): Promise<Identity> {
    const records = this.#records.forRequest();
    try {
      for (let fetches = 0; fetches <= maxFetches;) {
        const decided = decide(records);
        if ('kind' in decided) return decided;
        if (decided.stop === 'blocked') return blocked(clientIp, decided.tag);
        if (decided.stop === 'unavailable') return unavailable(clientIp, decided.why);
        if (decided.stop === 'waits') await decided.work();
        else {
          fetches += 1;
          await records.fetch(decided.lookup);
        }
      }
    } catch (error) {
      return unavailable(clientIp, error);
    }
    return unavailable(clientIp, 'the records change faster than they can be read');
  }

  /** What is none of ours is looked up by its digest if it begins like an imported key. Anything else is refused here. */
  #judgeForeign(secret: Secret, place: Place, organizationId: string | null, reason: string): Promise<Identity> {
    const { clientIp } = place;
    const text = secret.reveal();
    const sha256 = sha256Hex(secret);
    return this.#decide(clientIp, (records) => {
      const known = records.look(foreignPrefixes);
      if ('stop' in known) return known;
      const isImported = known.record?.prefixes.some(
        (prefix) => text.length > prefix.length && text.startsWith(prefix),
      );
      return isImported
        ? this.#keys.secret(keyByDigest(sha256), sha256, { ...place, organizationId, records })
        : refused(clientIp, notValid(), reason);
    });
  }

  #judgeToken(token: AccessToken, asking: Asking): Identity | Stop {
    const { clientIp, records } = asking;
    const named = [
      tag('family', token.familyId),
      tag('credential', token.credentialId),
      tag('token', token.jti),
      tag('signing-key', token.kid),
    ];
    // A marker can name a token that its family's record still vouches for. So without identity's lease no question would
    // help; asking anyway was the road not taken.
    const early = this.#stopUnlessClear({ tags: named, under: ['identity'] });
    if (early) return early;

    const found = records.look(familyById(token.familyId));
    if ('stop' in found) return found;
    const family = found.record;
    const no = (reason: string) =>
      refused(clientIp, notValid(), reason, { id: token.credentialId, organization_id: token.organizationId });
    if (!family) return no('unknown_family');
    if (family.status !== 'active') return no(`family_${family.status}`);
    if (token.credentialId !== (family.kind === 'session' ? family.id : family.credential_id))
      return no('other_family');
    if (family.kind === 'session') return this.#judgeSession(token, family, named, asking);
    if (family.kind === 'client') return this.#clients.token(token, family.key_fingerprint, named, asking);

    return this.#keys.token(token, family.secret_generation, named, asking);
  }

  /**
   * No record vouches for a role token: it holds what it says unless a marker of this installation names it. The markers of another
   * installation with the same key do not come here, so its tokens fall under ours alone: by id, by family, and by when they were
   * issued in place of an epoch. Who a person is there means nothing here.
   */
  #judgeRole(token: OpenedRoleToken, { clientIp, organizationId, records }: Asking): Identity | Stop {
    const found = records.look(installation);
    if ('stop' in found) return found;
    const here = found.record;
    if (!here) return { stop: 'unavailable', why: 'the installation is unknown' };
    const isOurs = token.installationId === here.id;
    const organization = here.first_organization_id;
    const no = (refusal: Refusal, reason: string) =>
      refused(clientIp, refusal, reason, { id: token.id, organization_id: organization });
    const subject = {
      tags: [
        tag('token', token.id),
        tag('family', token.familyId),
        tag('signing-key', token.kid),
        tag('role-tokens', isOurs ? token.installationId : roleTokensOfOthers),
        tag('organization', organization),
        ...(isOurs && token.owner !== null ? [tag('principal', token.owner.id)] : []),
      ],
      under: ['identity'],
      epoch: isOurs ? token.epoch : token.issuedAt,
    };
    const stop = this.#stopUnlessClear(subject);
    if (stop) return stop;
    // Between the decryption and this turn a record may have been waited for.
    if (this.#options.now().wallMs >= token.expiresAt * 1000) return no(tokenExpired(), 'expired');
    if (organizationId !== null && organizationId !== organization) return no(mismatch(), 'organization_mismatch');
    let owner: MembershipRecord | undefined;
    if (isOurs && token.owner !== null) {
      const person = records.look(principalById(token.owner.id));
      if ('stop' in person) return person;
      if (person.record?.status !== 'active') return no(notValid(), 'owner_not_active');
      if (person.record.password_number !== token.owner.passwordNumber) return no(notValid(), 'password_changed');
      owner = person.record.memberships.find((each) => each.organization_id === organization);
      if (!owner) return no(notValid(), 'no_membership');
    }
    const lattice = this.#options.lattice();
    const holding = this.#holdings.of(token, [lattice, organization, owner], () =>
      roleTokenHolding(lattice, token, organization, owner),
    );
    return this.#principal(clientIp, holding, subject);
  }

  #judgeSession(
    token: AccessToken,
    family: { principal_id: string; organization_id: string | null },
    named: readonly Tag[],
    { clientIp, organizationId, records }: Asking,
  ): Identity | Stop {
    const credential = { id: token.credentialId, organization_id: family.organization_id };
    const found = records.look(principalById(family.principal_id));
    if ('stop' in found) return found;
    const person = found.record;
    if (person?.status !== 'active') return refused(clientIp, notValid(), 'owner_not_active', credential);
    const { memberships } = person;
    if (memberships.length === 0) return refused(clientIp, notValid(), 'no_membership', credential);
    // Where the person belongs now decides, and not where they did when the session began: whoever joins a second organization
    // says from then on which one is meant.
    const only = memberships.length === 1 ? memberships[0]?.organization_id : undefined;
    const membership = memberships.find(({ organization_id }) => organization_id === (organizationId ?? only));
    if (organizationId !== null && !membership) {
      return refused(clientIp, mismatch(), 'organization_mismatch', credential);
    }
    // A session that was of one organization does not become one of another in silence.
    if (organizationId === null && family.organization_id !== null) {
      const isStill = memberships.some(({ organization_id }) => organization_id === family.organization_id);
      if (!isStill) return refused(clientIp, notValid(), 'no_membership', credential);
    }
    const tags = [
      ...named,
      tag('principal', person.id),
      ...(membership ? [tag('organization', membership.organization_id)] : []),
    ];
    const stop = this.#stopUnlessClear({ tags, under: ['identity'] });
    if (stop) return stop;
    const lattice = this.#options.lattice();
    const holding = this.#holdings.of(token, [lattice, person, membership], () =>
      sessionHolding(lattice, token, person, membership),
    );
    return this.#principal(clientIp, holding, { tags, under: ['identity'] });
  }

  #isWithin(networks: readonly string[], clientIp: string): boolean {
    let list = this.#networks.get(networks);
    if (!list) this.#networks.set(networks, (list = NetworkList.parse(networks)));
    return list.contains(clientIp);
  }

  #principal(
    clientIp: string,
    { principal, grant }: Holding,
    subject: Subject,
    about: Partial<Pick<PrincipalIdentity, 'key' | 'secretId' | 'contentDigest' | 'keyFingerprint'>> = {},
  ): Identity {
    const identity: Identity = { kind: 'principal', principal, grant, clientIp, ...about };
    this.#subjects.set(identity, subject);
    return identity;
  }

  #stopUnlessClear(subject: Subject): Stop | undefined {
    const judged = this.#options.enforcer.judge(subject, this.#options.now());
    if (judged.outcome === 'clear') return undefined;
    if (judged.outcome === 'blocked') return { stop: 'blocked', tag: judged.tag };
    return { stop: 'unavailable', why: `no lease from ${judged.authorities.join(', ')}` };
  }

  #clientIp({ peer, rawHeaders }: Arrival): string {
    const forwardedFor: string[] = [];
    for (let at = 0; at < rawHeaders.length; at += 2) {
      if (rawHeaders[at]?.toLowerCase() === 'x-forwarded-for') forwardedFor.push(rawHeaders[at + 1] ?? '');
    }
    return clientAddress({ peer, forwardedFor, trusted: this.#options.trustedProxies });
  }
}

/** Every JWT and JWE of ours begins so: its header is a JSON object, and no imported key may begin so. */
const isJose = (secret: Secret): boolean => secret.reveal().startsWith('eyJ');

/** The grant in the numbering of a policy that was reloaded since it was made. */
const current = (lattice: Lattice, grant: Grant): Grant =>
  lattice.owns(grant) ? grant : lattice.grantKnown({ permissions: grant.names(), resources: grant.resources() });
