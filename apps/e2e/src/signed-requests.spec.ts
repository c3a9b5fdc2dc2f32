import { execFile } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '@portcullis/testing';
import { createSignature, webcrypto } from 'http-message-sig';
import { createSigner, httpbis } from 'http-message-signatures';
import { Backstage } from './backstage.js';
import { administrator, Client, type HttpAnswer } from './client.js';
import { DocumentedPage } from './documented-page.js';
import { SignedLoad, statusesOf } from './signed-load.js';
import { type Stack, startStack } from './stack.js';
import { startUpstream } from './upstream.js';

interface ClientRecord {
  id: string;
  client_id: string;
  status: string;
  enforcement?: object;
}

/** What the signer of `docs/signing-requests.md` for Node takes. */
interface ToSign {
  clientId: string;
  key: KeyObject;
  method: string;
  url: string;
  body?: string;
  headers?: Record<string, string>;
}

const payments = '/v1/payments';
const viewer = 'layer1:role:payment:viewer';
const operator = 'layer1:role:payment:operator';
const receipt = { enforcers: 2, acknowledged: 2, fenced: 0 };
const body = '{"amount":"10.00","currency":"EUR"}';

/** Told in order, on two gateways: each test goes on with what those before it have left. */
describe('clients that sign their requests', () => {
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let stack: Stack;
  let backstage: Backstage;
  let admin: Client;
  let folder: string;
  let signedHeaders: (toSign: ToSign) => Record<string, string>;
  let shop: ClientRecord;
  let client: ClientRecord;
  let pair = generateKeyPairSync('ed25519');

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-signing-'));
    upstream = await startUpstream();
    stack = await startStack({
      env: { PORTCULLIS_GATEWAYS: '2', PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: upstream.url },
    });
    backstage = new Backstage(stack);
    admin = await administrator(stack);
  }, 150_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
    await upstream?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const spki = ({ publicKey }: { publicKey: KeyObject }) => publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const done = async (asked: Promise<HttpAnswer>): Promise<ClientRecord> => {
    const answer = await asked;
    expect({ problem: answer.status < 300 ? null : answer.text }).toEqual({ problem: null });
    return answer.json as ClientRecord;
  };
  const create = (publicKey: string, roles: readonly string[]) =>
    done(admin.post('/v1/clients', { name: 'of the story', public_key: publicKey, roles }));
  const change = (fields: object) =>
    done(
      admin.send('PATCH', `/v1/clients/${client.id}`, JSON.stringify(fields), { 'Content-Type': 'application/json' }),
    );
  const rotate = (next: typeof pair, overlap_seconds: number) =>
    done(admin.post(`/v1/clients/${client.id}/rotate`, { public_key: spki(next), overlap_seconds }));
  const signedBy = ({ privateKey }: { privateKey: KeyObject }, path = payments) =>
    signedHeaders({ clientId: client.client_id, key: privateKey, method: 'GET', url: `${stack.url}${path}` });
  const sendTo = (url: string, headers: Record<string, string>) =>
    new Client(url).send('GET', payments, undefined, headers);
  /** Freshly signed, at each gateway. */
  const everywhere = async (by = pair): Promise<number[]> =>
    Promise.all(stack.urls.map(async (url) => (await sendTo(url, signedBy(by))).status));

  describe('the page that teaches it', () => {
    let told: string[];

    test('does what it says, every block of it, with openssl, Node, Python and the command', async () => {
      const token = (await admin.post('/v1/login', { email: stack.email, password: stack.password })).json
        .access_token as string;
      told = await new DocumentedPage('signing-requests.md').run({
        folder,
        env: {
          URL: stack.url,
          TOKEN: token,
          PORTCULLIS_URL: stack.url,
          PORTCULLIS_TOKEN: token,
          XDG_CONFIG_HOME: folder,
        },
      });
      const [, openssl, node, python, command, refused, explained, rotated, atOnce] = told;
      shop = JSON.parse(readFileSync(join(folder, 'client.json'), 'utf8')) as ClientRecord;
      expect(shop).toMatchObject({ status: 'active', public_key: { algorithm: 'ed25519' } });
      expect(openssl).toMatch(/^{"method":"GET","url":"\/v1\/payments\?limit=10".*}HTTP\/1\.1 200 OK.*"POST"/s);
      for (const one of [node, python]) expect(one).toMatch(/^200 {"method":"GET".*\n200 {"method":"POST".*\n$/s);
      expect(command).toMatch(/^({"method":"GET".*}){3}$/s);
      expect(refused).toMatch(/"status":401.*not_covered "idempotency-key": .*exit 1/s);
      expect(explained).toContain('"valid":true');
      expect(rotated).toMatch(/"enforcement":.*({"method":"GET".*}){2}200 {"method":"GET".*\n200 {"method":"GET".*$/s);
      expect(atOnce).toMatch(/In force everywhere: 2 of 2 enforcers.*reader-2\.pem.*{"method":"GET".*}$/s);
      ({ signedHeaders } = (await import(pathToFileURL(join(folder, 'sign.mjs')).href)) as {
        signedHeaders: typeof signedHeaders;
      });
    }, 180_000);

    /** `signed …` of the page, in a shell; answers the status and the headers that curl sent. */
    const openssl = (method: string, options: string): Promise<{ status: number; headers: Record<string, string> }> =>
      new Promise((answered, fail) => {
        execFile(
          'bash',
          ['-euc', `. ./sign.sh; signed ${method} "$URL${payments}" '' -v -o answer.txt ${options}`],
          {
            cwd: folder,
            env: { PATH: process.env['PATH'], URL: stack.url, CLIENT_ID: shop.client_id, KEY: 'client.pem' },
          },
          (error, _, trace) => {
            if (error) return fail(new Error(trace, { cause: error }));
            const sent = [...trace.matchAll(/^> ([^:\s]+): (.*?)\r?$/gm)].map(([, name = '', value = '']) => [
              name,
              value,
            ]);
            answered({
              status: Number(/^< HTTP\/1\.1 (\d+)/m.exec(trace)?.[1]),
              headers: Object.fromEntries(sent) as Record<string, string>,
            });
          },
        );
      });

    test('a request that plain openssl signed passes at any gateway, and the same bytes at no other', async () => {
      const [first = '', second = ''] = stack.urls;
      const passed = await openssl('GET', '');
      expect(passed.status).toBe(200);
      for (const url of [second, first]) {
        const again = await sendTo(url, passed.headers);
        expect(again).toMatchObject({ status: 401, json: { code: 'invalid_signature' } });
        expect(again.headers['www-authenticate']).toBe('Signature realm="portcullis"');
      }
      // The second takes what it sees first: the URL that is signed is the public one.
      const there = await openssl('GET', `--connect-to ::${new URL(second).host}`);
      expect(there.status).toBe(200);
      expect((await sendTo(first, there.headers)).status).toBe(401);
    });

    test('what is explained is not used up by that: it passes afterwards, once', async () => {
      const key = createPrivateKey(readFileSync(join(folder, 'client.pem')));
      const url = `${stack.url}${payments}`;
      const headers = signedHeaders({ clientId: shop.client_id, key, method: 'GET', url });
      const explain = () => admin.post('/v1/clients/verify-signature', { method: 'GET', url, headers });
      expect((await explain()).json).toMatchObject({ valid: true, problems: [] });
      expect((await sendTo(stack.url, headers)).status).toBe(200);
      expect((await sendTo(stack.url, headers)).status).toBe(401);
      const moved = await admin.post('/v1/clients/verify-signature', { method: 'GET', url: `${url}?a=1`, headers });
      expect(moved.json).toMatchObject({ valid: false, problems: [{ code: 'bad_signature' }] });
    });
  });

  describe('other libraries of RFC 9421', () => {
    const url = () => `${stack.url}${payments}`;
    const fields = ['@method', '@target-uri', 'content-digest', 'content-type'];
    const pairs = {
      ed25519: generateKeyPairSync('ed25519'),
      'ecdsa-p256-sha256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      'rsa-v1_5-sha256': generateKeyPairSync('rsa', { modulusLength: 2048 }),
      'rsa-pss-sha512': generateKeyPairSync('rsa', { modulusLength: 2048 }),
    };
    const content = async () => {
      const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(body))).toString('base64');
      return { 'content-type': 'application/json', 'content-digest': `sha-256=:${digest}:` };
    };
    type Library = (algorithm: keyof typeof pairs, keyid: string) => Promise<Record<string, string>>;

    const messageSignatures: Library = async (algorithm, keyid) => {
      const pem = pairs[algorithm].privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      const how = { key: createSigner(pem, algorithm, keyid), fields, paramValues: { nonce: randomUUID() } };
      const params = ['created', 'nonce', 'keyid', 'alg'];
      const request = { method: 'POST', url: url(), headers: await content() };
      return (await httpbis.signMessage({ ...how, params }, request)).headers;
    };
    const messageSig: Library = async (algorithm, keyid) => {
      const pkcs8 = pairs[algorithm].privateKey.export({ type: 'pkcs8', format: 'der' });
      const kind = algorithm === 'ed25519' ? { name: 'Ed25519' } : { name: 'RSA-PSS', hash: 'SHA-512' };
      const signer = webcrypto.signer(await crypto.subtle.importKey('pkcs8', pkcs8, kind, false, ['sign']));
      const headers = await content();
      const { signature, signatureInput } = await createSignature(
        {
          kind: 'request',
          method: 'POST',
          targetUri: url(),
          fields: Object.entries(headers).map(([name, value]) => ({ name, value })),
        },
        {
          components: fields,
          parameters: { created: Math.floor(Date.now() / 1000), nonce: randomUUID(), keyid, alg: signer.algorithm },
          signer,
        },
      );
      return { ...headers, 'signature-input': signatureInput, signature };
    };

    test.each<[string, keyof typeof pairs, Library]>([
      ['http-message-signatures', 'ed25519', messageSignatures],
      ['http-message-signatures', 'ecdsa-p256-sha256', messageSignatures],
      ['http-message-signatures', 'rsa-v1_5-sha256', messageSignatures],
      ['http-message-sig', 'ed25519', messageSig],
      ['http-message-sig', 'rsa-pss-sha512', messageSig],
    ])('%s drives both gateways by %s, and a byte of the body that differs is refused', async (_, algorithm, sign) => {
      const { client_id } = await create(spki(pairs[algorithm]), [operator]);
      for (const gateway of stack.urls) {
        const post = async (text: string) =>
          new Client(gateway).send('POST', payments, text, await sign(algorithm, client_id));
        expect(await post(body)).toMatchObject({ status: 200, json: { method: 'POST', url: payments } });
        expect(await post(body.replace('10', '90'))).toMatchObject({
          status: 401,
          json: { code: 'invalid_signature' },
        });
      }
    });
  });

  describe('under load', () => {
    let load: SignedLoad;
    beforeAll(async () => {
      client = await create(spki(pair), [viewer]);
    });
    beforeEach(() => {
      load = new SignedLoad(stack.urls, payments, () => signedBy(pair));
    });
    afterEach(() => load.stop());

    test('a rotation with overlap loses no request, and one without ends the old key at once', async () => {
      await load.more(40);
      const [old, next, last] = [pair, generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
      await rotate(next, 60);
      await load.more(20); // with the old one still
      expect([...(await everywhere(old)), ...(await everywhere(next))]).toEqual([200, 200, 200, 200]);
      pair = next;
      await load.more(40);
      await load.stop();
      expect(Object.keys(statusesOf(load.shots))).toEqual(['200']);

      expect((await rotate(last, 0)).enforcement).toMatchObject(receipt);
      for (const by of [old, next]) expect(await everywhere(by)).toEqual([401, 401]);
      pair = last;
      expect(await everywhere()).toEqual([200, 200]);
    }, 120_000);

    const settings: [string, number, () => Promise<ClientRecord>, () => Promise<ClientRecord>][] = [
      [
        'is disabled',
        401,
        () => done(admin.post(`/v1/clients/${client.id}/disable`, {})),
        () => done(admin.post(`/v1/clients/${client.id}/enable`, {})),
      ],
      [
        'is taken from other networks only',
        403,
        () => change({ networks: ['203.0.113.0/24'] }),
        () => change({ networks: ['0.0.0.0/0'] }),
      ],
      [
        'has another role',
        403,
        () => change({ roles: ['layer1:role:ledger:viewer'] }),
        () => change({ roles: [viewer] }),
      ],
    ];
    test.each(settings)(
      'from the answer on that a client %s no request passes by the old right',
      async (_, status, narrow, widen) => {
        await load.more(20);
        expect((await narrow()).enforcement).toMatchObject(receipt);
        const answeredMs = performance.now();
        await load.more(20);
        expect(Object.keys(statusesOf(load.sentAfter(answeredMs)))).toEqual([String(status)]);
        await widen();
        expect(await everywhere()).toEqual([200, 200]);
      },
      120_000,
    );
  });

  describe('while the registry', () => {
    /** The same bytes at both gateways at once. */
    const twice = (headers: Record<string, string>): Promise<number[]> =>
      Promise.all(stack.urls.map(async (url) => (await sendTo(url, headers)).status));
    const back = () => eventually(async () => (await everywhere()).every((status) => status === 200), 60_000);

    test('stands still, no request is accepted without a claim: 503, and at most once when it goes on', async () => {
      await back();
      const reached = upstream.seen.length;
      const wake = backstage.freeze('client-registry');
      const waiting = Array.from({ length: 6 }, () => signedBy(pair));
      try {
        const answers = await Promise.all(waiting.map((headers, n) => sendTo(stack.urls[n % 2] ?? '', headers)));
        for (const answer of answers) expect(answer).toMatchObject({ status: 503, json: { code: 'unavailable' } });
        for (const answer of answers) expect(answer.headers['retry-after']).toBeDefined();
        expect(upstream.seen).toHaveLength(reached);
      } finally {
        wake();
      }
      await back();
      for (const headers of waiting) {
        const statuses = [...(await twice(headers)), ...(await twice(headers))];
        expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(1);
        expect(statuses.filter((status) => status !== 200 && status !== 401)).toEqual([]);
      }
    }, 120_000);

    test('is killed among claims, and again, nothing that was accepted is accepted once more', async () => {
      const sent: { headers: Record<string, string>; accepted: number }[] = [];
      let isRunning = true;
      const workers = [1, 2, 3].map(async () => {
        while (isRunning) {
          const headers = signedBy(pair);
          const statuses = await twice(headers);
          sent.push({ headers, accepted: statuses.filter((status) => status === 200).length });
        }
      });
      const moreAccepted = (count: number): Promise<unknown> => {
        const from = sent.length;
        return eventually(() => sent.slice(from).filter(({ accepted }) => accepted > 0).length >= count, 60_000);
      };
      await moreAccepted(20);
      for (let kill = 0; kill < 2; kill++) {
        backstage.kill('client-registry');
        await moreAccepted(20);
      }
      isRunning = false;
      await Promise.all(workers);
      expect(sent.filter(({ accepted }) => accepted > 1)).toEqual([]);

      await back();
      const accepted = sent.filter(({ accepted: count }) => count === 1);
      const again = await Promise.all(
        [...accepted.slice(0, 50), ...accepted.slice(-50)].map(({ headers }) => twice(headers)),
      );
      expect(new Set(again.flat())).toEqual(new Set([401]));
    }, 180_000);
  });

  test('the record has every change of the client, and why it was refused', async () => {
    interface Event {
      action: string;
      reason: string | null;
      actor: { credential_id: string | null };
    }
    const events = async (query: string): Promise<Event[]> => {
      const all: Event[] = [];
      for (let cursor = ''; ;) {
        const page = (await admin.get(`/v1/audit/events?limit=100&${query}${cursor}`)).json as {
          items: Event[];
          next_cursor: string | null;
        };
        all.push(...page.items);
        if (page.next_cursor === null) return all;
        cursor = `&cursor=${page.next_cursor}`;
      }
    };
    const reasons = ['signature_replayed', 'signature_bad_signature', 'disabled'];
    const refused = await eventually(async () => {
      const found = await events(`action=credential.refused&resource=${client.id}`);
      return reasons.every((reason) => found.some((event) => event.reason === reason)) && found;
    }, 30_000);
    for (const { actor } of refused) expect(actor.credential_id).toBe(client.id);
    const taught = await events(`action=credential.refused&resource=${shop.id}`);
    expect(taught.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['signature_not_covered', 'signature_replayed']),
    );
    const changes = await eventually(async () => {
      const found = (await events(`resource=${client.id}`)).map(({ action }) => action);
      return found.includes('client.created') && found.filter((action) => action.startsWith('client.')).reverse();
    });
    expect(changes).toEqual([
      'client.created',
      'client.rotated',
      'client.rotated',
      'client.disabled',
      'client.enabled',
      ...Array.from({ length: 4 }, () => 'client.updated'),
    ]);
  }, 90_000);
});
