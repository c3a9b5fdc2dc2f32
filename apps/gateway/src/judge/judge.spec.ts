import { Lattice } from '@portcullis/authz';
import {
  ApiKey,
  type Authority,
  authorities,
  Identity as IdentityService,
  importedKeys,
  newId,
  type Operation,
  Refusal,
} from '@portcullis/contracts';
import { generateSigningKey, mintApiKey, NetworkList, originOf, sha256Hex, signJwt } from '@portcullis/credentials';
import {
  answer,
  Enforcer,
  type EnforcerMessage,
  type EnforcerRow,
  type Marker,
  type Outgoing,
} from '@portcullis/enforcement';
import { type Arrival, type Identity } from '../judgement.js';
import { Judge } from './judge.js';
import { type Ask, type CachedRecord, type FamilyRecord, type KeyRecord, type PrincipalRecord } from './records.js';

const issuer = 'https://gate.test';
const audience = 'portcullis';
const org = 'org_one';
const otherOrg = 'org_two';
const start = Date.parse('2026-11-24T12:00:00Z');

const catalogue = (manager: string[]) => ({
  permissions: {
    'things:view': { title: 'View' },
    'things:manage': { title: 'Manage' },
    'objects:view': { title: 'Read objects', resource: 'bucket' as const },
  },
  roles: {
    viewer: { title: 'Viewer', permissions: ['things:view'] },
    manager: { title: 'Manager', inherits: ['viewer'], permissions: manager },
  },
});

function compiled(manager = ['things:manage', 'objects:view']): Lattice {
  const result = Lattice.compile(catalogue(manager));
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.lattice;
}

/** One authority as the protocol knows it, in memory: its rows, its markers, its head. */
class SmallAuthority {
  isAway = false;
  seq = 0;
  readonly markers: Marker[] = [];
  readonly rows = new Map<string, EnforcerRow>();
  readonly history = 'history-1';

  exchange(message: EnforcerMessage) {
    const after = 'appliedThrough' in message ? message.appliedThrough : 0;
    const view = {
      row: this.rows.get(message.enforcerId),
      head: { history: this.history, seq: this.seq },
      markers: this.markers.filter(({ seq }) => seq > after),
      complete: true,
    };
    const { reply, write } = answer(view, message, 5_000);
    if (write === 'delete') this.rows.delete(message.enforcerId);
    else if (write) this.rows.set(write.id, write);
    return reply;
  }

  mark(marker: Omit<Marker, 'seq'>): void {
    this.markers.push({ seq: ++this.seq, ...marker });
  }

  get position() {
    return { history: this.history, seq: this.seq };
  }
}

/** Authorities, their records, one enforcer and one judge, on one clock. */
function aWorld() {
  const clock = { monotonicMs: 1_000, wallMs: start };
  const now = () => ({ ...clock });
  const authority = Object.fromEntries(authorities.map((name) => [name, new SmallAuthority()])) as Record<
    Authority,
    SmallAuthority
  >;
  const enforcer = new Enforcer<CachedRecord>({
    id: 'gateway-1',
    authorities,
    driftMs: 250,
    maxEntries: 1_000,
    maxNegativeEntries: 100,
  });
  const send = (outgoing: readonly Outgoing[]): void => {
    for (const one of outgoing) {
      const to = authority[one.authority as Authority];
      if (!to.isAway) send(enforcer.onReply(one, to.exchange(one.message), now()));
    }
  };
  /** Time passes, and whatever is due is exchanged. */
  const pass = (ms: number) => {
    clock.monotonicMs += ms;
    clock.wallMs += ms;
    send(enforcer.due(now()));
  };

  const signing = generateSigningKey();
  const keys = new Map<string, KeyRecord>();
  const keyOfLookup = new Map<string, string>();
  const principals = new Map<string, PrincipalRecord>();
  const families = new Map<string, FamilyRecord>();
  const foreign = new Set<string>();
  const asked: string[] = [];
  /** What happens between the reading of an answer and its arrival. */
  let meanwhile: ((subject: string) => void | Promise<void>) | undefined;
  const read = (operation: Operation, request: Record<string, string>): unknown => {
    switch (operation.subject) {
      case ApiKey.resolve.subject: {
        const id = request['id'] ?? keyOfLookup.get(request['lookup'] ?? request['sha256'] ?? '');
        return { position: authority['api-key'].position, key: keys.get(id ?? '') ?? null };
      }
      case ApiKey.foreignPrefixes.subject:
        return { position: authority['api-key'].position, prefixes: [...foreign] };
      case IdentityService.resolvePrincipal.subject:
        return { position: authority.identity.position, principal: principals.get(request['id'] ?? '') ?? null };
      case IdentityService.resolveFamily.subject:
        return { position: authority.identity.position, family: families.get(request['id'] ?? '') ?? null };
      case IdentityService.keys.subject:
        return { access: [signing.publicJwk], gateways: [] };
      default:
        throw new Error(operation.subject);
    }
  };
  const ask = async (operation: Operation, request: object) => {
    asked.push(operation.subject);
    const owner = operation.subject.slice(0, operation.subject.indexOf('.')) as Authority;
    if (authority[owner].isAway) throw new Refusal('unavailable', 'away');
    const reply = structuredClone(read(operation, request as Record<string, string>));
    await meanwhile?.(operation.subject);
    return reply;
  };
  const policy = { lattice: compiled() };
  const judge = new Judge({
    enforcer,
    now,
    ask: ask as Ask,
    lattice: () => policy.lattice,
    apiKeyPrefixes: ['ptc'],
    trustedProxies: NetworkList.parse(['10.9.0.0/16']),
    issuer,
    audience,
    origin: originOf('https://gate.example'),
  });
  const arrive = (authorization: string | undefined, headers: string[] = [], peer = '192.0.2.1'): Arrival => ({
    requestId: 'req_1',
    method: 'GET',
    target: '/',
    path: '/',
    rawHeaders: [
      'Host',
      'gate.test',
      ...(authorization === undefined ? [] : ['Authorization', authorization]),
      ...headers,
    ],
    peer,
  });

  const aPerson = (given: Partial<PrincipalRecord> = {}): PrincipalRecord => {
    const person: PrincipalRecord = {
      id: newId('usr', new Date(start)),
      kind: 'user',
      status: 'active',
      password_number: 0,
      memberships: [{ organization_id: org, roles: ['manager'], permissions: [] }],
      ...given,
    };
    principals.set(person.id, person);
    return person;
  };
  const aKey = (given: Partial<KeyRecord> = {}, owner = aPerson()) => {
    const minted = mintApiKey('ptc');
    const key: KeyRecord = {
      id: newId('key', new Date(start)),
      organization_id: org,
      owner: { kind: 'user', id: owner.id },
      client_id: null,
      roles: ['viewer'],
      permissions: [],
      buckets: null,
      networks: null,
      rate_limit: null,
      status: 'active',
      expires_at: null,
      secrets: [{ id: 'sec_1', form: 'bearer', generation: 1, sha256: minted.sha256, expires_at: null }],
      ...given,
    };
    keys.set(key.id, key);
    keyOfLookup.set(minted.lookup, key.id);
    return { key, owner, minted, bearer: `Bearer ${minted.text.reveal()}` };
  };
  const aToken = (claims: Record<string, unknown>, how: { typ?: string; key?: typeof signing; kid?: string } = {}) => {
    const iat = clock.wallMs / 1000;
    const key = how.key ?? signing;
    const all = {
      iss: issuer,
      aud: audience,
      sub: 'x',
      client_id: 'x',
      jti: 'jti_1',
      iat,
      nbf: iat,
      exp: iat + 3_600,
      ...claims,
    };
    return `Bearer ${signJwt({ key: key.privateKey, kid: how.kid ?? key.kid, typ: how.typ ?? 'at+jwt', claims: all })}`;
  };
  const aFamily = (given: Partial<FamilyRecord> & Pick<FamilyRecord, 'principal_id'>): FamilyRecord => {
    const id = newId('tok', new Date(start));
    const family: FamilyRecord = {
      id,
      kind: 'session',
      credential_id: given.principal_id,
      organization_id: org,
      secret_generation: null,
      key_fingerprint: null,
      status: 'active',
      ...given,
    };
    families.set(id, family);
    return family;
  };
  const aSession = (person = aPerson(), given: Partial<FamilyRecord> = {}) => {
    const family = aFamily({ principal_id: person.id, ...given });
    const claims = {
      cid: family.id,
      sid: family.id,
      org: family.organization_id ?? undefined,
      permissions: allPermissions,
    };
    return { family, person, bearer: aToken(claims), claims };
  };
  const aKeyToken = (made = aKey(), permissions: string[] = allPermissions, generation: number | null = null) => {
    const { key, owner } = made;
    const family = aFamily({
      kind: 'api-key',
      credential_id: key.id,
      principal_id: owner.id,
      secret_generation: generation,
    });
    const claims = { cid: key.id, sid: family.id, org, permissions };
    return { ...made, family, bearer: aToken(claims), claims };
  };

  pass(0);
  return {
    ...{
      clock,
      pass,
      authority,
      enforcer,
      judge,
      policy,
      asked,
      signing,
      keys,
      keyOfLookup,
      foreign,
      principals,
      families,
    },
    ...{ aPerson, aKey, aToken, aSession, aKeyToken },
    meanwhile: (happens: typeof meanwhile) => (meanwhile = happens),
    identify: (authorization?: string, headers?: string[], peer?: string) =>
      judge.identify(arrive(authorization, headers, peer)),
    /** The record changes as its owner commits it, with the marker that says so, and the enforcer hears of it. */
    revoke: (by: Authority, marker: Omit<Marker, 'seq'>, change: () => void = () => undefined) => {
      change();
      authority[by].mark(marker);
      pass(1_000);
    },
  };
}

const allPermissions = ['things:view', 'things:manage', 'objects:view'];

function principalOf(identity: Identity) {
  if (identity.kind !== 'principal') throw new Error(identity.kind === 'refused' ? identity.reason : identity.kind);
  return identity.principal;
}

const refusedAs = (code: string, reason: string) => ({ kind: 'refused', reason, refusal: { code } });

describe('nothing and what is not built', () => {
  test('a request without a credential is anonymous, whatever its query says', async () => {
    expect(await aWorld().identify()).toEqual({ kind: 'anonymous', clientIp: '192.0.2.1' });
  });

  test('Basic is refused with a word', async () => {
    expect(await aWorld().identify('Basic OnB3')).toMatchObject(refusedAs('unauthenticated', 'unsupported_kind'));
  });

  test('a signature that names no client is refused without asking anybody', async () => {
    const headers = ['Signature-Input', 'a=()', 'Signature', 'a=:AA==:'];
    const world = aWorld();
    expect(await world.identify(undefined, headers)).toMatchObject(
      refusedAs('invalid_signature', 'signature_unknown_key'),
    );
    expect(world.asked).toEqual([]);
  });

  test('what is malformed is refused without asking anybody, once it is known what imported keys begin with', async () => {
    const world = aWorld();
    for (const junk of ['nonsense', 'nonsense', 'non.sen.se', 'acme_live_']) {
      expect(await world.identify(`Bearer ${junk}`)).toMatchObject(refusedAs('invalid_token', 'malformed'));
    }
    expect(await world.identify(`Bearer ${mintApiKey('other').text.reveal()}`)).toMatchObject(
      refusedAs('invalid_token', 'foreign_prefix'),
    );
    expect(world.asked).toEqual([ApiKey.foreignPrefixes.subject]);
  });

  test('what begins like ours and is mistyped is refused without asking anybody, ever', async () => {
    const world = aWorld();
    const key = mintApiKey('ptc').text.reveal();
    const mistyped = `${key.slice(0, 20)}${key[20] === 'A' ? 'B' : 'A'}${key.slice(21)}`;
    for (const junk of [mistyped, key.slice(0, -1), `${key}0`, 'ptc_']) {
      expect(await world.identify(`Bearer ${junk}`)).toMatchObject(refusedAs('invalid_token', 'malformed'));
    }
    expect(world.asked).toEqual([]);
  });

  test('an imported key is found by its digest, and only what begins like one is looked up', async () => {
    const world = aWorld();
    const text = 'acme_live_4f9c1d2e';
    const sha256 = sha256Hex(text);
    const { key } = world.aKey({ secrets: [{ id: 'sec_1', form: 'bearer', generation: 1, sha256, expires_at: null }] });
    world.keyOfLookup.set(sha256, key.id);
    // Imported into an installation that knows no prefix yet: refused, until the marker says that there are more.
    expect(await world.identify(`Bearer ${text}`)).toMatchObject(refusedAs('invalid_token', 'malformed'));
    world.foreign.add('acme_live_');
    world.revoke('api-key', { scope: 'credential', id: importedKeys, effect: 'refresh' });
    expect(await world.identify(`Bearer ${text}`)).toMatchObject({ kind: 'principal' });
    expect(await world.identify(`Bearer ${text}x`)).toMatchObject(refusedAs('invalid_token', 'unknown_key'));
    const before = world.asked.length;
    expect(await world.identify('Bearer other_live_4f9c1d2e')).toMatchObject(refusedAs('invalid_token', 'malformed'));
    expect(await world.identify(`Bearer ${text}`)).toMatchObject({ kind: 'principal' });
    expect(await world.identify(`Bearer ${text}x`)).toMatchObject(refusedAs('invalid_token', 'unknown_key'));
    expect(world.asked).toHaveLength(before);
    // What was unknown a moment ago may have been imported since.
    world.keyOfLookup.set(sha256Hex(`${text}x`), key.id);
    key.secrets.push({ id: 'sec_2', form: 'bearer', generation: 1, sha256: sha256Hex(`${text}x`), expires_at: null });
    world.revoke('api-key', { scope: 'credential', id: importedKeys, effect: 'refresh' });
    world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' });
    expect(await world.identify(`Bearer ${text}x`)).toMatchObject({ kind: 'principal' });
  });

  test('an imported key may have dots, and may not pass for a token', async () => {
    const world = aWorld();
    const text = 'SG.x.tokens.like.this';
    const sha256 = sha256Hex(text);
    const { key } = world.aKey({ secrets: [{ id: 'sec_1', form: 'bearer', generation: 1, sha256, expires_at: null }] });
    world.keyOfLookup.set(sha256, key.id);
    world.foreign.add('SG.x');
    expect(await world.identify(`Bearer ${text}`)).toMatchObject({ kind: 'principal' });
  });

  test('a token is good as long as a client secret of its generation is', async () => {
    const secret = { form: 'client_credentials' as const, sha256: sha256Hex('x'), expires_at: null };
    const world = aWorld();
    const made = world.aKey({
      secrets: [
        { ...secret, id: 'sec_1', generation: 1, expires_at: new Date(start + 10_000).toISOString() },
        { ...secret, id: 'sec_2', generation: 2 },
      ],
    });
    const old = world.aKeyToken(made, undefined, 1);
    const current = world.aKeyToken(made, undefined, 2);
    const early = world.aKeyToken(made);
    for (const { bearer } of [old, current, early]) {
      expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    }
    world.pass(10_000);
    expect(await world.identify(old.bearer)).toMatchObject(refusedAs('invalid_token', 'secret_ended'));
    expect(await world.identify(current.bearer)).toMatchObject({ kind: 'principal' });
    made.key.secrets = made.key.secrets.slice(1);
    expect(await world.identify(old.bearer)).toMatchObject(refusedAs('invalid_token', 'secret_ended'));
  });
});

describe('the client address', () => {
  test('is the peer, unless that is a trusted proxy', async () => {
    const world = aWorld();
    const forged = ['X-Forwarded-For', '203.0.113.7'];
    expect(await world.identify(undefined, forged)).toMatchObject({ clientIp: '192.0.2.1' });
    expect(await world.identify(undefined, forged, '::ffff:10.9.0.1')).toMatchObject({ clientIp: '203.0.113.7' });
    expect(await world.identify(undefined, [...forged, 'x-forwarded-for', '198.51.100.1'], '10.9.0.1')).toMatchObject({
      clientIp: '198.51.100.1',
    });
  });
});

describe('API keys', () => {
  test('a key acts as its owner with what it was given', async () => {
    const world = aWorld();
    const { key, owner, bearer } = world.aKey();
    expect(principalOf(await world.identify(bearer))).toEqual({
      kind: 'user',
      id: owner.id,
      organization_id: org,
      credential_id: key.id,
      roles: ['viewer'],
      permissions: ['things:view'],
      resources: {},
      networks: null,
      expires_at: null,
    });
  });

  test('a key never has more than its owner has now, nor more than it was given', async () => {
    const world = aWorld();
    const owner = world.aPerson({ memberships: [{ organization_id: org, roles: ['viewer'], permissions: [] }] });
    const { bearer } = world.aKey({ roles: ['manager'] }, owner);
    expect(principalOf(await world.identify(bearer)).permissions).toEqual(['things:view']);
    const own = world.aKey({ roles: [], permissions: ['things:manage'] });
    expect(principalOf(await world.identify(own.bearer)).permissions).toEqual(['things:manage']);
  });

  test('a bucket-bound permission is worth the buckets that the key names', async () => {
    const world = aWorld();
    const { bearer } = world.aKey({ roles: [], permissions: ['objects:view'], buckets: ['reports'] });
    const identity = await world.identify(bearer);
    expect(principalOf(identity).resources).toEqual({ buckets: ['reports'] });
    expect(world.judge.permit(identity, ['objects:view'], 'reports')).toBeNull();
    expect(world.judge.permit(identity, ['objects:view'], 'logs')).toMatchObject({ code: 'forbidden' });
    expect(world.judge.permit(identity, ['objects:view'])).toMatchObject({ code: 'forbidden' });
  });

  test('the second request asks nobody, and is told the same', async () => {
    const world = aWorld();
    const { bearer } = world.aKey();
    const first = principalOf(await world.identify(bearer));
    const count = world.asked.length;
    expect(principalOf(await world.identify(bearer))).toBe(first);
    expect(world.asked).toHaveLength(count);
  });

  test('many requests at once ask once', async () => {
    const world = aWorld();
    const { bearer } = world.aKey();
    const identities = await Promise.all(Array.from({ length: 50 }, () => world.identify(bearer)));
    expect(identities.every(({ kind }) => kind === 'principal')).toBe(true);
    expect(world.asked).toEqual([ApiKey.resolve.subject, IdentityService.resolvePrincipal.subject]);
  });

  test('a key that nobody made is refused, and asked for once', async () => {
    const world = aWorld();
    const bearer = `Bearer ${mintApiKey('ptc').text.reveal()}`;
    for (let n = 0; n < 3; n++)
      expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'unknown_key'));
    expect(world.asked).toHaveLength(1);
    world.pass(1_000);
    expect(world.enforcer.size).toMatchObject({ records: 0, negatives: 1 });
  });

  test('the lookup part with another secret is refused, and names the key for the record alone', async () => {
    const world = aWorld();
    const { key, bearer } = world.aKey({
      secrets: [{ id: 'sec_1', form: 'bearer', generation: 1, sha256: 'a'.repeat(64), expires_at: null }],
    });
    expect(await world.identify(bearer)).toMatchObject({
      ...refusedAs('invalid_token', 'wrong_secret'),
      credentialId: key.id,
      organizationId: org,
    });
  });

  test('the secret of another form does not open the bearer form', async () => {
    const world = aWorld();
    const { key, minted, bearer } = world.aKey();
    key.secrets = [{ id: 'sec_1', form: 'client_credentials', generation: 1, sha256: minted.sha256, expires_at: null }];
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'wrong_secret'));
  });

  test('an old secret is good until its overlap ends, also from memory', async () => {
    const world = aWorld();
    const { key, minted, bearer } = world.aKey();
    const ends = new Date(start + 10_000).toISOString();
    key.secrets = [
      { id: 'sec_2', form: 'bearer', generation: 1, sha256: 'a'.repeat(64), expires_at: null },
      { id: 'sec_1', form: 'bearer', generation: 1, sha256: minted.sha256, expires_at: ends },
    ];
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    for (let n = 0; n < 9; n++) world.pass(1_000);
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    world.pass(1_000);
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'wrong_secret'));
  });

  test('a key ends at its very second, also from memory', async () => {
    const world = aWorld();
    const { bearer } = world.aKey({ expires_at: new Date(start + 2_000).toISOString() });
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    world.pass(1_999);
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    world.pass(1);
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'expired'));
  });

  test.each(['disabled', 'expired', 'revoked'] as const)('a key that is %s is refused', async (status) => {
    const world = aWorld();
    expect(await world.identify(world.aKey({ status }).bearer)).toMatchObject(refusedAs('invalid_token', status));
  });

  test.each([
    ['disabled', { status: 'disabled' }, 'owner_not_active'],
    ['deleted', { status: 'deleted' }, 'owner_not_active'],
    ['no member any more', { memberships: [] }, 'no_membership'],
    [
      'a member elsewhere',
      { memberships: [{ organization_id: otherOrg, roles: ['manager'], permissions: [] }] },
      'no_membership',
    ],
  ] as const)('a key whose owner is %s is refused', async (_what, given, reason) => {
    const world = aWorld();
    const owner = world.aPerson(structuredClone(given) as Partial<PrincipalRecord>);
    expect(await world.identify(world.aKey({}, owner).bearer)).toMatchObject(refusedAs('invalid_token', reason));
  });

  test('a key whose owner is unknown is refused', async () => {
    const world = aWorld();
    const { owner, bearer } = world.aKey();
    world.principals.delete(owner.id);
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'owner_not_active'));
  });

  test('a key is good from its networks only, and elsewhere nobody learns whether the secret was right', async () => {
    const world = aWorld();
    const { bearer, key } = world.aKey({ networks: ['192.0.2.0/24'] });
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    const elsewhere = refusedAs('network_not_allowed', 'network_not_allowed');
    expect(await world.identify(bearer, [], '198.51.100.1')).toMatchObject(elsewhere);
    expect(await world.identify(bearer, ['X-Forwarded-For', '192.0.2.1'], '198.51.100.1')).toMatchObject(elsewhere);
    expect(await world.identify(bearer, ['X-Forwarded-For', 'unknown'], '10.9.0.1')).toMatchObject(elsewhere);
    world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' }, () => {
      key.secrets = [];
    });
    expect(await world.identify(bearer, [], '198.51.100.1')).toMatchObject(elsewhere);
  });

  test('an empty list of networks is nobody', async () => {
    const world = aWorld();
    expect(await world.identify(world.aKey({ networks: [] }).bearer)).toMatchObject({
      refusal: { code: 'network_not_allowed' },
    });
  });

  test('X-Org-ID must match', async () => {
    const world = aWorld();
    const { bearer } = world.aKey();
    expect(await world.identify(bearer, ['X-Org-ID', org])).toMatchObject({ kind: 'principal' });
    for (const wrong of [otherOrg, '', org.toUpperCase()]) {
      expect(await world.identify(bearer, ['X-Org-ID', wrong])).toMatchObject({
        refusal: { code: 'organization_mismatch' },
      });
    }
  });
});

describe('revocation', () => {
  test('a revoked key is refused at once', async () => {
    const world = aWorld();
    const { key, bearer } = world.aKey();
    await world.identify(bearer);
    world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' }, () => (key.status = 'revoked'));
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'revoked'));
  });

  test('an answer that was read before the revocation and arrives after it is not used', async () => {
    const world = aWorld();
    const { key, bearer } = world.aKey();
    let first = true;
    world.meanwhile((subject) => {
      if (!first || subject !== ApiKey.resolve.subject) return;
      first = false;
      world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' }, () => (key.status = 'revoked'));
    });
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'revoked'));
    expect(world.asked.filter((subject) => subject === ApiKey.resolve.subject)).toHaveLength(2);
  });

  test('a revocation while the owner is being asked counts too', async () => {
    const world = aWorld();
    const { key, bearer } = world.aKey();
    let first = true;
    world.meanwhile((subject) => {
      if (!first || subject !== IdentityService.resolvePrincipal.subject) return;
      first = false;
      world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' }, () => (key.status = 'revoked'));
    });
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'revoked'));
  });

  test.each([
    ['organization', 'organization_blocked'],
    ['principal', 'principal_blocked'],
  ] as const)(
    'a standing marker of an %s refuses the key, cached or fresh, until it is lifted',
    async (scope, reason) => {
      const world = aWorld();
      const { owner, bearer } = world.aKey();
      await world.identify(bearer);
      const id = scope === 'organization' ? org : owner.id;
      world.revoke('identity', { scope, id, effect: 'block' });
      for (let n = 0; n < 2; n++)
        expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', reason));
      world.revoke('identity', { scope, id, effect: 'lift' });
      expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    },
  );

  test('without a lease everything is asked for, each request for itself', async () => {
    const world = aWorld();
    const { key, bearer } = world.aKey();
    await world.identify(bearer);
    for (const name of authorities) world.authority[name].rows.clear();
    world.clock.monotonicMs += 10_000;
    world.clock.wallMs += 10_000;
    world.asked.length = 0;
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    expect(world.asked).toHaveLength(4);
    key.status = 'revoked';
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', 'revoked'));
  });

  test.each(['identity', 'api-key'] as const)(
    'without the lease of %s and without itself there is no answer',
    async (name) => {
      const world = aWorld();
      const { bearer } = world.aKey();
      await world.identify(bearer);
      world.authority[name].isAway = true;
      world.pass(4_000);
      expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
      world.pass(4_000);
      const identity = await world.identify(bearer);
      expect(identity).toMatchObject({ ...refusedAs('unavailable', 'unavailable'), refusal: { retryAfterSeconds: 1 } });
    },
  );

  test('a clock that was set loses the lease', async () => {
    const world = aWorld();
    const { bearer } = world.aKey();
    await world.identify(bearer);
    world.clock.wallMs -= 60_000;
    world.authority['api-key'].isAway = true;
    expect(await world.identify(bearer)).toMatchObject({ refusal: { code: 'unavailable' } });
  });

  test('records that never stop changing end in "unavailable", not in a guess', async () => {
    const world = aWorld();
    const { key, bearer } = world.aKey();
    world.meanwhile((subject) => {
      if (subject === ApiKey.resolve.subject)
        world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' });
    });
    expect(await world.identify(bearer)).toMatchObject({ refusal: { code: 'unavailable' } });
  });

  test('what is attached closes with its credential', async () => {
    const world = aWorld();
    const { key, bearer } = world.aKey();
    const identity = await world.identify(bearer);
    let closed = 0;
    const attachment = world.judge.attach(identity, () => closed++);
    expect(attachment?.admits({ ...world.clock })).toBe(true);
    world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' }, () => (key.status = 'revoked'));
    expect(closed).toBe(1);
    expect(attachment?.admits({ ...world.clock })).toBe(false);
    expect(world.judge.attach(await world.identify(bearer), () => undefined)).toBeUndefined();
    expect(world.judge.attach(await world.identify(), () => undefined)).toBeUndefined();
  });
});

describe('access tokens', () => {
  test('a token of a key is worth token ∩ key ∩ owner', async () => {
    const world = aWorld();
    const { key, owner, bearer, family, claims } = world.aKeyToken(world.aKey({ roles: ['manager'] }));
    const identity = await world.identify(bearer);
    expect(principalOf(identity)).toMatchObject({
      id: owner.id,
      credential_id: key.id,
      organization_id: org,
      permissions: ['things:manage', 'things:view'],
      expires_at: new Date(start + 3_600_000).toISOString(),
    });
    expect(family.kind).toBe('api-key');
    const narrow = world.aToken({ ...claims, permissions: ['things:view', 'made:up'] });
    expect(principalOf(await world.identify(narrow)).permissions).toEqual(['things:view']);
  });

  test('a key that was narrowed since narrows its tokens', async () => {
    const world = aWorld();
    const { key, bearer } = world.aKeyToken(world.aKey({ roles: ['manager'] }));
    await world.identify(bearer);
    world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' }, () => (key.roles = ['viewer']));
    expect(principalOf(await world.identify(bearer)).permissions).toEqual(['things:view']);
  });

  test('buckets in a token narrow those of the key', async () => {
    const world = aWorld();
    const { claims } = world.aKeyToken(world.aKey({ roles: [], permissions: ['objects:view'], buckets: ['a', 'b'] }));
    const bearer = world.aToken({ ...claims, resources: { buckets: ['b', 'c'] } });
    expect(principalOf(await world.identify(bearer)).resources).toEqual({ buckets: ['b'] });
  });

  test('a revoked key ends its tokens, and a disabled owner too', async () => {
    const world = aWorld();
    const one = world.aKeyToken();
    const two = world.aKeyToken();
    await world.identify(one.bearer);
    await world.identify(two.bearer);
    world.revoke(
      'api-key',
      { scope: 'credential', id: one.key.id, effect: 'drop' },
      () => (one.key.status = 'revoked'),
    );
    world.revoke('identity', { scope: 'principal', id: two.owner.id, effect: 'block' });
    expect(await world.identify(one.bearer)).toMatchObject(refusedAs('invalid_token', 'revoked'));
    expect(await world.identify(two.bearer)).toMatchObject(refusedAs('invalid_token', 'principal_blocked'));
  });

  test.each([
    ['family', ({ family }: { family: FamilyRecord }) => family.id],
    ['token', () => 'jti_1'],
    ['signing-key', ({ kid }: { kid: string }) => kid],
  ] as const)('a marker of its %s refuses a token that was verified before', async (scope, id) => {
    const world = aWorld();
    const { family, bearer } = world.aSession();
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    const marked = id({ family, kid: world.signing.kid });
    world.revoke('identity', { scope, id: marked, effect: 'block', keepMs: 3_600_000 });
    expect(await world.identify(bearer)).toMatchObject(
      refusedAs('invalid_token', `${scope.replace('-', '_')}_blocked`),
    );
  });

  test.each(['revoked', 'expired'] as const)('a family that is %s is refused', async (status) => {
    const world = aWorld();
    const { bearer } = world.aSession(world.aPerson(), { status });
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', `family_${status}`));
  });

  test('a token whose family, key or organization are not what the records say is refused', async () => {
    const world = aWorld();
    const { claims, key, owner } = world.aKeyToken();
    const session = world.aSession(owner);
    const cases: [Record<string, unknown>, string][] = [
      [{ ...claims, sid: 'tok_unknown' }, 'unknown_family'],
      [{ ...claims, cid: world.aKey().key.id }, 'other_family'],
      [{ ...claims, sid: session.family.id }, 'other_family'],
      [{ ...session.claims, cid: key.id }, 'other_family'],
      [{ ...claims, org: otherOrg }, 'other_organization'],
      [{ ...claims, org: undefined }, 'other_organization'],
    ];
    for (const [wrong, reason] of cases) {
      expect(await world.identify(world.aToken(wrong))).toMatchObject(refusedAs('invalid_token', reason));
    }
    world.revoke('api-key', { scope: 'credential', id: key.id, effect: 'drop' }, () => world.keys.delete(key.id));
    expect(await world.identify(world.aToken(claims))).toMatchObject(refusedAs('invalid_token', 'unknown_key'));
  });

  test('networks and X-Org-ID of the key hold for its tokens', async () => {
    const world = aWorld();
    const { bearer } = world.aKeyToken(world.aKey({ networks: ['192.0.2.0/24'] }));
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    expect(await world.identify(bearer, [], '198.51.100.1')).toMatchObject({
      refusal: { code: 'network_not_allowed' },
    });
    expect(await world.identify(bearer, ['X-Org-ID', otherOrg])).toMatchObject({
      refusal: { code: 'organization_mismatch' },
    });
  });

  test('a token ends at its very second, also when it was verified before', async () => {
    const world = aWorld();
    const { claims } = world.aSession();
    const bearer = world.aToken({ ...claims, exp: start / 1000 + 2 });
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
    world.pass(2_000);
    for (let n = 0; n < 2; n++)
      expect(await world.identify(bearer)).toMatchObject(refusedAs('token_expired', 'expired'));
  });

  test('without the lease of identity no token is good', async () => {
    const world = aWorld();
    const { bearer } = world.aSession();
    await world.identify(bearer);
    world.authority.identity.rows.clear();
    world.clock.monotonicMs += 10_000;
    world.clock.wallMs += 10_000;
    expect(await world.identify(bearer)).toMatchObject({ refusal: { code: 'unavailable' } });
    world.pass(0);
    expect(await world.identify(bearer)).toMatchObject({ kind: 'principal' });
  });
});

describe('sessions', () => {
  const both = [
    { organization_id: org, roles: ['manager'], permissions: [] },
    { organization_id: otherOrg, roles: ['viewer'], permissions: [] },
  ];

  test('a person has what their membership gives, under the credential of the session', async () => {
    const world = aWorld();
    const { person, family, bearer } = world.aSession();
    expect(principalOf(await world.identify(bearer))).toMatchObject({
      id: person.id,
      credential_id: family.id,
      organization_id: org,
      roles: ['manager'],
      permissions: ['objects:view', 'things:manage', 'things:view'],
      resources: { buckets: 'all' },
    });
  });

  test('a person of several organizations says which, and holds only what they hold there', async () => {
    const world = aWorld();
    const { bearer } = world.aSession(world.aPerson({ memberships: both }), { organization_id: null });
    const here = principalOf(await world.identify(bearer, ['X-Org-ID', org]));
    const there = principalOf(await world.identify(bearer, ['X-Org-ID', otherOrg]));
    expect([here.organization_id, here.permissions.length]).toEqual([org, 3]);
    expect([there.organization_id, there.permissions]).toEqual([otherOrg, ['things:view']]);
    expect(await world.identify(bearer, ['X-Org-ID', 'org_three'])).toMatchObject({
      refusal: { code: 'organization_mismatch' },
    });
  });

  test('a person of several organizations who does not say which may do nothing that needs one', async () => {
    const world = aWorld();
    const { bearer } = world.aSession(world.aPerson({ memberships: both }), { organization_id: null });
    const identity = await world.identify(bearer);
    expect(principalOf(identity)).toMatchObject({ organization_id: null, permissions: [], roles: [] });
    expect(world.judge.permit(identity, ['things:view'])).toMatchObject({ code: 'organization_required' });
    expect(world.judge.permit(identity, [])).toBeNull();
  });

  test('a suspended organization shuts its members out of it, and of no other', async () => {
    const world = aWorld();
    const { bearer } = world.aSession(world.aPerson({ memberships: both }), { organization_id: null });
    await world.identify(bearer, ['X-Org-ID', org]);
    world.revoke('identity', { scope: 'organization', id: org, effect: 'block' });
    expect(await world.identify(bearer, ['X-Org-ID', org])).toMatchObject(
      refusedAs('invalid_token', 'organization_blocked'),
    );
    expect(await world.identify(bearer, ['X-Org-ID', otherOrg])).toMatchObject({ kind: 'principal' });
  });

  test.each([
    ['disabled', { status: 'disabled' as const }, 'owner_not_active'],
    ['of no organization any more', { memberships: [] }, 'no_membership'],
    ['no member of its organization any more', { memberships: [both[1]!] }, 'no_membership'],
  ])('the session of a person who is %s is refused', async (_what, given, reason) => {
    const world = aWorld();
    const { bearer } = world.aSession(world.aPerson(given));
    expect(await world.identify(bearer)).toMatchObject(refusedAs('invalid_token', reason));
  });

  test('who joins a second organization while signed in says from then on which one is meant', async () => {
    const world = aWorld();
    const { bearer } = world.aSession(world.aPerson({ memberships: both }));
    const identity = await world.identify(bearer);
    expect(world.judge.permit(identity, ['things:view'])).toMatchObject({ code: 'organization_required' });
    const there = principalOf(await world.identify(bearer, ['X-Org-ID', otherOrg]));
    expect([there.organization_id, there.permissions]).toEqual([otherOrg, ['things:view']]);
    expect(await world.identify(bearer, ['X-Org-ID', 'org_three'])).toMatchObject({
      refusal: { code: 'organization_mismatch' },
    });
  });

  test('a session of one organization is of no other that its person does not belong to', async () => {
    const world = aWorld();
    const { bearer } = world.aSession();
    expect(await world.identify(bearer, ['X-Org-ID', org])).toMatchObject({ kind: 'principal' });
    expect(await world.identify(bearer, ['X-Org-ID', otherOrg])).toMatchObject({
      refusal: { code: 'organization_mismatch' },
    });
  });

  test('an organization that is suspended stops no session that began in it from working in another', async () => {
    const world = aWorld();
    const { bearer } = world.aSession(world.aPerson({ memberships: both }));
    await world.identify(bearer, ['X-Org-ID', otherOrg]);
    world.revoke('identity', { scope: 'organization', id: org, effect: 'block' });
    expect(await world.identify(bearer, ['X-Org-ID', otherOrg])).toMatchObject({ kind: 'principal' });
  });
});

describe('permission', () => {
  test('all that is named must be held, and the refusal says what is lacking', async () => {
    const world = aWorld();
    const identity = await world.identify(world.aKey().bearer);
    expect(world.judge.permit(identity, ['things:view'])).toBeNull();
    expect(world.judge.permit(identity, [])).toBeNull();
    const refusal = world.judge.permit(identity, ['things:view', 'things:manage', 'no:such']);
    expect(refusal).toMatchObject({
      code: 'forbidden',
      publicMessage: 'This needs the permission things:manage and no:such.',
    });
  });

  test('nobody and whoever was refused may do nothing', async () => {
    const world = aWorld();
    expect(world.judge.permit(await world.identify(), [])).toMatchObject({ code: 'unauthenticated' });
    expect(world.judge.permit(await world.identify('Bearer x'), [])).toMatchObject({ code: 'invalid_token' });
  });

  test('a role means what the policy in force says, and a reload within a request confuses nothing', async () => {
    const world = aWorld();
    const { bearer } = world.aKey({ roles: ['manager'] });
    const before = await world.identify(bearer);
    world.policy.lattice = compiled([]);
    expect(world.judge.permit(before, ['things:manage'])).toBeNull();
    const after = await world.identify(bearer);
    expect(principalOf(after).permissions).toEqual(['things:view']);
    expect(world.judge.permit(after, ['things:manage'])).toMatchObject({ code: 'forbidden' });
  });
});
