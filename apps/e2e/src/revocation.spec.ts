import { readFileSync } from 'node:fs';
import { eventually } from '@portcullis/testing';
import { Backstage } from './backstage.js';
import { Client } from './client.js';
import { type GatewayApart, startGatewayApart } from './gateway-apart.js';
import { type Blow, Connection, hammer, requestOf, seeded, strike } from './hammer.js';
import { revocations } from './revocations.js';
import { type Stack } from './stack.js';
import { startWorldStack, World } from './world.js';

const leaseMilliseconds = 5_000;
/** Beyond the lease, for a machine that is busy. */
const marginMilliseconds = 4_000;
const seed = 20_261_128;
const trials = 3 * revocations.length;

/** Told in order, on one stack of three gateways and two replicas of each service. The long form is `revocation-soak.ts`. */
describe('a revocation is finished when it returns', () => {
  let stop: () => Promise<number | null>;
  let stack: Stack;
  let backstage: Backstage;
  let world: World;

  beforeAll(async () => {
    ({ stack, stop } = await startWorldStack());
    backstage = new Backstage(stack);
    // The third gateway is the one that is made to stand still.
    world = await World.of(stack, stack.urls.slice(0, 2));
  }, 300_000);
  afterAll(async () => expect(await stop?.()).toBe(0), 120_000);

  const aKey = async (): Promise<{ id: string; token: string; revoke: () => ReturnType<World['ask']> }> => {
    const { id, credentials } = await world.key();
    return { id, token: credentials.bearer_token, revoke: () => world.ask('DELETE', `/v1/api-keys/${id}`) };
  };
  const at = async (url: string, token: string): Promise<number> =>
    (await new Client(url, token).get('/v1/counterparties')).status;

  test('whatever is taken away, no gateway accepts a request that is sent after the answer', async () => {
    const outcomes = await hammer({ world, urls: stack.urls, kinds: revocations, trials, seed, atOnce: 4 });
    expect(outcomes.flatMap(({ violations }) => violations)).toEqual([]);
    expect(outcomes).toHaveLength(trials);
    for (const { answeredAtMs, after } of outcomes) {
      expect(answeredAtMs).toBeLessThan(Infinity);
      // Two clients at each of three gateways, each at least twice.
      expect(after).toBeGreaterThanOrEqual(12);
    }
  }, 300_000);

  /** Stops the third gateway, and waits until the authority of keys has heard the others twice and no more of it. */
  const standStill = async (): Promise<() => void> => {
    const renewals = async (): Promise<Map<string, number>> => {
      const rows = await backstage.query<{ id: string; renewals: string }>(
        `select id, renewals from api_key.enforcer where state = 'live'`,
      );
      return new Map(rows.map(({ id, renewals }) => [id, Number(renewals)]));
    };
    for (let attempt = 1; ; attempt++) {
      const wake = backstage.freeze('gateway-3');
      try {
        await eventually(() => / T /.test(readFileSync(`/proc/${stack.pidOf('gateway-3')}/stat`, 'utf8')));
        const before = await renewals();
        // Within the time after which it would be fenced for its silence.
        await eventually(async () => {
          const heard = [...(await renewals())].filter(([id, count]) => count >= (before.get(id) ?? Infinity) + 2);
          return before.size === 3 && heard.length === 2;
        }, leaseMilliseconds);
        return wake;
      } catch (error) {
        wake();
        if (attempt === 5) throw error;
      }
    }
  };

  test('a gateway that stands still is fenced, and when it goes on nothing that lay in its sockets is accepted', async () => {
    const url = stack.urls[2] ?? '';
    const { token, revoke } = await aKey();
    for (const each of stack.urls) expect(await at(each, token)).toBe(200);
    const request = requestOf({ path: '/v1/counterparties', token });
    const known = Array.from({ length: 8 }, () => new Connection(url));
    for (const each of known) expect(await each.send(request)).toMatchObject({ status: 200 });

    const strange = Array.from({ length: 2 }, () => new Connection(url));
    const lying: Promise<Blow>[] = [];
    const wake = await standStill();
    try {
      lying.push(...[...known.slice(0, 4), ...strange.slice(0, 1)].map((each) => each.send(request)));
      const askedAtMs = performance.now();
      const revoked = await revoke();
      expect(revoked).toMatchObject({
        status: 200,
        json: { status: 'revoked', enforcement: { enforcers: 3, acknowledged: 2, fenced: 1 } },
      });
      expect(revoked.receivedAtMs - askedAtMs).toBeLessThan(leaseMilliseconds + marginMilliseconds);
      lying.push(...[...known.slice(4), ...strange.slice(1)].map((each) => each.send(request)));
    } finally {
      wake();
    }
    for (const { status } of await Promise.all(lying)) expect([401, 503]).toContain(status);
    for (const each of [...known, ...strange]) each.close();
    await eventually(async () => (await at(url, token)) === 401);
  }, 90_000);

  describe('a gateway whose network and clock may fail', () => {
    let apart: GatewayApart;

    beforeAll(async () => {
      apart = await startGatewayApart(stack);
    }, 90_000);
    afterEach(() => {
      apart?.cable.mend();
      apart?.shiftClock(0);
    });
    afterAll(() => apart?.stop(), 60_000);

    const areReady = async (): Promise<void> => {
      for (const url of [...stack.urls, apart.url])
        await eventually(async () => (await new Client(url).get('/readyz')).status === 200, 60_000);
    };

    test('stopped and cut off, so that nothing tells it of the revocation when it goes on, it accepts nothing from its cache', async () => {
      await areReady();
      const { token, revoke } = await aKey();
      const request = requestOf({ path: '/v1/counterparties', token });
      const connections = Array.from({ length: 8 }, () => new Connection(apart.url));
      for (const each of connections) expect(await each.send(request)).toMatchObject({ status: 200 });
      const wake = apart.freeze();
      const lying: Promise<Blow>[] = [];
      try {
        apart.cable.sever();
        expect(await revoke()).toMatchObject({ status: 200, json: { enforcement: { enforcers: 4 } } });
        lying.push(...connections.map((each) => each.send(request)));
      } finally {
        wake();
      }
      for (const { status } of await Promise.all(lying)) expect([401, 503]).toContain(status);
      for (const each of connections) each.close();
      apart.cable.mend();
      await areReady();
      expect(await at(apart.url, token)).toBe(401);
    }, 120_000);

    test('cut off from the bus it answers from its cache as long as its lease lasts, and nothing after the revocation', async () => {
      await areReady();
      const { token, revoke } = await aKey();
      let cutAtMs = 0;
      const struck = await strike(
        [...stack.urls, apart.url],
        {
          accesses: [{ path: '/v1/counterparties', token }],
          afterwards: [401],
          revoke: () => {
            apart.cable.cut();
            cutAtMs = performance.now();
            return revoke();
          },
          isDone: ({ status }) => status === 200,
        },
        // Half a second after the answer, when every client has sent again, the network heals and what was on its way arrives.
        { random: seeded(seed), answered: () => setTimeout(() => apart.cable.mend(), 500) },
      );
      // Fenced, unless a renewal that was under way at the cut brought it the marker.
      const { enforcement } = struck.answer.json as { enforcement: { acknowledged: number; fenced: number } };
      expect(enforcement).toMatchObject({ enforcers: 4 });
      expect(enforcement.acknowledged + enforcement.fenced).toBe(4);
      expect(struck.stale).toEqual([]);
      const accepted = struck.blows.filter(
        ({ url, status, sentAtMs }) => url === apart.url && status === 200 && sentAtMs > cutAtMs,
      );
      if (enforcement.fenced === 1) expect(accepted.length).toBeGreaterThan(0);
      for (const { sentAtMs } of accepted) expect(sentAtMs - cutAtMs).toBeLessThan(leaseMilliseconds);
      await areReady();
      expect(await at(apart.url, token)).toBe(401);
    }, 120_000);

    test.each([
      ['an hour ahead', 3_600_000],
      ['an hour back', -3_600_000],
    ])(
      'whose wall clock jumps %s trusts its cache no longer, and goes on when its leases are new',
      async (_, shift) => {
        const { token } = await aKey();
        const holdsLease = async (): Promise<boolean> => {
          const { text } = await new Client(apart.url).get('/metrics');
          return /^portcullis_enforcement_lease\{authority="api-key"\} 1$/m.test(text);
        };
        // Without the bus, what it accepts it accepts from its cache.
        await eventually(async () => {
          apart.cable.mend();
          await areReady();
          if ((await at(apart.url, token)) !== 200) return false;
          apart.cable.sever();
          return (await at(apart.url, token)) === 200 && (await holdsLease());
        }, 60_000);
        apart.shiftClock(shift);
        expect(await at(apart.url, token)).toBe(503);
        expect(await holdsLease()).toBe(false);
        apart.cable.mend();
        await eventually(async () => (await at(apart.url, token)) === 200, 30_000);
        await areReady();
      },
      120_000,
    );
  });
});
