import { resolve } from 'node:path';
import { type Lattice } from '@portcullis/authz';
import {
  type Authority,
  authorities,
  Identity as IdentityService,
  type Operation,
  Refusal,
  tokenRoles,
} from '@portcullis/contracts';
import { NetworkList, originOf, type RoleTokenClaims, RoleTokenKeys } from '@portcullis/credentials';
import {
  answer,
  Enforcer,
  type EnforcerMessage,
  type EnforcerRow,
  type Marker,
  type Outgoing,
} from '@portcullis/enforcement';
import { loadPolicy } from '@portcullis/policy';
import { type Identity } from '../judgement.js';
import { Judge } from './judge.js';
import { type Ask, type CachedRecord, type PrincipalRecord } from './records.js';

const start = Date.parse('2026-11-24T12:00:00Z');
const here = { id: 'ins_here', first_organization_id: 'org_first', issues_role_tokens: true };
const keys = RoleTokenKeys.parse('kX2vT9sQe7LwYb4NcR6mZp1HjD8fUgA3oViSxE5tBq0=');
const lattice = await shipped();

async function shipped(): Promise<Lattice> {
  const loaded = await loadPolicy(resolve(import.meta.dirname, '../../../../config/policy.yaml'));
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
  return loaded.policy.lattice;
}

/** Identity with its markers, one enforcer with leases, one judge, on one clock. */
function aWorld(given: { roleTokenKeys?: RoleTokenKeys | null } = {}) {
  const clock = { monotonicMs: 1_000, wallMs: start };
  const now = () => ({ ...clock });
  const rows = new Map<string, EnforcerRow>();
  const markers: Marker[] = [];
  const people = new Map<string, PrincipalRecord>();
  const asked: string[] = [];
  const away = new Set<Authority>();
  const enforcer = new Enforcer<CachedRecord>({
    id: 'gateway-1',
    authorities,
    driftMs: 250,
    maxEntries: 100,
    maxNegativeEntries: 100,
  });
  const position = { history: 'history', seq: 0 };
  const exchange = (authority: string, message: EnforcerMessage) => {
    const mine = authority === 'identity' ? markers : [];
    const after = 'appliedThrough' in message ? message.appliedThrough : 0;
    const view = {
      row: rows.get(authority),
      head: { ...position, seq: mine.length },
      markers: mine.filter(({ seq }) => seq > after),
      complete: true,
    };
    const { reply, write } = answer(view, message, 5_000);
    if (write && write !== 'delete') rows.set(authority, write);
    return reply;
  };
  const send = (outgoing: readonly Outgoing[]): void => {
    for (const one of outgoing) {
      if (away.has(one.authority as Authority)) continue;
      send(enforcer.onReply(one, exchange(one.authority, one.message), now()));
    }
  };
  const pass = (ms: number): void => {
    clock.monotonicMs += ms;
    clock.wallMs += ms;
    send(enforcer.due(now()));
  };
  const ask = (operation: Operation, request: Record<string, string>): Promise<unknown> => {
    asked.push(operation.subject);
    if (away.has('identity')) return Promise.reject(new Refusal('unavailable', 'away'));
    const at = { ...position, seq: markers.length };
    return Promise.resolve(
      operation.subject === IdentityService.resolveInstallation.subject
        ? { position: at, installation: here }
        : { position: at, principal: people.get(request['id'] ?? '') ?? null },
    );
  };
  const judge = new Judge({
    enforcer,
    now,
    ask: ask as unknown as Ask,
    lattice: () => lattice,
    apiKeyPrefixes: ['ptc'],
    trustedProxies: NetworkList.parse([]),
    issuer: 'https://gate.test',
    audience: 'https://gate.test',
    origin: originOf('https://gate.test'),
    roleTokenKeys: given.roleTokenKeys === undefined ? keys : given.roleTokenKeys,
  });
  pass(0);
  return {
    ...{ clock, pass, people, asked, away, judge, enforcer },
    mark: (marker: Omit<Marker, 'seq'>): void => {
      markers.push({ seq: markers.length + 1, ...marker });
      pass(1_000);
    },
    identify: (token: string, headers: string[] = []): Promise<Identity> =>
      judge.identify({
        requestId: 'req_1',
        method: 'GET',
        target: '/',
        path: '/',
        rawHeaders: ['Host', 'gate.test', 'Authorization', `Bearer ${token}`, ...headers],
        peer: '192.0.2.1',
      }),
  };
}

const issuedAt = start / 1000;
function aToken(change: Partial<RoleTokenClaims> = {}, by = keys): string {
  return by
    .seal({
      id: 'tok_one',
      installationId: here.id,
      epoch: 1,
      role: 'consumer',
      familyId: 'tok_first',
      owner: null,
      issuedAt,
      expiresAt: issuedAt + 60,
      familyEndsAt: issuedAt + 3600,
      ...change,
    })
    .reveal();
}

const aPerson = (given: Partial<PrincipalRecord> = {}): PrincipalRecord => ({
  id: 'usr_ada',
  kind: 'user',
  status: 'active',
  password_number: 0,
  memberships: [{ organization_id: here.first_organization_id, roles: ['creator'], permissions: [] }],
  ...given,
});

const refusedAs = (code: string, reason: string) => ({ kind: 'refused', reason, refusal: { code } });

test('a role token is the node in the first organization, with what the catalogue gives its role for the node', async () => {
  const identity = await aWorld().identify(aToken());
  expect(identity).toMatchObject({
    kind: 'principal',
    principal: {
      kind: 'node',
      id: here.id,
      organization_id: here.first_organization_id,
      credential_id: 'tok_one',
      roles: ['consumer'],
      resources: {},
      networks: null,
      expires_at: new Date(start + 60_000).toISOString(),
    },
  });
});

test.each(tokenRoles)(
  '%s holds nothing but permissions of the node, and audit:view where the role reads it',
  async (role) => {
    const world = aWorld();
    const identity = await world.identify(aToken({ role }));
    if (identity.kind !== 'principal') throw new Error(identity.kind);
    const { permissions } = identity.principal;
    expect(permissions.length).toBeGreaterThan(3);
    expect(permissions.filter((name) => !name.startsWith('node:') && name !== 'audit:view')).toEqual([]);
    expect(permissions.includes('audit:view')).toBe(role === 'auditor' || role === 'maintainer');
    expect(world.judge.permit(identity, ['node:data:view'])).toBeNull();
    expect(world.judge.permit(identity, ['apikeys:view'])).toMatchObject({ code: 'forbidden' });
    expect(world.judge.permit(identity, ['node:stake:manage']) === null).toBe(role === 'maintainer');
  },
);

test('a role that means more than the node in the policy gives no more here; one that is unknown gives nothing', async () => {
  for (const [role, held] of [
    ['owner', false],
    ['nobody', true],
  ] as const) {
    const identity = await aWorld().identify(aToken({ role }));
    if (identity.kind !== 'principal') throw new Error(identity.kind);
    expect(identity.principal.permissions.includes('users:manage')).toBe(false);
    expect(identity.principal.permissions.length === 0).toBe(held);
  }
});

test('nobody is asked for a token once the installation is known', async () => {
  const world = aWorld();
  await world.identify(aToken());
  await world.identify(aToken({ id: 'tok_two' }));
  expect(world.asked).toEqual([IdentityService.resolveInstallation.subject]);
});

describe('a token that is no good is refused before anybody is asked', () => {
  const other = RoleTokenKeys.parse('q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=');

  test.each([
    ['under another key', aToken({}, other), 'invalid_token', 'unknown_key'],
    ['that was changed', `${aToken().slice(0, -4)}AAAA`, 'invalid_token', 'bad_signature'],
    ['that is junk', 'eyJ.b.c.d.e', 'invalid_token', 'malformed'],
    ['that has expired', aToken({ issuedAt: issuedAt - 61, expiresAt: issuedAt }), 'token_expired', 'expired'],
  ])('%s', async (_, token, code, reason) => {
    const world = aWorld();
    expect(await world.identify(token)).toMatchObject(refusedAs(code, reason));
    expect(world.asked).toEqual([]);
  });

  test('and any, where there is no key', async () => {
    const world = aWorld({ roleTokenKeys: null });
    expect(await world.identify(aToken())).toMatchObject(refusedAs('invalid_token', 'no_role_token_key'));
  });
});

test('it expires at its very second, whatever is remembered', async () => {
  const world = aWorld();
  world.pass(59_000);
  expect((await world.identify(aToken())).kind).toBe('principal');
  world.pass(1_000);
  expect(await world.identify(aToken())).toMatchObject(refusedAs('token_expired', 'expired'));
});

test('X-Org-ID, if sent, names the first organization', async () => {
  const world = aWorld();
  expect((await world.identify(aToken(), ['X-Org-ID', here.first_organization_id])).kind).toBe('principal');
  expect(await world.identify(aToken(), ['X-Org-ID', 'org_other'])).toMatchObject(
    refusedAs('organization_mismatch', 'organization_mismatch'),
  );
});

describe('a marker of identity refuses', () => {
  test.each<[string, Omit<Marker, 'seq'>, string]>([
    ['the token', { scope: 'token', id: 'tok_one', effect: 'block', keepMs: 1e6 }, 'token_blocked'],
    ['its family', { scope: 'family', id: 'tok_first', effect: 'block', keepMs: 1e6 }, 'family_blocked'],
    [
      'all of the installation',
      { scope: 'role-tokens', id: here.id, effect: 'epoch', epoch: 2 },
      'role_tokens_blocked',
    ],
    [
      'the organization',
      { scope: 'organization', id: here.first_organization_id, effect: 'block' },
      'organization_blocked',
    ],
  ])('%s', async (_, marker, reason) => {
    const world = aWorld();
    expect((await world.identify(aToken())).kind).toBe('principal');
    world.mark(marker);
    expect(await world.identify(aToken())).toMatchObject(refusedAs('invalid_token', reason));
  });

  test('not what it does not name: another token, another family, a later epoch', async () => {
    const world = aWorld();
    world.mark({ scope: 'token', id: 'tok_one', effect: 'block', keepMs: 1e6 });
    world.mark({ scope: 'role-tokens', id: here.id, effect: 'epoch', epoch: 2 });
    expect((await world.identify(aToken({ id: 'tok_two', familyId: 'tok_two', epoch: 2 }))).kind).toBe('principal');
  });

  test('and what hangs on the token is closed at once', async () => {
    const world = aWorld();
    const identity = await world.identify(aToken());
    let closed = false;
    expect(world.judge.attach(identity, () => (closed = true))).toBeDefined();
    world.mark({ scope: 'role-tokens', id: here.id, effect: 'epoch', epoch: 2 });
    expect(closed).toBe(true);
  });
});

test('without identity’s lease nothing is accepted from memory: 503, not yes and not no', async () => {
  const world = aWorld();
  expect((await world.identify(aToken())).kind).toBe('principal');
  world.away.add('identity');
  world.pass(6_000);
  expect(await world.identify(aToken())).toMatchObject(refusedAs('unavailable', 'unavailable'));
});

describe('a token of another installation with the same key', () => {
  const theirs = (change: Partial<RoleTokenClaims> = {}): string =>
    aToken({ installationId: 'ins_there', epoch: 1, ...change });

  test('is accepted until it expires, whatever our epoch', async () => {
    const world = aWorld();
    world.mark({ scope: 'role-tokens', id: here.id, effect: 'epoch', epoch: 7 });
    expect(await world.identify(theirs())).toMatchObject({ kind: 'principal', principal: { id: 'ins_there' } });
    world.pass(60_000);
    expect(await world.identify(theirs())).toMatchObject(refusedAs('token_expired', 'expired'));
  });

  test('falls under a revocation here by its id, and of all by when it was issued', async () => {
    const world = aWorld();
    world.mark({ scope: 'token', id: 'tok_theirs', effect: 'block', keepMs: 1e6 });
    expect(await world.identify(theirs({ id: 'tok_theirs' }))).toMatchObject({ reason: 'token_blocked' });
    world.mark({ scope: 'role-tokens', id: 'others', effect: 'epoch', epoch: issuedAt + 1 });
    expect(await world.identify(theirs())).toMatchObject({ reason: 'role_tokens_blocked' });
    expect((await world.identify(theirs({ issuedAt: issuedAt + 1 }))).kind).toBe('principal');
    expect((await world.identify(aToken())).kind).toBe('principal');
  });

  test('never passes for a person of ours', async () => {
    const world = aWorld();
    const identity = await world.identify(theirs({ owner: { id: 'usr_ada', passwordNumber: 0 }, role: 'creator' }));
    expect(identity.kind).toBe('principal');
    expect(world.asked).toEqual([IdentityService.resolveInstallation.subject]);
  });
});

describe('a token that a person obtained', () => {
  test('holds no more than they hold now, and nothing once they are gone', async () => {
    const world = aWorld();
    const token = aToken({ owner: { id: 'usr_ada', passwordNumber: 0 }, role: 'maintainer' });
    expect(await world.identify(token)).toMatchObject(refusedAs('invalid_token', 'owner_not_active'));

    const there = aWorld();
    there.people.set('usr_ada', aPerson());
    const identity = await there.identify(token);
    if (identity.kind !== 'principal') throw new Error(identity.kind);
    expect(identity.principal).toMatchObject({ kind: 'node', id: 'usr_ada', roles: ['maintainer'] });
    expect(there.judge.permit(identity, ['node:data:manage'])).toBeNull();
    expect(there.judge.permit(identity, ['node:stake:manage'])).toMatchObject({ code: 'forbidden' });

    there.people.set(
      'usr_ada',
      aPerson({ memberships: [{ organization_id: 'org_x', roles: ['owner'], permissions: [] }] }),
    );
    there.mark({ scope: 'principal', id: 'usr_ada', effect: 'drop' });
    expect(await there.identify(token)).toMatchObject(refusedAs('invalid_token', 'no_membership'));

    there.mark({ scope: 'principal', id: 'usr_ada', effect: 'block' });
    expect(await there.identify(token)).toMatchObject(refusedAs('invalid_token', 'principal_blocked'));
  });

  test('is over with the password that it was got with', async () => {
    const world = aWorld();
    const token = aToken({ owner: { id: 'usr_ada', passwordNumber: 0 }, role: 'consumer' });
    world.people.set('usr_ada', aPerson());
    expect((await world.identify(token)).kind).toBe('principal');
    world.people.set('usr_ada', aPerson({ password_number: 1 }));
    world.mark({ scope: 'principal', id: 'usr_ada', effect: 'drop' });
    expect(await world.identify(token)).toMatchObject(refusedAs('invalid_token', 'password_changed'));
    const later = aToken({ owner: { id: 'usr_ada', passwordNumber: 1 }, role: 'consumer' });
    expect((await world.identify(later)).kind).toBe('principal');
  });
});
