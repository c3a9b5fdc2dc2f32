import { eventually } from '@portcullis/testing';
import { forgedTokens, issuer } from '../spec/forged-tokens.js';
import {
  aClient,
  aClientToken,
  aGuardedWorld,
  aHolder,
  aKey,
  aKeyToken,
  aSessionToken,
  aToken,
  type GuardedWorld,
  leaseSeconds,
  org,
} from '../spec/guarded-world.js';
import { bearing } from '../spec/requests.js';
import { generateSigningKey } from '@portcullis/credentials';
import { type JoinedGuard } from './joined-guard.js';

let world: GuardedWorld;
let guard: JoinedGuard;

beforeAll(async () => {
  world = await aGuardedWorld();
  guard = await world.join({ trustedProxies: ['192.0.2.1/32'] });
  await eventually(() => guard.ready);
}, 60_000);
afterAll(() => world.stop(), 60_000);

describe('what a token may do', () => {
  test('of a key: token ∩ key ∩ owner, on the buckets that both name', async () => {
    const owner = aHolder({ memberships: [{ organization_id: org, permissions: ['things:view', 'objects:view'] }] });
    const key = aKey({ permissions: ['things:view', 'things:manage', 'objects:view'] }, owner);
    const { token } = aKeyToken(key, { resources: { buckets: ['beta', 'gamma'] } });
    expect(await guard.verify(token)).toEqual({
      id: owner.id,
      organizationId: org,
      credentialId: key.id,
      permissions: ['things:view', 'objects:view'],
      buckets: ['beta'],
      expiresAt: expect.any(Date) as Date,
    });
  });

  test('a permission that is bound to buckets and reaches none is not held', async () => {
    const { token } = aKeyToken(aKey(), { resources: { buckets: ['gamma'] } });
    expect((await guard.verify(token)).permissions).toEqual(['things:view']);
  });

  test('of a session: token ∩ person in the organization that is meant', async () => {
    const person = aHolder({
      memberships: [
        { organization_id: org, permissions: ['things:view'] },
        { organization_id: 'org_two', permissions: ['things:manage'] },
      ],
    });
    const { token } = aSessionToken(person, { organization_id: null });
    expect(await guard.verify(token)).toMatchObject({ organizationId: null, permissions: [] });
    const two = await guard.authenticate(bearing(token, 'X-Org-ID', 'org_two'));
    expect(two).toMatchObject({ id: person.id, organizationId: 'org_two', permissions: ['things:manage'] });
    await expect(guard.verify(token, { organizationId: 'org_three' })).rejects.toMatchObject({
      status: 403,
      code: 'organization_mismatch',
    });
  });

  test('of a machine client: token ∩ client, on the buckets that both name', async () => {
    const client = aClient({ permissions: ['things:view', 'things:manage', 'objects:view'] });
    const { token } = aClientToken(client, {
      permissions: ['things:view', 'objects:view', 'elsewhere:view'],
      resources: { buckets: ['beta'] },
    });
    expect(await guard.verify(token)).toEqual({
      id: client.id,
      organizationId: org,
      credentialId: client.id,
      permissions: ['things:view', 'objects:view'],
      buckets: ['beta'],
      expiresAt: expect.any(Date) as Date,
    });
    await expect(guard.verify(token, { organizationId: 'org_two' })).rejects.toMatchObject({
      status: 403,
      code: 'organization_mismatch',
    });
  });

  test.each<[string, () => { token: string }]>([
    ['of a client that nobody knows', () => aClientToken({ ...aClient(), id: 'cli_nobody' })],
    ['of a revoked client', () => aClientToken(aClient({ status: 'revoked' }))],
    ['of a disabled client', () => aClientToken(aClient({ status: 'disabled' }))],
    ['of a client’s key that was rotated away', () => aClientToken(aClient({ keys: [] }))],
    ['that was got with another key of the client', () => aClientToken(aClient(), {}, { key_fingerprint: null })],
    [
      'of a client’s key whose overlap is over',
      () =>
        aClientToken(
          aClient({ keys: aClient().keys.map((key) => ({ ...key, expires_at: '2020-01-01T00:00:00.000Z' })) }),
        ),
    ],
    ['of another organization than its client', () => aClientToken(aClient(), { org: 'org_two' })],
    ['of a client’s family that names a key', () => aClientToken(aClient(), {}, { kind: 'api-key' })],
    ['of a family that nobody knows', () => ({ token: aToken({ cid: aKey().id, sid: 'tok_nobody', org }) })],
    ['of a revoked family', () => aKeyToken(aKey(), {}, { status: 'revoked' })],
    ['of a family that is over', () => aSessionToken(aHolder(), { status: 'expired' })],
    ['that names another key than its family', () => aKeyToken(aKey(), { cid: aKey().id })],
    ['of a session that names a key', () => aKeyToken(aKey(), {}, { kind: 'session' })],
    ['of a key that nobody knows', () => aKeyToken({ ...aKey(), id: 'key_nobody' })],
    ['of a revoked key', () => aKeyToken(aKey({ status: 'revoked' }))],
    ['of a disabled key', () => aKeyToken(aKey({ status: 'disabled' }))],
    ['of a key that is over', () => aKeyToken(aKey({ expires_at: '2020-01-01T00:00:00.000Z' }))],
    ['of a secret that was rotated away', () => aKeyToken(aKey({ generations: [] }))],
    [
      'of a secret whose overlap is over',
      () => aKeyToken(aKey({ generations: [{ generation: 1, expires_at: '2020-01-01T00:00:00.000Z' }] })),
    ],
    ['of another organization than its key', () => aKeyToken(aKey(), { org: 'org_two' })],
    ['of a disabled owner', () => aKeyToken(aKey({}, aHolder({ status: 'disabled' })))],
    ['of an owner who is gone', () => aKeyToken(aKey({ owner_id: 'usr_nobody' }))],
    ['of an owner who left the organization', () => aKeyToken(aKey({}, aHolder({ memberships: [] })))],
    ['of a person who is disabled', () => aSessionToken(aHolder({ status: 'disabled' }))],
    ['of a person without an organization', () => aSessionToken(aHolder({ memberships: [] }))],
    ['of a session in an organization that was left', () => aSessionToken(aHolder(), { organization_id: 'org_left' })],
  ])('a token %s is refused, and the answer does not say why', async (_name, made) => {
    await expect(guard.verify(made().token)).rejects.toMatchObject({
      status: 401,
      problem: { code: 'invalid_token', detail: 'The credential is not valid' },
    });
  });

  test.each([
    ['key', () => aKeyToken(aKey({ networks: ['10.0.0.0/8'] }))],
    ['machine client', () => aClientToken(aClient({ networks: ['10.0.0.0/8'] }))],
  ])('a %s that is bound to networks is refused elsewhere, and where the address is not known', async (_name, made) => {
    const { token } = made();
    const from = (...hops: string[]) =>
      guard.authenticate(bearing(token, ...hops.flatMap((h) => ['X-Forwarded-For', h])));
    await expect(from('10.1.2.3')).resolves.toBeDefined();
    for (const refused of [from(), from('11.1.2.3'), from('10.1.2.3', '11.1.2.3'), guard.verify(token)]) {
      await expect(refused).rejects.toMatchObject({ status: 403, code: 'network_not_allowed' });
    }
  });

  const stranger = generateSigningKey();
  const iat = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    aud: issuer,
    sub: 'x',
    cid: 'key_1',
    sid: 'tok_1',
    jti: 'j',
    iat,
    exp: iat + 60,
    permissions: [],
  };
  test.each(forgedTokens({ typ: 'at+jwt', claims }, stranger))('forged with %s: 401', async (_name, token) => {
    await expect(guard.verify(token)).rejects.toMatchObject({ status: 401, code: 'invalid_token' });
  });
});

describe('a revocation', () => {
  test('counts the guard, and is finished in it when it returns', async () => {
    const { key, token } = aKeyToken();
    await guard.verify(token);
    world.known.grants.set(key.id, { ...key, status: 'revoked' });
    const receipt = await world.mark('api-key', { scope: 'credential', id: key.id, effect: 'drop' });
    expect(receipt).toMatchObject({ enforcers: 1, acknowledged: 1, fenced: 0 });
    await expect(guard.verify(token)).rejects.toMatchObject({ status: 401 });
  });

  test('of a machine client is finished in it when it returns', async () => {
    const { client, token } = aClientToken();
    await guard.verify(token);
    world.known.clients.set(client.id, { ...client, status: 'revoked' });
    const receipt = await world.mark('client-registry', { scope: 'credential', id: client.id, effect: 'drop' });
    expect(receipt).toMatchObject({ enforcers: 1, acknowledged: 1, fenced: 0 });
    await expect(guard.verify(token)).rejects.toMatchObject({ status: 401 });
  });

  test.each<[string, () => [token: string, scope: 'principal' | 'organization' | 'family', id: string]]>([
    ['client’s family', () => ((made) => [made.token, 'family', made.family.id])(aClientToken())],
    ['owner', () => ((made) => [made.token, 'principal', made.key.owner_id])(aKeyToken())],
    ['family', () => ((made) => [made.token, 'family', made.family.id])(aKeyToken())],
    ['person', () => ((made) => [made.token, 'principal', made.person.id])(aSessionToken())],
  ])('of its %s refuses the token whatever the records say', async (_name, made) => {
    const [token, scope, id] = made();
    await guard.verify(token);
    await world.mark('identity', { scope, id, effect: 'block', keepMs: 60_000 });
    await expect(guard.verify(token)).rejects.toMatchObject({ status: 401 });
  });

  test('of its organization refuses its tokens until it is lifted', async () => {
    const organization = 'org_suspended';
    const owner = aHolder({ memberships: [{ organization_id: organization, permissions: ['things:view'] }] });
    const { token } = aKeyToken(aKey({ organization_id: organization }, owner), { org: organization });
    await guard.verify(token);
    await world.mark('identity', { scope: 'organization', id: organization, effect: 'block' });
    await expect(guard.verify(token)).rejects.toMatchObject({ status: 401 });
    await world.mark('identity', { scope: 'organization', id: organization, effect: 'lift' });
    await expect(guard.verify(token)).resolves.toBeDefined();
  });

  test('closes what is attached before it returns', async () => {
    const { key, token } = aKeyToken();
    let closed = false;
    const attachment = guard.attach(await guard.verify(token), () => (closed = true));
    expect(attachment?.admits({ monotonicMs: performance.now(), wallMs: Date.now() })).toBe(true);
    await world.mark('api-key', { scope: 'credential', id: key.id, effect: 'drop' });
    expect(closed).toBe(true);
  });

  test('does not wait for a guard that was closed', async () => {
    const other = await world.join();
    await eventually(() => other.ready);
    expect(await world.enforcersOf('identity')).toHaveLength(2);
    await other.close();
    expect(await world.enforcersOf('identity')).toHaveLength(1);
    await expect(other.verify(aKeyToken().token)).rejects.toMatchObject({ status: 503 });
  });
});

describe('a guard that is taken over', () => {
  const asGuard = async (work: (publish: Awaited<ReturnType<GuardedWorld['bus']>>['connection']) => Promise<void>) => {
    const bus = await world.bus('guard');
    await work(bus.connection);
    await bus.close();
  };

  test('cannot join, renew or end in the name of a gateway: nobody answers, and nothing is written', async () => {
    const before = await world.enforcersOf('identity');
    await asGuard(async (connection) => {
      for (const kind of ['join', 'deregister']) {
        const message = JSON.stringify({ kind, enforcerId: 'gw_01', incarnation: 1 });
        const asked = connection.request('enforcement.identity.guard-exchange', message, { timeout: 500 });
        await expect(asked).rejects.toThrow(/timeout/i);
      }
    });
    expect((await world.enforcersOf('identity')).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  });

  test('cannot acknowledge in the name of a gateway that has not heard yet: it is fenced', async () => {
    const gateway = await world.bus('gateway');
    const say = async (message: object) => {
      const reply = await gateway.connection.request('enforcement.api-key.exchange', JSON.stringify(message));
      return reply.json<{ history: string; seq: number }>();
    };
    const enforcer = { enforcerId: 'gw_silent', incarnation: 1 };
    await say({ kind: 'join', ...enforcer });
    const { history, seq } = await say({ kind: 'renew', ...enforcer, appliedThrough: 0 });
    const revoking = world.mark('api-key', { scope: 'credential', id: 'key_x', effect: 'drop' });
    await asGuard(async (connection) => {
      const ack = { kind: 'ack', ...enforcer, appliedThrough: seq + 1, history };
      connection.publish('enforcement.api-key.guard-applied', JSON.stringify(ack));
      await connection.flush();
    });
    expect(await revoking).toMatchObject({ enforcers: 2, acknowledged: 1, fenced: 1 });
    await gateway.close();
  });
});

describe('without its message bus', () => {
  test('a guard answers 503 at once when its lease is over, 401 to what is no token, and comes back by itself', async () => {
    const { token } = aKeyToken();
    await guard.verify(token);
    process.kill(world.nats.pid, 'SIGSTOP');
    try {
      await eventually(() => !guard.ready, (leaseSeconds + 2) * 1000);
      const since = performance.now();
      for (let n = 0; n < 20; n++) {
        await expect(guard.verify(token)).rejects.toMatchObject({ status: 503, code: 'unavailable' });
      }
      // The bus itself would be waited for five seconds a question.
      expect(performance.now() - since).toBeLessThan(4_000);
      await expect(guard.verify('a.b.c')).rejects.toMatchObject({ status: 401 });
    } finally {
      process.kill(world.nats.pid, 'SIGCONT');
    }
    await eventually(() => guard.verify(token));
  });

  test('a server that refuses the user is told at the start', async () => {
    await expect(world.join({ password: 'wrong' })).rejects.toThrow(/authorization/i);
  });
});

/** Last, since it does not come back. */
describe('without client-registry', () => {
  test('tokens of machine clients are 503 when its lease is over, and those of keys are taken as before', async () => {
    const [client, key] = [aClientToken().token, aKeyToken().token];
    await Promise.all([guard.verify(client), guard.verify(key)]);
    await world.stopService('client-registry');
    await eventually(() => !guard.ready);
    await expect(guard.verify(client)).rejects.toMatchObject({ status: 503 });
    await expect(guard.verify(key)).resolves.toBeDefined();
  });
});
