import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { eventually } from '@portcullis/testing';
import { Backstage } from './backstage.js';
import { administrator, Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';
import { startUpstream } from './upstream.js';

interface Made {
  id: string;
  client_id: string;
  credentials: { bearer_token: string; client_id: string; client_secret: string };
}

/** What the routes here answer, as far as the story reads it. */
interface Answered extends Made {
  status: string;
  enforcement: object | null;
  items: { id: string }[];
  candidates: number;
}

interface Pair {
  access_token: string;
  refresh_token: string;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Told in order, on one stack of two gateways: what happens at one is asked at the other. */
describe('the life of a key', () => {
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let stack: Stack;
  let urls: readonly string[];
  let admin: Client;
  let key: Made;

  beforeAll(async () => {
    upstream = await startUpstream();
    stack = await startStack({
      env: {
        PORTCULLIS_GATEWAYS: '2',
        PORTCULLIS_REFRESH_OVERLAP_SECONDS: '3600',
        PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: upstream.url,
      },
    });
    urls = stack.urls;
    admin = await administrator(stack);
  }, 150_000);
  afterAll(async () => {
    await upstream.stop();
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const anyone = () => new Client(stack.url);
  const post = async (path: string, body: unknown, status = 200): Promise<Answered> => {
    const answer = await admin.post(path, body);
    expect({ status: answer.status, problem: answer.status < 400 ? null : answer.text }).toEqual({
      status,
      problem: null,
    });
    return answer.json as Answered;
  };
  const patch = (id: string, change: object) =>
    admin.send('PATCH', `/v1/api-keys/${id}`, JSON.stringify(change), { 'Content-Type': 'application/json' });
  const create = async (given: object = {}): Promise<Made> =>
    await post(
      '/v1/api-keys',
      { name: 'life', permissions: ['counterparties:view', 'travelrule:view'], ...given },
      201,
    );
  /** What each gateway says of a credential. */
  const everywhere = async (token: string, path = '/v1/counterparties'): Promise<number[]> =>
    Promise.all(urls.map(async (url) => (await new Client(url, token).get(path)).status));
  const authenticate = (client_id: string, client_secret: string): Promise<HttpAnswer> =>
    anyone().post('/v1/authenticate', { client_id, client_secret });
  const receipt = { enforcers: 2, acknowledged: 2, fenced: 0 };

  test('it is made, used, and narrowed in the moment that the answer comes', async () => {
    key = await create({ forms: ['bearer', 'client_credentials'] });
    const { bearer_token } = key.credentials;
    expect(await everywhere(bearer_token)).toEqual([200, 200]);
    expect(await everywhere(bearer_token, '/v1/transactions')).toEqual([200, 200]);

    const renamed = await patch(key.id, { name: 'renamed' });
    expect(renamed).toMatchObject({ status: 200, json: { name: 'renamed', enforcement: null } });
    const narrowed = await patch(key.id, { permissions: ['counterparties:view'] });
    expect(narrowed).toMatchObject({
      status: 200,
      json: { permissions: ['counterparties:view'], enforcement: receipt },
    });
    expect(await everywhere(bearer_token, '/v1/transactions')).toEqual([403, 403]);
    expect(await everywhere(bearer_token)).toEqual([200, 200]);

    expect(await patch(key.id, { networks: ['192.0.2.0/24'] })).toMatchObject({ json: { enforcement: receipt } });
    expect(await everywhere(bearer_token)).toEqual([403, 403]);
    expect(await patch(key.id, { networks: null })).toMatchObject({ json: { enforcement: receipt } });
    expect(await everywhere(bearer_token)).toEqual([200, 200]);

    expect(await patch(key.id, { permissions: ['users:manage'] })).toMatchObject({
      status: 422,
      json: { errors: [{ field: 'permissions' }] },
    });
    expect(await patch(key.id, { expires_in_days: 365 })).toMatchObject({ status: 400 });
    expect(await patch('key_nobody', { name: 'x' })).toMatchObject({ status: 404 });
  });

  test('under load it is rotated with overlap, and not one request fails, an upload in the middle of it included', async () => {
    const outcomes: number[] = [];
    const tokens = [key.credentials.bearer_token];
    let running = true;
    const load = urls.flatMap((url) =>
      [1, 2, 3].map(async () => {
        while (running) outcomes.push((await new Client(url, tokens.at(-1)).get('/v1/counterparties')).status);
      }),
    );
    const old = (async () => {
      while (running) outcomes.push((await new Client(urls[1] ?? '', tokens[0]).get('/v1/counterparties')).status);
    })();
    const upload = await chunkedUpload(urls[0] ?? '', tokens[0] ?? '', '/v1/counterparties');
    await eventually(() => upstream.seen.some(({ headers }) => headers['transfer-encoding'] === 'chunked'));
    for (let n = 0; n < 3; n++) {
      const before = outcomes.length;
      const rotated = await post(`/v1/api-keys/${key.id}/rotate`, { overlap_seconds: 600 });
      expect(rotated).toMatchObject({ client_id: key.client_id, enforcement: receipt });
      tokens.push(rotated.credentials.bearer_token);
      expect(rotated.credentials.client_id).toBe(key.client_id);
      key.credentials.client_secret = rotated.credentials.client_secret;
      await eventually(() => outcomes.length > before + 50, 20_000);
    }
    running = false;
    await Promise.all([...load, old]);
    expect([...new Set(outcomes)]).toEqual([200]);
    expect(await upload.finish()).toMatch(/^HTTP\/1.1 200 /);
    for (const token of tokens) expect(await everywhere(token)).toEqual([200, 200]);
    key.credentials.bearer_token = tokens.at(-1) ?? '';
    expect((await admin.get(`/v1/api-keys/${key.id}`)).json.secrets).toHaveLength(8);
  }, 60_000);

  test('an overlap ends by itself, on every gateway and without anybody doing anything', async () => {
    const other = await create();
    const rotated = await post(`/v1/api-keys/${other.id}/rotate`, { overlap_seconds: 2 });
    expect(await everywhere(other.credentials.bearer_token)).toEqual([200, 200]);
    await eventually(async () => (await everywhere(other.credentials.bearer_token)).every((status) => status === 401));
    expect(await everywhere(rotated.credentials.bearer_token)).toEqual([200, 200]);
  });

  test('rotated without overlap its secrets end with the answer, and so do tokens that were got with them', async () => {
    const pair = (await authenticate(key.client_id, key.credentials.client_secret)).json as Pair;
    expect(await everywhere(pair.access_token)).toEqual([200, 200]);
    const rotated = await post(`/v1/api-keys/${key.id}/rotate`, { overlap_seconds: 0 });
    expect(rotated.enforcement).toMatchObject(receipt);
    expect(await everywhere(key.credentials.bearer_token)).toEqual([401, 401]);
    expect(await everywhere(pair.access_token)).toEqual([401, 401]);
    expect((await authenticate(key.client_id, key.credentials.client_secret)).status).toBe(401);
    const refreshed = await anyone().post('/v1/reauthenticate', { refresh_token: pair.refresh_token });
    expect(refreshed.status).toBe(401);

    key.credentials = rotated.credentials;
    expect(await everywhere(key.credentials.bearer_token)).toEqual([200, 200]);
    const fresh = await authenticate(key.client_id, key.credentials.client_secret);
    expect(await everywhere(fresh.json.access_token as string)).toEqual([200, 200]);
    const again = await anyone().post('/v1/reauthenticate', { refresh_token: fresh.json.refresh_token as string });
    expect(again.status).toBe(200);
  });

  test('disabled it opens nothing, its tokens neither, and enabled everything again', async () => {
    const { access_token } = (await authenticate(key.client_id, key.credentials.client_secret)).json as Pair;
    const disabled = await post(`/v1/api-keys/${key.id}/disable`, {});
    expect(disabled).toMatchObject({ status: 'disabled', enforcement: receipt });
    expect(await everywhere(key.credentials.bearer_token)).toEqual([401, 401]);
    expect(await everywhere(access_token)).toEqual([401, 401]);
    expect((await authenticate(key.client_id, key.credentials.client_secret)).status).toBe(401);
    expect(await post(`/v1/api-keys/${key.id}/disable`, {})).toMatchObject({
      status: 'disabled',
      enforcement: receipt,
    });
    expect(await post(`/v1/api-keys/${key.id}/enable`, {})).toMatchObject({ status: 'active', enforcement: receipt });
    expect(await everywhere(key.credentials.bearer_token)).toEqual([200, 200]);
    expect(await everywhere(access_token)).toEqual([200, 200]);
  });

  test('an imported key works on every gateway when the import is answered, a moment after it was refused', async () => {
    const foreign = 'acme_live_0123456789abcdef';
    const second = 'acme_live_fedcba9876543210';
    const imported = { prefix: 'acme_live_', name: 'from elsewhere', permissions: ['counterparties:view'] };
    expect(await everywhere(foreign)).toEqual([401, 401]);
    const { items, enforcement } = await post(
      '/v1/api-keys/import',
      { keys: [{ ...imported, sha256: sha256(foreign) }] },
      201,
    );
    expect(enforcement).toMatchObject(receipt);
    expect(await everywhere(foreign)).toEqual([200, 200]);
    // Now the prefix is known, and "no such key" is remembered; the next import ends that too.
    expect(await everywhere(second)).toEqual([401, 401]);
    await post('/v1/api-keys/import', { keys: [{ ...imported, sha256: sha256(second) }] }, 201);
    expect(await everywhere(second)).toEqual([200, 200]);
    expect(await admin.post('/v1/api-keys/import', { keys: [{ ...imported, sha256: sha256(second) }] })).toMatchObject({
      status: 409,
    });
    expect(
      await admin.post('/v1/api-keys/import', { keys: [{ ...imported, prefix: 'ptc_', sha256: sha256('x') }] }),
    ).toMatchObject({ status: 422 });

    const id = items[0]?.id ?? '';
    const rotated = await post(`/v1/api-keys/${id}/rotate`, { overlap_seconds: 0 });
    expect(rotated.credentials.bearer_token).toMatch(/^ptc_[0-9A-Za-z]{50}$/);
    expect(await everywhere(foreign)).toEqual([401, 401]);
    expect(await everywhere(rotated.credentials.bearer_token)).toEqual([200, 200]);
  });

  test('what leaked is found in a text, and ended', async () => {
    const leaked = await create({ name: 'leaked' });
    const foreign = 'acme_live_fedcba9876543210';
    const text = `commit 1\n+TOKEN=${leaked.credentials.bearer_token}\n+OLD=${foreign}\n+NOT=ptc_${'a'.repeat(50)}\n`;
    const found = await post('/v1/api-keys/leaks', { text });
    expect(found).toMatchObject({ candidates: 2, unknown: 0, enforcement: null });
    expect(found.items).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: leaked.id, live: true, status: 'active', owner: expect.anything() as unknown }),
        expect.objectContaining({ name: 'from elsewhere', live: true }),
      ]),
    );
    expect(JSON.stringify(found)).not.toContain(sha256(foreign));
    expect(await everywhere(leaked.credentials.bearer_token)).toEqual([200, 200]);

    const ended = await post('/v1/api-keys/leaks', { text, revoke: true });
    expect(ended.enforcement).toMatchObject(receipt);
    for (const token of [leaked.credentials.bearer_token, foreign]) expect(await everywhere(token)).toEqual([401, 401]);
    expect((await admin.get(`/v1/api-keys/${leaked.id}`)).json).toMatchObject({ status: 'revoked' });

    expect(await admin.post('/v1/api-keys/leaks', { text: 'x'.repeat(1_048_577) })).toMatchObject({ status: 413 });
    expect((await admin.post('/v1/api-keys/leaks', { text: '\n'.repeat(1_048_576) })).status).toBe(200);
    expect(await admin.post('/v1/api-keys/leaks', { txt: '' })).toMatchObject({ status: 400 });
  });

  test('whoever holds less cannot have it by editing, rotating, enabling or importing', async () => {
    const manager = await create({
      name: 'manager',
      permissions: ['apikeys:manage', 'apikeys:view', 'apikeys:revoke'],
    });
    const less = new Client(stack.url, manager.credentials.bearer_token);
    for (const [method, path, body] of [
      ['PATCH', `/v1/api-keys/${key.id}`, { name: 'mine' }],
      ['POST', `/v1/api-keys/${key.id}/rotate`, { overlap_seconds: 0 }],
      ['POST', `/v1/api-keys/${key.id}/enable`, {}],
      [
        'POST',
        '/v1/api-keys/import',
        { keys: [{ sha256: sha256('y'), prefix: 'acme_', name: 'y', permissions: ['counterparties:view'] }] },
      ],
    ] as const) {
      const answer = await less.send(method, path, JSON.stringify(body), { 'Content-Type': 'application/json' });
      expect(answer).toMatchObject({ status: 403, json: { code: 'exceeds_grant' } });
      expect(answer.text).toContain('counterparties:view');
    }
    expect((await less.post(`/v1/api-keys/${key.id}/disable`, {})).status).toBe(200);
    expect((await less.delete(`/v1/api-keys/${key.id}`)).status).toBe(200);
    expect(await everywhere(key.credentials.bearer_token)).toEqual([401, 401]);
  });

  test('all of it is in the audit record, and no secret is anywhere', async () => {
    const actions = async (id: string) =>
      ((await admin.get(`/v1/audit/events?resource=${id}&limit=100`)).json.items as { action: string }[]).map(
        ({ action }) => action,
      );
    await eventually(async () => (await actions(key.id)).includes('api-key.revoked'));
    expect(await actions(key.id)).toEqual(
      expect.arrayContaining([
        'api-key.created',
        'api-key.updated',
        'api-key.rotated',
        'api-key.disabled',
        'api-key.enabled',
        'api-key.revoked',
        'revocation.enforced',
      ]),
    );
    const dump = await new Backstage(stack).dump();
    for (const secret of [
      key.credentials.bearer_token.slice(-38),
      key.credentials.client_secret,
      'acme_live_0123456789abcdef',
    ]) {
      expect(dump).not.toContain(secret);
      expect(stack.output()).not.toContain(secret);
    }
  });
});

/** A request whose body comes bit by bit, admitted before anything else happens. */
async function chunkedUpload(url: string, token: string, path: string): Promise<{ finish(): Promise<string> }> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  socket.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  await new Promise<void>((resolve) => socket.on('connect', () => resolve()));
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n` +
      'Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n',
  );
  return {
    finish: async () => {
      socket.write('3\r\ntwo\r\n0\r\n\r\n');
      await ended;
      return answer;
    },
  };
}
