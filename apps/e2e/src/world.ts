import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@portcullis/testing';
import { Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';

/** `hello`, by a tool of somebody else. */
const nodePasswordHash = '$2y$10$PJLb5yVmoFG86q0j27WWLeBnS2aG.WeblM9dvz5yahojiS.43TRSe';

/** What makes all of it possible: role tokens, refresh tokens that are good at once, tokens that outlive a long run. */
const environment = {
  PORTCULLIS_GATEWAYS: '3',
  PORTCULLIS_REPLICAS: '2',
  PORTCULLIS_ADMIN_PASSWORD_HASH: nodePasswordHash,
  PORTCULLIS_TOKEN_ENCRYPTION_KEY: 'kX2vT9sQe7LwYb4NcR6mZp1HjD8fUgA3oViSxE5tBq0=',
  PORTCULLIS_ACCESS_TOKEN_SECONDS: '86400',
  PORTCULLIS_REFRESH_TOKEN_SECONDS: '90000',
  PORTCULLIS_REFRESH_OVERLAP_SECONDS: '86400',
};

/** A stack of three gateways and two replicas, before an upstream that answers 200, with routes for keys, people and role tokens. */
export async function startWorldStack(): Promise<{ stack: Stack; stop: () => Promise<number | null> }> {
  const upstream = createServer((request, response) => {
    request.resume();
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-world-'));
  const policy = join(folder, 'policy.yaml');
  writeFileSync(
    policy,
    `version: 1
upstreams: { behind: { url: 'http://127.0.0.1:${(upstream.address() as AddressInfo).port}' } }
routes:
  - { match: 'GET /v1/counterparties', permission: counterparties:view, upstream: behind }
  - { match: 'GET /v1/workflows', permission: workflows:view, upstream: behind }
  - { match: 'GET /bytes/*', permission: node:data:view, upstream: behind }
`,
  );
  const clear = (): void => {
    rmSync(folder, { recursive: true, force: true });
    upstream.close();
    upstream.closeAllConnections();
  };
  try {
    const stack = await startStack({ unheard: true, env: { ...environment, PORTCULLIS_POLICY: policy } });
    const stop = async (): Promise<number | null> => {
      try {
        return await stack.stop();
      } finally {
        stack.remove();
        clear();
      }
    };
    return { stack, stop };
  } catch (error) {
    clear();
    throw error;
  }
}

const awayMilliseconds = 90_000;

export interface Pair {
  access_token: string;
  refresh_token: string;
}

export interface Key {
  id: string;
  credentials: { bearer_token: string; client_id: string; client_secret: string };
}

interface RoleToken {
  key: string;
  token_id: string;
}

/** An installation as its first administrator sees it. */
export class World {
  #calls = 0;

  private constructor(
    private readonly urls: readonly string[],
    private readonly token: string,
    /** The first organization. The administrator is a member of others too, and always says which is meant. */
    readonly organization: string,
  ) {}

  /** @param urls gateways to ask, each in turn */
  static async of(stack: Stack, urls = stack.urls): Promise<World> {
    const anyone = new Client(stack.url);
    const login = await anyone.post('/v1/login', { email: stack.email, password: stack.password });
    const token = login.json.access_token as string;
    const whoami = await anyone.as(token).get('/v1/whoami');
    return new World(urls, token, whoami.json.organization_id as string);
  }

  /** As the administrator; in another organization, if one is named. */
  ask(method: string, path: string, body?: object, organization = this.organization): Promise<HttpAnswer> {
    return this.send(method, path, body, { Authorization: `Bearer ${this.token}`, 'X-Org-ID': organization });
  }

  /** As whoever has this token, or as nobody. */
  askAs(token: string | null, method: string, path: string, body?: object): Promise<HttpAnswer> {
    return this.send(method, path, body, token === null ? {} : { Authorization: `Bearer ${token}` });
  }

  key(given: object = {}, organization = this.organization): Promise<Key> {
    const body = { name: 'hammered', permissions: ['counterparties:view'], ...given };
    return made<Key>(() => this.ask('POST', '/v1/api-keys', body, organization));
  }

  /** A key with a client secret, and the tokens that were got with it. */
  async keyWithTokens(): Promise<{ key: Key; pair: Pair }> {
    const key = await this.key({ forms: ['bearer', 'client_credentials'] });
    const { client_id, client_secret } = key.credentials;
    const pair = await made<Pair>(() => this.askAs(null, 'POST', '/v1/authenticate', { client_id, client_secret }));
    return { key, pair };
  }

  async serviceAccount(): Promise<{ id: string; key: Key }> {
    const { id } = await made<{ id: string }>(() =>
      this.ask('POST', '/v1/service-accounts', { name: randomUUID(), roles: ['observer'] }),
    );
    return { id, key: await this.key({ service_account_id: id }) };
  }

  /** A machine client, and a token that it got by `private_key_jwt`. */
  async machine(roles: string[]): Promise<{ id: string; token: string }> {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const public_key = publicKey.export({ type: 'spki', format: 'pem' });
    const { id, client_id: client } = await made<{ id: string; client_id: string }>(() =>
      this.ask('POST', '/v1/clients', { name: 'hammered', public_key, roles }),
    );
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const { access_token: token } = await made<Pair>(() => {
      const exp = Math.floor(Date.now() / 1000) + 60;
      const claims = { iss: client, sub: client, aud: this.urls[0], exp, jti: randomUUID() };
      const input = `${encode({ alg: 'EdDSA' })}.${encode(claims)}`;
      return this.askForm('/oauth/token', {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`,
      });
    });
    return { id, token };
  }

  askForm(path: string, parameters: Record<string, string>): Promise<HttpAnswer> {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    return this.nextClient().send('POST', path, String(new URLSearchParams(parameters)), headers);
  }

  async person(roles: string[]): Promise<Person> {
    const password = `a pass phrase ${randomUUID()}`;
    let email = '';
    const { id } = await made<{ id: string }>(() => {
      email = `${randomUUID()}@example.com`;
      return this.ask('POST', '/v1/users', { email, roles, password });
    });
    return { id, email, password };
  }

  signIn({ email, password }: Person): Promise<Pair> {
    return made(() => this.askAs(null, 'POST', '/v1/login', { email, password }));
  }

  refresh(pair: Pair): Promise<Pair> {
    return made(() => this.reauthenticate(pair));
  }

  reauthenticate({ refresh_token }: Pair): Promise<HttpAnswer> {
    return this.askAs(null, 'POST', '/v1/reauthenticate', { refresh_token });
  }

  /** With the node password, or a person's. */
  roleToken(user = '', password = 'hello'): Promise<RoleToken> {
    const headers = { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
    return made(() => this.send('POST', '/auth', { role: 'consumer', expiry: 3_600 }, headers));
  }

  private nextClient(): Client {
    return new Client(this.urls[this.#calls++ % this.urls.length] ?? '');
  }

  private send(
    method: string,
    path: string,
    body: object | undefined,
    headers: Record<string, string>,
  ): Promise<HttpAnswer> {
    const client = this.nextClient();
    if (method === 'POST') return client.post(path, body ?? {}, headers);
    if (body === undefined) return client.send(method, path, undefined, headers);
    return client.send(method, path, JSON.stringify(body), { 'Content-Type': 'application/json', ...headers });
  }
}

interface Person {
  id: string;
  email: string;
  password: string;
}

/** What was made, asked for again as long as a part of the installation is away. */
export async function made<Made>(ask: () => Promise<HttpAnswer>): Promise<Made> {
  const answer = await eventually(async () => {
    const answer = await ask();
    return answer.status !== 503 && answer;
  }, awayMilliseconds);
  if (answer.status >= 300) throw new Error(`it could not be made: ${answer.status} ${answer.text}`);
  return answer.json as Made;
}
