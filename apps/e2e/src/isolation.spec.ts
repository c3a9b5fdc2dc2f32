import { generateKeyPairSync } from 'node:crypto';
import { Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';

/**
 * Every operation of the API that takes an id × an id of another organization. Generated from the OpenAPI document that the stack
 * serves: an operation that is added is walked, and one whose ids are of a kind not known here fails.
 */
interface Operation {
  method: string;
  path: string;
  schema: JsonSchema | undefined;
}

interface JsonSchema {
  type?: string;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  default?: unknown;
  items?: JsonSchema;
  minimum?: number;
}

const password = 'a-password-of-the-story';
const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });

let stack: Stack;
let anyone: Client;
let operations: Operation[];
/** The owner of the organization that everything belongs to, and the owner of the other one. */
let ours: Client;
let stranger: Client;
/** What there is, by the place in a path where its id stands. */
let things: Record<string, { id: string; absent: string }>;

beforeAll(async () => {
  stack = await startStack({ env: { PORTCULLIS_WEBHOOK_ALLOW: '127.0.0.1/32' } });
  anyone = new Client(stack.url);
  const installer = anyone.as(await signIn(stack.email, stack.password));
  ours = await organization(installer, 'Ours', 'owner@ours.example');
  stranger = await organization(installer, 'Theirs', 'owner@theirs.example');

  const key = await made(ours.post('/v1/api-keys', { name: 'ours', permissions: ['counterparties:view'] }));
  const account = await made(ours.post('/v1/service-accounts', { name: 'ours', permissions: ['counterparties:view'] }));
  const client = await made(ours.post('/v1/clients', { name: 'ours', public_key: publicKey, roles: ['observer'] }));
  const person = await made(ours.post('/v1/users', { email: 'other@ours.example', roles: ['developer'], password }));
  const webhook = await made(ours.post('/v1/audit/webhooks', { name: 'ours', url: 'http://127.0.0.1:9/' }));
  await made(ours.post('/v1/storage/buckets', { name: 'ours-alone' }));
  const event = (await ours.get('/v1/audit/events?limit=1')).json.items[0] as { id: string };
  const [first] = ((await installer.get('/v1/organizations')).json.items as { id: string }[]).slice(-1);
  const keys = await installer.send('GET', '/v1/signing-keys', undefined, { 'X-Org-ID': first!.id });
  const signingKey = keys.json.items[0].kid as string;
  const home = (await ours.get('/v1/whoami')).json.organization_id as string;
  things = {
    'api-keys': thing(key.id),
    'service-accounts': thing(account.id),
    clients: thing(client.id),
    users: thing(person.id),
    organizations: thing(home),
    events: thing(event.id),
    webhooks: thing(webhook.id),
    buckets: { id: 'ours-alone', absent: 'nowhere-at-all' },
    'signing-keys': { id: signingKey, absent: 'A'.repeat(43) },
  };

  const { paths } = (await anyone.get('/openapi.json')).json as {
    paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: JsonSchema }> } }>>;
  };
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      schema: requestBody?.content['application/json']?.schema,
    })),
  );
}, 180_000);

afterAll(async () => {
  expect(await stack?.stop()).toBe(0);
  stack?.remove();
}, 60_000);

async function signIn(email: string, secret: string): Promise<string> {
  const login = await anyone.post('/v1/login', { email, password: secret });
  expect(login.status).toBe(200);
  return login.json.access_token as string;
}

/** A new organization with an owner who belongs to no other. */
async function organization(installer: Client, name: string, email: string): Promise<Client> {
  const { items } = (await installer.get('/v1/organizations')).json as { items: { id: string }[] };
  const inFirst = { 'X-Org-ID': items.at(-1)!.id };
  const { id } = await made(installer.post('/v1/organizations', { name }, inFirst));
  await made(installer.post('/v1/users', { email, roles: ['owner'], password }, { 'X-Org-ID': id }));
  return anyone.as(await signIn(email, password));
}

async function made(answer: Promise<HttpAnswer>): Promise<{ id: string }> {
  const { status, text } = await answer;
  if (status !== 201) throw new Error(`${status} ${text}`);
  return JSON.parse(text) as { id: string };
}

/** An id, and one of the same kind and form that nobody ever had. */
const thing = (id: string) => ({ id, absent: `${id.slice(0, id.indexOf('_'))}_01ARZ3NDEKTSV4RRFFQ69G5FAV` });

/** The least that a schema accepts: what is asked about is the id, not the body. */
function sample(schema: JsonSchema | undefined, name = ''): unknown {
  if (!schema) return undefined;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf)
    return sample(
      schema.anyOf.find(({ type }) => type !== 'null'),
      name,
    );
  switch (schema.type) {
    case 'object': {
      const names = (schema.required ?? []).filter((field) => !('default' in (schema.properties?.[field] ?? {})));
      return Object.fromEntries(names.map((field) => [field, sample(schema.properties?.[field], field)]));
    }
    case 'array':
      return [sample(schema.items, name)];
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return false;
    default:
      return name === 'password' ? password : name === 'public_key' ? publicKey : 'sample';
  }
}

/** The log is one for all organizations: what stands in this path is a place in it, and nobody's id. */
const ofTheLog = '/v1/audit/log/tile/{level}/{index}';

const withIds = () => operations.filter(({ path }) => path.includes('{') && path !== ofTheLog);

function ask(client: Client, { method, path, schema }: Operation, which: 'id' | 'absent'): Promise<HttpAnswer> {
  const target = path.replaceAll(/([^/]+)\/\{[^}]+\}/g, (_, noun: string) => {
    const known = things[noun];
    if (!known) throw new Error(`${path}: nothing is made here that stands behind ${noun}`);
    return `${noun}/${known[which]}`;
  });
  const body = schema && { ...(sample(schema) as object), ...(method === 'PATCH' ? { name: 'taken' } : {}) };
  const type: Record<string, string> = body ? { 'Content-Type': 'application/json' } : {};
  return client.send(method, target, body && JSON.stringify(body), type);
}

/** All that a reader sees but what differs from one request to the next. */
function seen({ status, headers, json }: HttpAnswer): unknown {
  const body = { ...(json as Record<string, unknown>) };
  expect(body['request_id']).toBeDefined();
  delete body['request_id'];
  return { status, body, type: headers['content-type'], allow: headers['allow'] };
}

const everythingOfOurs = async () =>
  Promise.all(
    ['/v1/api-keys', '/v1/clients', '/v1/service-accounts', '/v1/users', '/v1/organizations'].map(
      async (path) => (await ours.get(path)).json.items as unknown,
    ),
  );

test('an id of another organization is answered as one that never was, by every operation, and nothing of it changes', async () => {
  const before = await everythingOfOurs();
  expect(withIds().length).toBeGreaterThan(12);
  for (const operation of withIds()) {
    const foreign = seen(await ask(stranger, operation, 'id'));
    const absent = seen(await ask(stranger, operation, 'absent'));
    const said = `${operation.method} ${operation.path}`;
    expect([said, foreign]).toEqual([said, absent]);
    expect([said, (foreign as { status: number }).status]).toEqual([said, 404]);
  }
  expect(await everythingOfOurs()).toEqual(before);
});

test('the log’s hashes are the same for every organization, and say nothing of any', async () => {
  expect(operations.map(({ path }) => path)).toContain(ofTheLog);
  for (const path of ['/v1/audit/log/checkpoint', '/v1/audit/log/tile/0/000.p/1']) {
    const [one, other] = await Promise.all([ours, stranger].map((reader) => reader.get(path)));
    expect([one?.status, other?.status]).toEqual([200, 200]);
    if (path.includes('tile')) expect(one?.text).toBe(other?.text);
    for (const { id } of Object.values(things)) expect(`${one?.text}${other?.text}`).not.toContain(id);
  }
});

test('no list shows anything of another organization, whatever it is asked to filter by', async () => {
  const ids = Object.values(things).map(({ id }) => id);
  const lists = operations.filter(({ method, path }) => method === 'GET' && !path.includes('{'));
  const filters = ['', `?owner=${things['users']!.id}`, `?api_key_id=${things['api-keys']!.id}`];
  filters.push(`?service_account_id=${things['service-accounts']!.id}`, `?resource=${things['api-keys']!.id}`);
  let items = 0;
  for (const { path } of lists) {
    for (const filter of filters) {
      const answer = await stranger.get(`${path}${filter}`);
      expect([path, answer.status < 500]).toEqual([path, true]);
      // What was asked for may be repeated in a refusal; what is there may not be told.
      if (answer.status !== 200 || !Array.isArray(answer.json?.items)) continue;
      items += 1;
      for (const id of ids) expect([path, filter, answer.text.includes(id)]).toEqual([path, filter, false]);
    }
  }
  expect(items).toBeGreaterThan(5);
});

test('an id in a body is as good as none', async () => {
  const body = { name: 'stolen', permissions: ['counterparties:view'] };
  const [foreign, absent] = await Promise.all(
    (['id', 'absent'] as const).map((which) =>
      stranger.post('/v1/api-keys', { ...body, service_account_id: things['service-accounts']![which] }),
    ),
  );
  expect(seen(foreign!)).toEqual(seen(absent!));
  expect(foreign!.status).toBeGreaterThanOrEqual(400);
});

test('the header X-Org-ID opens no other organization', async () => {
  for (const which of ['id', 'absent'] as const) {
    const answer = await stranger.get('/v1/api-keys', { 'X-Org-ID': things['organizations']![which] });
    expect(answer).toMatchObject({ status: 403, json: { code: 'organization_mismatch' } });
  }
});
