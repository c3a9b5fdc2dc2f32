import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo } from 'node:net';
import { eventually } from '@portcullis/testing';
import { aGateway } from '../spec/gateway.js';
import { type Got, send as sendTo } from '../spec/http-client.js';
import { signed, type Signer, signers, signersOrganization } from '../spec/signers.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => {
  gateway = await aGateway({
    trustedProxies: ['127.0.0.1/32'],
    routes: [
      '{ match: "POST /v1/books", permission: counterparties:view, upstream: books }',
      '{ match: "PUT /v1/books/**", permission: counterparties:view, upstream: books }',
    ],
  });
});
afterAll(() => gateway.close());
beforeEach(() => {
  signers.away = false;
  gateway.seen.reached.length = 0;
  gateway.seen.events.length = 0;
});

const get = '/v1/counterparties/cp_1?a=1&b=2';
const text = '{"title":"One"}';
const json = { 'Content-Type': 'application/json' };
const send = (method: string, path: string, headers: Record<string, string>, body?: string): Promise<Got> =>
  sendTo(method, path, { port: gateway.port, headers, ...(body === undefined ? {} : { body }) });
const sendGet = (signer: Signer, given: Parameters<typeof signed>[2] = {}): Promise<Got> =>
  send('GET', get, signed(signer, { method: 'GET', target: get }, given));
const sendPost = (signer: Signer, headers: Record<string, string> = json): Promise<Got> =>
  send('POST', '/v1/books', signed(signer, { method: 'POST', target: '/v1/books', body: text, headers }), text);
/** The reason in the audit record of a refusal. */
const reasonOf = async ({ json: answer }: Got): Promise<string | null> => {
  const event = () => gateway.seen.events.find(({ id }) => id === answer?.decision_id);
  await eventually(() => event() !== undefined);
  return event()?.reason ?? null;
};

describe('a signed request', () => {
  test.each(['ed25519', 'rsa', 'ec'] as const)('of %s passes, with its body, as its client', async (kind) => {
    const signer = signers.make(kind);
    expect((await sendGet(signer)).status).toBe(207);
    expect((await sendPost(signer)).status).toBe(207);
    expect(gateway.seen.upstream?.body).toBe(text);
    const target = '/v1/whoami';
    const { json: who } = await send('GET', target, signed(signer, { method: 'GET', target }));
    expect(who).toMatchObject({
      kind: 'client',
      id: signer.client.id,
      credential_id: signer.client.id,
      organization_id: signersOrganization,
      roles: ['observer'],
    });
  });

  test('of RSA passes by either of its algorithms', async () => {
    const signer = signers.make('rsa');
    expect((await sendGet(signer, { algorithm: 'rsa-pss-sha512' })).status).toBe(207);
    expect((await sendGet(signer, { algorithm: 'rsa-v1_5-sha256' })).status).toBe(207);
  });

  test('passes once: the same bytes again are refused, and so is another signature of the same base', async () => {
    const signer = signers.make('ec');
    const once = { created: new Date(), nonce: 'one' };
    const headers = signed(signer, { method: 'GET', target: get }, once);
    expect((await send('GET', get, headers)).status).toBe(207);
    const again = await send('GET', get, headers);
    expect(again).toMatchObject({ status: 401, json: { code: 'invalid_signature' } });
    expect(again.headers['www-authenticate']).toBe('Signature realm="portcullis"');
    expect(await reasonOf(again)).toBe('signature_replayed');
    // ECDSA signs anew with other bytes.
    const other = signed(signer, { method: 'GET', target: get }, once);
    expect(other['Signature']).not.toBe(headers['Signature']);
    expect((await send('GET', get, other)).status).toBe(401);
    expect((await sendGet(signer, { ...once, nonce: 'two' })).status).toBe(207);
    expect(gateway.seen.reached).toHaveLength(2);
  });

  test('sent twice at once passes once', async () => {
    const headers = signed(signers.make('ed25519'), { method: 'GET', target: get });
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => send('GET', get, headers)))).map(
      ({ status }) => status,
    );
    expect(statuses.filter((status) => status === 207)).toHaveLength(1);
    expect(statuses.filter((status) => status === 401)).toHaveLength(7);
  });

  test('is 503 and goes nowhere while nobody can say whether it was taken before', async () => {
    const signer = signers.make('ed25519');
    expect((await sendGet(signer)).status).toBe(207);
    signers.away = true;
    const away = await sendGet(signer);
    expect(away).toMatchObject({ status: 503, json: { code: 'unavailable' } });
    expect(away.headers['retry-after']).toBeDefined();
    expect(gateway.seen.reached).toHaveLength(1);
  });

  test('lacking a permission is 403 and has used its signature up', async () => {
    const signer = signers.make('ed25519');
    const target = '/v1/counterparties';
    const headers = signed(signer, { method: 'POST', target, body: text, headers: json });
    expect(await send('POST', target, headers, text)).toMatchObject({
      status: 403,
      json: { required_permission: 'counterparties:manage' },
    });
    expect((await send('POST', target, headers, text)).status).toBe(401);
  });

  test('with another credential beside it is two credentials', async () => {
    const headers = signed(signers.make('ed25519'), { method: 'GET', target: get });
    expect((await send('GET', get, { ...headers, Authorization: 'Bearer x' })).status).toBe(400);
  });

  test('is judged where a proxy asks, unless it may have a body', async () => {
    const signer = signers.make('ed25519');
    const ask = (method: string, extra: Record<string, string>) =>
      send('GET', '/v1/decisions', {
        'X-Forwarded-Method': method,
        'X-Forwarded-Uri': method === 'GET' ? get : '/v1/books',
        'X-Forwarded-Host': 'gate.example',
        ...extra,
      });
    const headers = signed(signer, { method: 'GET', target: get });
    expect((await ask('GET', headers)).status).toBe(200);
    expect((await ask('GET', headers)).status).toBe(401);
    const posted = signed(signer, { method: 'POST', target: '/v1/books', body: text });
    expect(await ask('POST', posted)).toMatchObject({ status: 403, json: { code: 'needs_gateway' } });
  });
});

describe('a client', () => {
  test('that is disabled, revoked or unknown is 401 in the same words', async () => {
    const answers = [];
    for (const status of ['disabled', 'revoked'] as const) {
      const answer = await sendGet(signers.make('ed25519', { status }));
      expect(await reasonOf(answer)).toBe(status);
      answers.push(answer);
    }
    const unknown = signers.make('ed25519');
    signers.made.pop();
    const answer = await sendGet(unknown);
    expect(await reasonOf(answer)).toBe('signature_unknown_key');
    for (const { status, json: body } of [...answers, answer]) {
      expect({ status, code: body?.code, detail: (body as { detail?: string }).detail }).toEqual({
        status: 401,
        code: 'invalid_signature',
        detail: 'The signature is not valid.',
      });
    }
  });

  test('is 403 from an address outside of its networks, before its signature is looked at', async () => {
    const signer = signers.make('ed25519', { networks: ['203.0.113.0/24'] });
    const headers = signed(signer, { method: 'GET', target: get });
    const from = (address: string) => send('GET', get, { ...headers, 'X-Forwarded-For': address });
    expect(await from('198.51.100.1')).toMatchObject({ status: 403, json: { code: 'network_not_allowed' } });
    expect((await from('::ffff:203.0.113.9')).status).toBe(207);
    const forged = await send('GET', get, { ...headers, Signature: 'sig=:AAAA:', 'X-Forwarded-For': '198.51.100.1' });
    expect(forged.status).toBe(403);
  });

  test('is of one organization: X-Org-ID must be that one, and must be covered', async () => {
    const signer = signers.make('ed25519');
    const withOrganization = (id: string) =>
      send('GET', get, signed(signer, { method: 'GET', target: get, headers: { 'X-Org-ID': id } }));
    expect((await withOrganization(signersOrganization)).status).toBe(207);
    expect(await withOrganization('org_01ARZ3NDEKTSV4RRFFQ69G5FAV')).toMatchObject({
      status: 403,
      json: { code: 'organization_mismatch' },
    });
    const uncovered = { ...signed(signer, { method: 'GET', target: get }), 'X-Org-ID': signersOrganization };
    expect((await send('GET', get, uncovered)).status).toBe(401);
  });

  test('signs with either key while one replaces the other', async () => {
    const [old, next] = [signers.make('ed25519'), signers.make('rsa')];
    const soon = new Date(Date.now() + 60_000).toISOString();
    const client = {
      ...next.client,
      keys: [...next.client.keys, ...old.client.keys.map((key) => ({ ...key, expires_at: soon }))],
    };
    signers.made.push({ client: { ...client, client_id: randomUUID() }, key: next.key });
    const both = signers.made.at(-1)!;
    expect((await sendGet(both)).status).toBe(207);
    expect((await sendGet({ ...both, key: old.key })).status).toBe(207);
    const past = { ...both.client, client_id: randomUUID() };
    past.keys = past.keys.map((key) => ({ ...key, expires_at: key.expires_at && '2020-01-01T00:00:00.000Z' }));
    signers.made.push({ client: past, key: old.key });
    expect((await sendGet(signers.made.at(-1)!)).status).toBe(401);
  });

  test('whose keys are of two kinds is told what is wrong with a signature, not that the other key is of another kind', async () => {
    const [old, next] = [signers.make('ed25519'), signers.make('rsa')];
    const keys = [...next.client.keys, ...old.client.keys];
    old.client = { ...old.client, keys };
    const headers = signed(old, { method: 'GET', target: get });
    expect(await reasonOf(await send('GET', `${get}&c=3`, headers))).toBe('signature_bad_signature');
  });
});

describe('whatever is changed after signing is 401:', () => {
  const post = { method: 'POST', target: '/v1/books?x=1&y=2', body: text, headers: json };
  type Change = (sent: { method: string; target: string; body: string; headers: Record<string, string> }) => void;
  const input =
    (change: (text: string) => string): Change =>
    ({ headers }) => {
      headers['Signature-Input'] = change(headers['Signature-Input'] ?? '');
    };
  const digest = `sha-256=:${createHash('sha256').update('other').digest('base64')}:`;
  const tampers: readonly (readonly [string, Change, string])[] = [
    ['the method', (sent) => (sent.method = 'PUT'), 'signature_bad_signature'],
    ['the path', (sent) => (sent.target = '/v1/books/2'), 'signature_bad_signature'],
    ['the order of the query', (sent) => (sent.target = '/v1/books?y=2&x=1'), 'signature_bad_signature'],
    ['a byte of the body', (sent) => (sent.body = sent.body.replace('One', 'Two')), 'signature_bad_digest'],
    ['a header that is covered', ({ headers }) => (headers['Content-Type'] = 'text/plain'), 'signature_bad_signature'],
    [
      'created',
      input((text) => text.replace(/created=\d+/, (one) => `created=${Number(one.slice(8)) + 1}`)),
      'signature_bad_signature',
    ],
    [
      'keyid',
      input((text) =>
        text.replace(/keyid="."/, 'keyid="x"').replace(/keyid="[^"]+"/, 'keyid="9f1b2c3d-0000-4000-8000-000000000000"'),
      ),
      'signature_unknown_key',
    ],
    ['alg', input((text) => text.replace(/alg="[^"]+"/, 'alg="rsa-pss-sha512"')), 'signature_wrong_algorithm'],
    ['a component that is left out', input((text) => text.replace(' "content-type"', '')), 'signature_bad_signature'],
    ['the digest’s component', input((text) => text.replace(' "content-digest"', '')), 'signature_not_covered'],
    ['the target’s component', input((text) => text.replace(' "@target-uri"', '')), 'signature_not_covered'],
    [
      'a component that comes twice',
      input((text) => text.replace('("@method"', '("@method" "@method"')),
      'signature_duplicate_component',
    ],
    [
      'a component that nobody knows',
      input((text) => text.replace('("@method"', '("@method" "@nothing"')),
      'signature_unsupported_component',
    ],
    ['the digest', ({ headers }) => (headers['Content-Digest'] = digest), 'signature_bad_signature'],
    ['the digest’s algorithm', ({ headers }) => (headers['Content-Digest'] = 'sha=:AAAA:'), 'signature_bad_digest'],
    ['the digest taken away', ({ headers }) => delete headers['Content-Digest'], 'signature_missing_component'],
    [
      'a second label',
      ({ headers }) => {
        headers['Signature-Input'] = `${headers['Signature-Input']}, two=${headers['Signature-Input']?.slice(4)}`;
        headers['Signature'] = `${headers['Signature']}, two=${headers['Signature']?.slice(4)}`;
      },
      'signature_ambiguous',
    ],
    [
      'the label of one field',
      ({ headers }) => (headers['Signature'] = `other${headers['Signature']?.slice(3)}`),
      'signature_malformed',
    ],
    ['an Idempotency-Key that is added', ({ headers }) => (headers['Idempotency-Key'] = 'x'), 'signature_not_covered'],
    [
      'a Content-Encoding that is added',
      ({ headers }) => (headers['Content-Encoding'] = 'gzip'),
      'signature_not_covered',
    ],
  ];

  test.each(tampers)('%s', async (_what, change, reason) => {
    const signer = signers.make('ed25519');
    const sent = { ...post, headers: signed(signer, post) };
    change(sent);
    const answer = await send(sent.method, sent.target, sent.headers, sent.body);
    expect(answer).toMatchObject({ status: 401, json: { code: 'invalid_signature' } });
    expect(await reasonOf(answer)).toBe(reason);
    expect(gateway.seen.reached).toEqual([]);
  });

  test('and so is a signature made with another client’s key, or outside of its time', async () => {
    const [one, other] = [signers.make('ed25519'), signers.make('ed25519')];
    expect(await reasonOf(await sendGet({ ...one, key: other.key }))).toBe('signature_bad_signature');
    const at = (seconds: number) => new Date(Date.now() + seconds * 1000);
    expect(await reasonOf(await sendGet(one, { created: at(-310) }))).toBe('signature_too_old');
    expect(await reasonOf(await sendGet(one, { created: at(310) }))).toBe('signature_not_yet_valid');
    expect(await reasonOf(await sendGet(one, { created: at(-20), expires: at(-10) }))).toBe('signature_expired');
    expect((await sendGet(one, { created: at(-290), expires: at(10) })).status).toBe(207);
    expect((await sendGet(one, { created: at(290) })).status).toBe(207);
    expect((await sendGet(one, { publicUrl: 'https://elsewhere.example' })).status).toBe(401);
  });
});

describe('a body', () => {
  test('of a control operation is the one that was signed', async () => {
    const signer = signers.make('ed25519', { roles: ['owner'] });
    const target = '/v1/decisions/explain';
    const body = JSON.stringify({ method: 'GET', path: '/v1/counterparties/1', roles: ['observer'] });
    const headers = signed(signer, { method: 'POST', target, body, headers: json });
    expect((await send('POST', target, headers, body)).status).toBe(200);
    const other = signed(signer, { method: 'POST', target, body, headers: json });
    const answer = await send('POST', target, other, body.replace('observer', 'creators'));
    expect(answer).toMatchObject({ status: 401, json: { code: 'invalid_signature' } });
    expect(await reasonOf(answer)).toBe('signature_bad_digest');
  });

  test('that is empty may have its digest, and no other', async () => {
    const signer = signers.make('ed25519');
    const withDigest = (of: string) => {
      const value = `sha-256=:${createHash('sha256').update(of).digest('base64')}:`;
      return send('GET', get, signed(signer, { method: 'GET', target: get, headers: { 'Content-Digest': value } }));
    };
    expect((await withDigest('')).status).toBe(207);
    const answer = await withDigest('x');
    expect(answer.status).toBe(401);
    expect(await reasonOf(answer)).toBe('signature_bad_digest');
  });
});

describe('a large body', () => {
  const megabytes = 24;
  const piece = randomBytes(1_048_576);
  /** Sends it piece by piece; `lie` changes the last byte. Answers the status, and null where the connection was cut. */
  const upload = (chunked: boolean, lie: boolean): Promise<number | null> => {
    const hash = createHash('sha256');
    for (let n = 0; n < megabytes; n++) hash.update(piece);
    const framing: Record<string, string> = chunked
      ? { 'Transfer-Encoding': 'chunked' }
      : { 'Content-Length': String(megabytes * piece.length) };
    const target = '/v1/books/large';
    const headers = signed(signers.make('ed25519'), {
      method: 'PUT',
      target,
      headers: { ...framing, 'Content-Digest': `sha-256=:${hash.digest('base64')}:` },
    });
    return new Promise((resolve) => {
      const outgoing = httpRequest(
        { port: large.port, method: 'PUT', path: target, headers, agent: false },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        },
      );
      outgoing.on('error', () => resolve(null));
      const write = (n: number): void => {
        if (n === megabytes) return void outgoing.end();
        const bytes =
          lie && n === megabytes - 1
            ? Buffer.concat([piece.subarray(0, -1), Buffer.from([(piece.at(-1) ?? 0) ^ 1])])
            : piece;
        outgoing.write(bytes, () => write(n + 1));
      };
      write(0);
    });
  };

  let large: Awaited<ReturnType<typeof aGateway>>;
  const arrived: { bytes: number; whole: boolean }[] = [];
  const upstream = createServer((request, response) => {
    const seen = { bytes: 0, whole: false };
    arrived.push(seen);
    request.on('data', (chunk: Buffer) => (seen.bytes += chunk.length));
    request.on('error', () => undefined);
    request.on('end', () => {
      seen.whole = true;
      response.end('stored');
    });
  });
  beforeAll(async () => {
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    large = await aGateway({
      upstreamPort: (upstream.address() as AddressInfo).port,
      routes: ['{ match: "PUT /v1/books/**", permission: counterparties:view, upstream: books }'],
    });
  });
  afterAll(async () => {
    await large.close();
    upstream.closeAllConnections();
    upstream.close();
  });

  test.each([
    ['chunked', true],
    ['of a length that is known', false],
  ])('%s streams through, and one with another digest never arrives whole', async (_how, chunked) => {
    arrived.length = 0;
    expect(await upload(chunked, false)).toBe(200);
    expect(arrived).toEqual([{ bytes: megabytes * piece.length, whole: true }]);
    expect(await upload(chunked, true)).toBe(401);
    expect(arrived[1]?.whole ?? false).toBe(false);
    expect(arrived[1]?.bytes ?? 0).toBeLessThan(megabytes * piece.length);
  });
});
