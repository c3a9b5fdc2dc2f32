import { eventually } from '@portcullis/testing';
import { Backstage } from './backstage.js';
import { administrator, Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';

/** Told in order, on one stack of three gateways and two replicas of each service. */
describe('two replicas of each service', () => {
  let stack: Stack;
  let backstage: Backstage;
  let urls: readonly string[];
  let admin: Client;

  beforeAll(async () => {
    stack = await startStack({ unheard: true, env: { PORTCULLIS_GATEWAYS: '3', PORTCULLIS_REPLICAS: '2' } });
    backstage = new Backstage(stack);
    urls = stack.urls;
    admin = await administrator(stack);
  }, 180_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const aKey = async (): Promise<{ id: string; token: string }> => {
    const made = await admin.post('/v1/api-keys', { name: 'k', permissions: ['counterparties:view'] });
    expect(made.status).toBe(201);
    return { id: made.json.id as string, token: made.json.credentials.bearer_token as string };
  };
  const everywhere = (token: string, at = urls): Promise<number[]> =>
    Promise.all(at.map(async (url) => (await new Client(url, token).get('/v1/counterparties')).status));
  const eventsOf = async (id: string): Promise<string[]> =>
    ((await admin.get(`/v1/audit/events?resource=${id}&limit=100`)).json.items as { action: string }[]).map(
      ({ action }) => action,
    );
  const twice = ['identity', 'api-key', 'client-registry', 'audit'];

  test('each has two processes, and every change is in the record once', async () => {
    const pids = twice.flatMap((name) => [stack.pidOf(name), stack.pidOf(`${name}-2`)]);
    expect(new Set(pids).size).toBe(8);
    const keys = await Promise.all(Array.from({ length: 10 }, aKey));
    for (const { token } of keys) expect(await everywhere(token)).toEqual([200, 200, 200]);
    const revoked = await Promise.all(keys.map(({ id }) => admin.delete(`/v1/api-keys/${id}`)));
    for (const { json } of revoked) expect(json).toMatchObject({ enforcement: { enforcers: 3, acknowledged: 3 } });
    for (const { token } of keys) expect(await everywhere(token)).toEqual([401, 401, 401]);
    for (const { id } of keys) {
      await eventually(async () => (await eventsOf(id)).includes('revocation.enforced'));
      const told = await eventsOf(id);
      expect(told.filter((action) => action !== 'credential.refused').sort()).toEqual([
        'api-key.created',
        'api-key.revoked',
        'revocation.enforced',
      ]);
    }
  }, 60_000);

  /**
   * A key whose revocation was committed by a process that died before it could answer. A gateway that stands still makes
   * revocations wait for the lease: time enough to kill whoever waits; which of the two it is shows afterwards.
   */
  const leftByTheDead = async (): Promise<{ id: string; token: string }> => {
    for (let n = 0; n < 8; n++) {
      const key = await aKey();
      expect(await everywhere(key.token)).toEqual([200, 200, 200]);
      const wake = backstage.freeze('gateway-3');
      let answer: HttpAnswer;
      try {
        const revoking = admin.delete(`/v1/api-keys/${key.id}`);
        const committed = `select 1 from api_key.api_key where id = '${key.id}' and revoked_at is not null`;
        await eventually(async () => (await backstage.query(committed)).length > 0);
        process.kill(stack.pidOf(n % 2 === 0 ? 'api-key' : 'api-key-2'), 'SIGKILL');
        answer = await revoking;
        expect([200, 503]).toContain(answer.status);
      } finally {
        wake();
      }
      await eventually(async () => (await everywhere(key.token)).every((status) => status === 401), 30_000);
      if (answer.status === 503) return key;
    }
    throw new Error('the one that waits was never the one that was killed');
  };
  const read = async (id: string): Promise<{ revoked_at: string; enforced_at: string | null }> =>
    (await admin.get(`/v1/api-keys/${id}`)).json as { revoked_at: string; enforced_at: string | null };

  test('one that dies while it waits for a gateway leaves nothing undone: who asks again gets the same answer', async () => {
    const { id } = await leftByTheDead();
    const repeated = await admin.delete(`/v1/api-keys/${id}`);
    expect(repeated).toMatchObject({ status: 200, json: { status: 'revoked', enforcement: { fenced: 0 } } });
    const again = await admin.delete(`/v1/api-keys/${id}`);
    expect(again.json.revoked_at).toBe(repeated.json.revoked_at);
    // The record follows: whoever died may have left the event in its outbox.
    const told = await eventually(async () => {
      const actions = await eventsOf(id);
      return actions.includes('revocation.enforced') && actions;
    }, 30_000);
    expect(told.filter((action) => action === 'api-key.revoked')).toHaveLength(1);
  }, 180_000);

  test('what nobody asks for again is confirmed all the same, by a replica that is still there', async () => {
    const { id } = await leftByTheDead();
    await eventually(async () => (await read(id)).enforced_at !== null, 60_000);
    await eventually(async () => (await eventsOf(id)).includes('revocation.enforced'));
    expect((await eventsOf(id)).filter((action) => action === 'revocation.enforced')).toHaveLength(1);
  }, 180_000);
});
