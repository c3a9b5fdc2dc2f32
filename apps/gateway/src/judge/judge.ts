import { allows, type Grant, type Lattice } from '@portcullis/authz';
import { FetchedGatewayKeys } from '@portcullis/bus';
import { Identity as IdentityService, Refusal } from '@portcullis/contracts';
import {
  type NetworkList,
  type OpenedRoleToken,
  type Origin,
  type RoleTokenKeys,
  type Secret,
  sha256Hex,
  TokenError,
} from '@portcullis/credentials';
import { type Attachment, type Tag } from '@portcullis/enforcement';
import { clientIpOf } from '../client-ip.js';
import { notValid, presented, type Presented } from '../credential/presented.js';
import { type Arrival, type Identity } from '../judgement.js';
import { AccessKeys, type AccessKeySealing, type S3Judgement, type SignedS3Request } from './access-keys.js';
import { type AccessToken, AccessTokens } from './access-tokens.js';
import { type Place } from './asking.js';
import { ClientAssertions } from './client-assertions.js';
import { Grounds, type GroundsOptions } from './grounds.js';
import { JudgeAccessTokens } from './judge-access-tokens.js';
import { JudgeClients } from './judge-clients.js';
import { JudgeKeys } from './judge-keys.js';
import { JudgeRoleTokens } from './judge-role-tokens.js';
import {
  type Ask,
  type CachedRecord,
  foreignPrefixes,
  keyByClientId,
  keyByDigest,
  keyByLookup,
  Records,
  type RequestRecords,
  type Stop,
} from './records.js';
import { RoleTokens } from './role-tokens.js';
import { SignatureClaims } from './signature-claims.js';
import { SignedRequests } from './signed-requests.js';
import { badSignature, blocked, notBuilt, refused, tokenRefusal, unavailable } from './verdicts.js';

export interface JudgeOptions extends GroundsOptions {
  readonly ask: Ask;
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
  readonly #grounds: Grounds;
  readonly #records: Records<CachedRecord>;
  /** Says which access tokens identity signed. */
  readonly #signed: AccessTokens;
  /** Says which role tokens were sealed with our key; null: there is none. */
  readonly #sealed: RoleTokens | null;
  readonly #signedRequests: SignedRequests;
  readonly #assertions: ClientAssertions;
  readonly #keys: JudgeKeys;
  readonly #clients: JudgeClients;
  readonly #accessTokens: JudgeAccessTokens;
  readonly #roleTokens: JudgeRoleTokens;
  readonly #accessKeys: AccessKeys | null;

  constructor(options: JudgeOptions) {
    const grounds = new Grounds(options);
    const claims = new SignatureClaims(options.ask);
    this.#options = options;
    this.#grounds = grounds;
    this.#records = new Records<CachedRecord>(options.enforcer, options.ask, options.now);
    this.#signed = new AccessTokens({
      keys: new FetchedGatewayKeys(async () => (await options.ask(IdentityService.keys, {})).access),
      issuer: options.issuer,
      audience: options.audience,
      now: () => new Date(options.now().wallMs),
    });
    this.#sealed = options.roleTokenKeys ? new RoleTokens(options.roleTokenKeys) : null;
    this.#signedRequests = new SignedRequests({ ...options, claims });
    this.#assertions = new ClientAssertions({ ...options, claims });
    this.#keys = new JudgeKeys(grounds);
    this.#clients = new JudgeClients({ grounds, signedRequests: this.#signedRequests, assertions: this.#assertions });
    this.#accessTokens = new JudgeAccessTokens({ grounds, keys: this.#keys, clients: this.#clients });
    this.#roleTokens = new JudgeRoleTokens(grounds);
    this.#accessKeys = options.s3 ? new AccessKeys({ ...options.s3, keys: this.#keys }) : null;
  }

  /** Never rejects: what cannot be decided is refused. */
  async identify(arrival: Arrival): Promise<Identity> {
    const clientIp = clientIpOf(arrival, this.#options.trustedProxies);
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
    return this.#grounds.attach(identity, close, more);
  }

  async #judgeAccessToken(secret: Secret, place: Place, organizationId: string | null): Promise<Identity> {
    const { clientIp } = place;
    let token: AccessToken;
    try {
      token = await this.#signed.verify(secret);
    } catch (error) {
      if (!(error instanceof TokenError)) return unavailable(clientIp, error);
      return refused(clientIp, tokenRefusal(error), error.code);
    }
    return this.#decide(clientIp, (records) => this.#accessTokens.judge(token, { ...place, organizationId, records }));
  }

  async #judgeRoleToken(secret: Secret, place: Place, organizationId: string | null): Promise<Identity> {
    const { clientIp } = place;
    if (!this.#sealed) return refused(clientIp, notValid(), 'no_role_token_key');
    let token: OpenedRoleToken;
    try {
      token = this.#sealed.open(secret, new Date(this.#options.now().wallMs));
    } catch (error) {
      if (!(error instanceof TokenError)) return unavailable(clientIp, error);
      return refused(clientIp, tokenRefusal(error), error.code);
    }
    return this.#decide(clientIp, (records) => this.#roleTokens.judge(token, { ...place, organizationId, records }));
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
}

/** Every JWT and JWE of ours begins so: its header is a JSON object, and no imported key may begin so. */
const isJose = (secret: Secret): boolean => secret.reveal().startsWith('eyJ');

/** The grant in the numbering of a policy that was reloaded since it was made. */
const current = (lattice: Lattice, grant: Grant): Grant =>
  lattice.owns(grant) ? grant : lattice.grantKnown({ permissions: grant.names(), resources: grant.resources() });
