import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { exportPkcs8, generateSigningKey } from '@portcullis/credentials';
import { eventually } from '@portcullis/testing';
import { Jwks, type JwksOptions } from './jwks.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const [one, two] = [generateSigningKey(), generateSigningKey()];
let server: Server;
let url: string;
let fetches: number;
let answer: Answer;
const json =
  (body: unknown): Answer =>
  (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const publishes = (...keys: unknown[]): Answer => json({ keys });

beforeEach(async () => {
  fetches = 0;
  answer = publishes(one.publicJwk);
  server = createServer((request, response) => {
    fetches++;
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const aSet = (given: Partial<JwksOptions> = {}) => new Jwks({ url, ...given });

test('the set is fetched when it is first needed, once for all who ask meanwhile, and then known', async () => {
  const set = aSet();
  expect(fetches).toBe(0);
  const found = await Promise.all(Array.from({ length: 50 }, () => set.find(one.kid)));
  for (const key of found) expect(key?.equals(one.publicKey)).toBe(true);
  await set.find(one.kid);
  expect(fetches).toBe(1);
});

test('a flood of unknown kids costs one fetch, and the known one is answered meanwhile', async () => {
  const set = aSet({ refetchSeconds: 1 });
  await set.find(one.kid);
  const flood = Array.from({ length: 1_000 }, (_, n) => set.find(`unknown-${n}`).catch(() => 'not now'));
  expect(await set.find(one.kid)).toBeDefined();
  expect(fetches).toBe(1);
  const outcomes = await Promise.all(flood);
  expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(100);
  expect(outcomes.filter((outcome) => outcome === 'not now')).toHaveLength(900);
  expect(fetches).toBe(2);
});

test('those who wait share one fetch, and are told that there is no such key', async () => {
  const set = aSet({ refetchSeconds: 0.3 });
  await set.find(one.kid);
  const waiting = await Promise.all(Array.from({ length: 100 }, (_, n) => set.find(`unknown-${n}`)));
  expect(new Set(waiting)).toEqual(new Set([undefined]));
  expect(fetches).toBe(2);
});

test('a key that was made since is found: keys rotate and gateways start without a failed request', async () => {
  const set = aSet({ refetchSeconds: 0.2 });
  await set.find(one.kid);
  answer = publishes(one.publicJwk, two.publicJwk);
  expect((await set.find(two.kid))?.equals(two.publicKey)).toBe(true);
  expect(fetches).toBe(2);
});

test('a fetch that was under way before the key was made does not count as an answer about it', async () => {
  const set = aSet({ refetchSeconds: 0 });
  let release = (): void => undefined;
  answer = (request, response) => {
    release = () => publishes(one.publicJwk)(request, response);
  };
  const early = set.find(one.kid);
  await eventually(() => fetches === 1);
  const late = set.find(two.kid);
  answer = publishes(one.publicJwk, two.publicJwk);
  release();
  expect(await early).toBeDefined();
  expect(await late).toBeDefined();
});

test('a key that is withdrawn is forgotten with the next fetch, which no request waits for', async () => {
  const set = aSet({ freshSeconds: 0, refetchSeconds: 0 });
  await set.find(one.kid);
  answer = publishes(two.publicJwk);
  await eventually(async () => (await set.find(one.kid)) === undefined);
});

test('a gateway that restarts is waited for: known keys hold meanwhile, for so long and no longer', async () => {
  const set = aSet({ freshSeconds: 0, refetchSeconds: 0 });
  await set.find(one.kid);
  answer = (_request, response) => response.writeHead(503).end();
  expect(await set.find(one.kid)).toBeDefined();
  await expect(set.find(two.kid)).rejects.toThrow(/answered 503/);
  answer = publishes(one.publicJwk, two.publicJwk);
  expect(await set.find(two.kid)).toBeDefined();

  const short = aSet({ freshSeconds: 0, holdSeconds: 0, refetchSeconds: 0 });
  await short.find(one.kid);
  answer = (_request, response) => response.writeHead(503).end();
  await expect(short.find(one.kid)).rejects.toThrow(/answered 503/);
});

const { x, y } = one.publicJwk;
const privateJwk = { ...one.publicJwk, d: exportPkcs8(one.privateKey).subarray(36, 68).toString('base64url') };

test.each<[string, unknown]>([
  ['a private key', privateJwk],
  ['a key without kid', { ...one.publicJwk, kid: undefined }],
  ['a key without alg', { ...one.publicJwk, alg: undefined }],
  ['a key for another algorithm', { ...one.publicJwk, alg: 'ES384' }],
  ['a key for encryption', { ...one.publicJwk, use: 'enc' }],
  ['a secret key', { kty: 'oct', k: x, kid: one.kid, alg: 'ES256' }],
  ['an RSA key', { kty: 'RSA', n: x, e: 'AQAB', kid: one.kid, alg: 'ES256' }],
  ['a point off the curve', { ...one.publicJwk, x: y, kid: one.kid }],
  ['a kid that is another key’s', { ...two.publicJwk, kid: one.kid }],
  ['no key at all', null],
])('%s in the set is as good as absent', async (_name, jwk) => {
  answer = publishes(jwk, two.publicJwk);
  const set = aSet({ refetchSeconds: 0 });
  expect(await set.find(one.kid)).toBeUndefined();
  expect(await set.find(two.kid)).toBeDefined();
});

test.each<[string, Answer]>([
  ['not JSON', (_request, response) => response.end('<html>')],
  ['JSON with a member twice', (_request, response) => response.end('{"keys":[],"keys":[]}')],
  ['no set', json([one.publicJwk])],
  ['a set without a usable key', publishes()],
  ['a set of too many', publishes(...Array.from({ length: 1_001 }, () => one.publicJwk))],
  ['too long', (_request, response) => response.end('x'.repeat(300_000))],
  ['an error', (_request, response) => response.writeHead(404).end()],
  ['a redirect', (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
  ['nothing, for longer than is waited', () => undefined],
])('an answer that is %s is none, and says that it cannot be known', async (_name, wrong) => {
  answer = wrong;
  await expect(aSet({ timeoutSeconds: 0.5 }).find(one.kid)).rejects.toThrow();
  expect(fetches).toBe(1);
});

test('keys come over https, or from this machine', () => {
  expect(() => new Jwks({ url: 'http://gate.example/.well-known/jwks.json' })).toThrow(/https/);
  expect(() => new Jwks({ url: 'ftp://127.0.0.1/' })).toThrow(/https/);
  expect(() => new Jwks({ url: 'http://127.0.0.1.evil.example/' })).toThrow(/https/);
  expect(new Jwks({ url: 'https://gate.example/keys' })).toBeDefined();
  expect(new Jwks({ url: 'http://gate.example/keys', insecureHttp: true })).toBeDefined();
});
