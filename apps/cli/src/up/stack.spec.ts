import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findNatsServer, freePort, identityOf, recordProcess, startNats, startPostgres } from '@portcullis/embedded';
import { type Environment } from '../command.js';
import { readUpSettings } from './settings.js';
import { Stack } from './stack.js';

/**
 * A checkout whose apps are small scripts that write down what they were given: real processes, real Postgres, real NATS.
 * What the product's own apps do on this stack is told by the stories of apps/e2e.
 */
let root: string;
const stacks: Stack[] = [];
const said: string[] = [];

let natsServer: Awaited<ReturnType<typeof findNatsServer>>;

beforeAll(async () => {
  natsServer = await findNatsServer(
    join(import.meta.dirname, '../../../../node_modules/.cache/portcullis'),
    () => undefined,
  );
  root = mkdtempSync(join(tmpdir(), 'portcullis-up-'));
  chmodSync(root, 0o755);
  script('package.json', '{"type":"module"}');
  for (const name of ['identity', 'api-key', 'client-registry', 'audit'])
    script(`apps/${name}/dist/main.js`, service(name));
  script('apps/gateway/dist/main.js', gateway());
  script('examples/upstream/server.mjs', service('example-upstream'));
  script('examples/object-store/server.mjs', service('example-object-store'));
  script('config/policy.yaml', 'version: 1\n');
}, 120_000);
afterEach(async () => {
  await Promise.all(stacks.splice(0).map((stack) => stack.stop()));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function script(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Writes its environment down, says it is ready, ends at SIGTERM. */
const service = (name: string) => `
  import { writeFileSync } from 'node:fs';
  writeFileSync(${JSON.stringify(join(root, `seen-${name}.json`))}, JSON.stringify({ pid: process.pid, env: process.env }));
  const alive = setInterval(() => {}, 1000);
  process.on('SIGTERM', () => clearInterval(alive));
  console.log(JSON.stringify({ level: 'error', message: 'a trouble of ${name}' }));
  console.log(JSON.stringify({ ready: '${name}' }));`;

/** Knows the administrator that identity was given. */
const gateway = () => `
  import { readFileSync, writeFileSync } from 'node:fs';
  import { createServer } from 'node:http';
  writeFileSync(${JSON.stringify(join(root, 'seen-gateway.json'))}, JSON.stringify({ pid: process.pid, env: process.env }));
  const server = createServer(async (request, response) => {
    if (request.url === '/readyz') return response.end();
    if (request.url === '/slow') return setTimeout(() => response.end('finished'), 400);
    let body = '';
    for await (const part of request) body += part;
    const { env } = JSON.parse(readFileSync(${JSON.stringify(join(root, 'seen-identity.json'))}));
    response.writeHead(JSON.parse(body).password === env.PORTCULLIS_FIRST_ADMIN_PASSWORD ? 200 : 401).end();
  });
  server.listen(process.env.PORT, () => console.log(JSON.stringify({ ready: 'gateway' })));
  process.on('SIGTERM', () => { server.close(); setInterval(() => server.closeIdleConnections(), 50).unref(); });`;

async function aStack(env: Environment = {}): Promise<Stack> {
  const all: Environment = {
    PATH: process.env['PATH'],
    PORTCULLIS_NATS_SERVER: natsServer.path,
    PORTCULLIS_HOME: join(root, 'home'),
    PORT: String(await freePort()),
    S3_PORT: String(await freePort()),
    OPERATORS_OWN_SECRET: 'must not travel',
    ...env,
  };
  const stack = new Stack({
    settings: readUpSettings(all, root),
    env: all,
    checkout: root,
    say: (line) => said.push(line),
    onFatal: (why) => said.push(`fatal: ${why}`),
  });
  stacks.push(stack);
  ports.set(stack, Number(all['PORT']));
  return stack;
}
const ports = new Map<Stack, number>();

const seen = (name: string) =>
  JSON.parse(readFileSync(join(root, `seen-${name}.json`), 'utf8')) as { pid: number; env: Record<string, string> };
const until = async (what: () => boolean) => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 20));
};

test('it starts everything, gives each only what is its own, and leaves nothing running', async () => {
  const stack = await aStack();
  await stack.start();
  const names = ['identity', 'api-key', 'client-registry', 'audit', 'example-upstream'];
  const given = Object.fromEntries(names.map((name) => [name, Object.keys(seen(name).env)]));
  for (const name of names) expect(given[name]).not.toContain('OPERATORS_OWN_SECRET');
  expect(given['identity']).toEqual(
    expect.arrayContaining([
      'DATABASE_URL',
      'NATS_URL',
      'PORTCULLIS_KEY_ENCRYPTION_KEY',
      'PORTCULLIS_FIRST_ADMIN_PASSWORD',
    ]),
  );
  const { PORTCULLIS_KEY_ENCRYPTION_KEY: wrapping, S3_PUBLIC_URL } = seen('api-key').env;
  expect(wrapping).toBe(seen('identity').env['PORTCULLIS_KEY_ENCRYPTION_KEY']);
  expect(S3_PUBLIC_URL).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(given['client-registry']).toEqual(expect.arrayContaining(['DATABASE_URL', 'NATS_URL', 'PORTCULLIS_POLICY']));
  for (const name of [
    'PORTCULLIS_KEY_ENCRYPTION_KEY',
    'PORTCULLIS_TOKEN_ENCRYPTION_KEY',
    'PORTCULLIS_FIRST_ADMIN_PASSWORD',
  ])
    expect(given['client-registry']).not.toContain(name);
  expect(given['example-upstream']).not.toContain('NATS_URL');
  expect(new URL(seen('api-key').env['DATABASE_URL']!).username).toBe('portcullis_portcullis_api_key');
  expect(new URL(seen('api-key').env['NATS_URL']!).username).toBe('api-key');
  expect(said).toContain('identity: error: a trouble of identity');
  for (const file of ['secrets.json', 'nats/nats.conf'])
    expect(statSync(join(root, 'home', file)).mode & 0o777).toBe(0o600);

  const pids = names.map((name) => seen(name).pid);
  await stack.stop();
  expect(pids.map(identityOf)).toEqual(names.map(() => null));
  expect(readdirSync(join(root, 'home/run'))).toEqual([]);
  expect(existsSync(join(root, 'home/lock'))).toBe(false);
}, 120_000);

test('a second start finds the data and the secrets of the first; the password is shown once', async () => {
  const first = await aStack();
  await first.start();
  const password = await first.takeNewPassword();
  expect(password).toMatch(/^[\w-]{20}$/);
  await query(seen('audit').env['DATABASE_URL']!, 'create table kept as select 42 as answer');
  await first.stop();
  expect(readFileSync(join(root, 'home/secrets.json'), 'utf8')).not.toContain(password);

  const second = await aStack();
  await second.start();
  expect(await second.takeNewPassword()).toBeNull();
  expect(await query(seen('audit').env['DATABASE_URL']!, 'select answer from kept')).toEqual([{ answer: 42 }]);
}, 120_000);

test('a store for trying out stands behind the gateways, with credentials of its own that are kept', async () => {
  const first = await aStack();
  await first.start();
  const store = seen('example-object-store').env;
  expect(store).toMatchObject({
    OBJECT_STORE_DIRECTORY: join(root, 'home/object-store'),
    OBJECT_STORE_REGION: 'us-east-1',
  });
  expect(store['OBJECT_STORE_ACCESS_KEY_ID']).toMatch(/^AKIA[0-9A-F]{16}$/);
  expect(store['OBJECT_STORE_SECRET_ACCESS_KEY']).toHaveLength(40);
  expect(seen('gateway').env).toMatchObject({
    S3_UPSTREAM_URL: `http://127.0.0.1:${store['PORT']}`,
    S3_UPSTREAM_REGION: 'us-east-1',
    S3_UPSTREAM_ACCESS_KEY_ID: store['OBJECT_STORE_ACCESS_KEY_ID'],
    S3_UPSTREAM_SECRET_ACCESS_KEY: store['OBJECT_STORE_SECRET_ACCESS_KEY'],
  });
  expect(statSync(join(root, 'home/object-store.json')).mode & 0o777).toBe(0o600);
  await first.stop();
  await (await aStack()).start();
  expect(seen('example-object-store').env).toMatchObject({
    OBJECT_STORE_ACCESS_KEY_ID: store['OBJECT_STORE_ACCESS_KEY_ID'],
    OBJECT_STORE_SECRET_ACCESS_KEY: store['OBJECT_STORE_SECRET_ACCESS_KEY'],
  });
}, 120_000);

test('with an S3 upstream of the operator’s it is not started; half of one is refused', async () => {
  rmSync(join(root, 'seen-example-object-store.json'), { force: true });
  const own = {
    S3_UPSTREAM_URL: 'https://s3.example',
    S3_UPSTREAM_ACCESS_KEY_ID: 'AK',
    S3_UPSTREAM_SECRET_ACCESS_KEY: 's',
  };
  const home = { PORTCULLIS_HOME: join(root, 'home-own-s3') };
  const stack = await aStack({ ...home, ...own });
  await stack.start();
  expect(seen('gateway').env).toMatchObject(own);
  expect(existsSync(join(root, 'seen-example-object-store.json'))).toBe(false);
  await stack.stop();
  const half = await aStack({ ...home, S3_UPSTREAM_ACCESS_KEY_ID: 'AK' });
  await expect(half.start()).rejects.toThrow(/S3_UPSTREAM_ACCESS_KEY_ID is set and S3_UPSTREAM_URL is not/);
}, 120_000);

test('a stop lets a running request finish', async () => {
  const stack = await aStack();
  await stack.start();
  const answer = fetch(`http://127.0.0.1:${ports.get(stack)}/slow`).then((response) => response.text());
  await fetch(`http://127.0.0.1:${ports.get(stack)}/readyz`); // the slow one was accepted before
  await stack.stop();
  expect(await answer).toBe('finished');
}, 120_000);

test('an app that crashes is started again, and said so', async () => {
  const stack = await aStack();
  await stack.start();
  said.length = 0;
  const before = seen('audit').pid;
  process.kill(before, 'SIGKILL');
  await until(() => said.includes('audit is ready again.'));
  expect(said[0]).toBe('audit ended (signal SIGKILL): starting it again in 0.5 s.');
  expect(seen('audit').pid).not.toBe(before);
}, 120_000);

test('what a killed run left behind is ended first, although it holds the gateway’s port', async () => {
  const stack = await aStack();
  const listen = `require('node:http').createServer().listen(${ports.get(stack)}, '127.0.0.1', () => console.log('listening'))`;
  const orphan = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve) => orphan.stdout.once('data', resolve));
    const record = join(root, 'home/run/gateway');
    mkdirSync(join(root, 'home/run'), { recursive: true });
    recordProcess(record, orphan.pid!);
    const value = JSON.parse(readFileSync(record, 'utf8')) as { owner: { started: string } };
    value.owner.started = 'before'; // as if the run that wrote it were gone
    writeFileSync(record, JSON.stringify(value));
    await stack.start();
    expect(orphan.signalCode).toBe('SIGTERM');
  } finally {
    orphan.kill('SIGKILL');
  }
}, 120_000);

test('servers that are there already are used, and one database serves one stack at a time', async () => {
  const log = () => undefined;
  const everything = { allow: ['>'] };
  const postgres = await startPostgres({
    dataDirectory: join(root, 'theirs/postgres'),
    password: 'p',
    durable: false,
    log,
  });
  const users = [{ user: 'me', password: 'm', publish: everything, subscribe: everything }];
  const nats = await startNats({ binary: natsServer, users, storeDirectory: join(root, 'theirs/nats'), log });
  const given = { DATABASE_URL: postgres.url(), NATS_URL: nats.url(users[0]) };
  try {
    const stack = await aStack({ ...given, PORTCULLIS_HOME: join(root, 'home-a') });
    await stack.start();
    expect(new URL(seen('identity').env['DATABASE_URL']!).port).toBe(String(postgres.port));
    expect(seen('identity').env['NATS_URL']).toBe(given.NATS_URL);
    expect(existsSync(join(root, 'home-a/postgres'))).toBe(false);

    const other = await aStack({ ...given, PORTCULLIS_HOME: join(root, 'home-b') });
    await expect(other.start()).rejects.toThrow('The database of DATABASE_URL is in use by another stack');
    await other.stop();
    await stack.stop();
    await (await aStack({ ...given, PORTCULLIS_HOME: join(root, 'home-b') })).start();
  } finally {
    await Promise.all(stacks.splice(0).map((stack) => stack.stop()));
    await nats.stop();
    await postgres.stop();
  }
}, 120_000);

test('two stacks on other ports and homes do not disturb one another', async () => {
  const stacks = [await aStack(), await aStack({ PORTCULLIS_HOME: join(root, 'home-c') })] as const;
  await Promise.all(stacks.map((stack) => stack.start()));
  await stacks[0].stop();
  expect((await fetch(`http://127.0.0.1:${ports.get(stacks[1])}/readyz`)).status).toBe(200);
}, 120_000);

describe('refusals, each one sentence', () => {
  afterEach(() => script('apps/audit/dist/main.js', service('audit')));

  test('a home in use by another stack', async () => {
    const first = await aStack();
    await first.start();
    await expect((await aStack()).start()).rejects.toThrow(/in use by another stack \(process \d+\)/);
  }, 120_000);

  test('a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    await expect((await aStack({ PORT: String(port) })).start()).rejects.toThrow(
      `Port ${port} is taken: set PORT to another one.`,
    );
    other.close();
  });

  test('a policy that no gateway would take, before any server is started', async () => {
    const policy = join(root, 'bad-policy.yaml');
    writeFileSync(policy, 'version: 1\nroutes:\n  - { match: "GET /x", upstream: nowhere }\n');
    const home = join(root, 'home-of-bad-policy');
    await expect((await aStack({ PORTCULLIS_POLICY: policy, PORTCULLIS_HOME: home })).start()).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringMatching(/bad-policy\.yaml:3: /) as unknown,
    });
    expect(existsSync(join(home, 'postgres'))).toBe(false);
  });

  test('a database that cannot be reached, without its password', async () => {
    const url = `postgres://me:hunter2@127.0.0.1:${await freePort()}/x`;
    const refusal = (await aStack({ DATABASE_URL: url })).start();
    await expect(refusal).rejects.toThrow('The database of DATABASE_URL cannot be reached: nothing listens there.');
  });

  test('an app that does not start says its last words', async () => {
    script('apps/audit/dist/main.js', `console.error('no luck today'); process.exit(3)`);
    const stack = await aStack();
    await expect(stack.start()).rejects.toThrow(/audit does not start \(exit code 3\).*\nno luck today/);
  }, 120_000);

  test('an app whose configuration is at fault is not tried again', async () => {
    script('apps/audit/dist/main.js', `console.error('AUDIT_X is not set.'); process.exit(78)`);
    const stack = await aStack();
    await expect(stack.start()).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringContaining('AUDIT_X is not set.') as unknown,
    });
  }, 120_000);
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
