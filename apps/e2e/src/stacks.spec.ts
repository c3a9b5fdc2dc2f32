import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import { findNatsServer, freePort } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';
import { Client as PgClient } from 'pg';
import { Backstage } from './backstage.js';
import { administrator, Client } from './client.js';
import { newHome, refusedStart, type Stack, startStack } from './stack.js';

/** Told in order: the second start of `first` stands at the end. */
describe('two stacks on one machine', () => {
  let first: Stack;
  let second: Stack;
  let key: string;
  let access: string;
  let generated: string;
  const stopped: Stack[] = [];

  beforeAll(async () => {
    // The first one makes its administrator's password up.
    [first, second] = await Promise.all([startStack({ env: { PORTCULLIS_FIRST_ADMIN_PASSWORD: '' } }), startStack()]);
    generated = /^ {2}password +(\S+)/m.exec(first.output())?.[1] ?? '';
  }, 150_000);
  afterAll(async () => {
    for (const stack of [first, second]) if (stack && !stopped.includes(stack)) expect(await stack.stop()).toBe(0);
    for (const stack of [first, second]) stack?.remove();
  }, 120_000);

  const signIn = (stack: Stack, password: string) =>
    new Client(stack.url).post('/v1/login', { email: stack.email, password });

  test('the password that was made up opens the first and is shown once', async () => {
    expect(generated).toHaveLength(20);
    expect(first.output().split(generated)).toHaveLength(3); // its line, and the first of the three commands
    const login = await signIn(first, generated);
    expect(login.status).toBe(200);
    const made = await new Client(first.url).as(login.json.access_token as string).post('/v1/api-keys', {
      name: 'of the first',
      forms: ['bearer', 'client_credentials'],
      permissions: ['counterparties:view'],
    });
    const { bearer_token, client_id, client_secret } = made.json.credentials as Record<string, string>;
    key = bearer_token ?? '';
    access = (await new Client(first.url).post('/v1/authenticate', { client_id, client_secret })).json
      .access_token as string;
    for (const credential of [key, access])
      expect((await new Client(first.url, credential).get('/v1/counterparties')).status).toBe(200);
    for (const file of ['secrets.json', 'ports.json'])
      expect(readFileSync(join(first.data, file), 'utf8')).not.toContain(generated);
  });

  test('nothing of the one is good at the other', async () => {
    expect((await signIn(second, generated)).status).toBe(401);
    for (const credential of [key, access]) {
      const answer = await new Client(second.url, credential).get('/v1/counterparties');
      expect(answer).toMatchObject({ status: 401, json: { code: 'invalid_token' } });
    }
  });

  test('a home, or a port, that a running stack has is refused in one sentence', async () => {
    const home = await refusedStart({ home: first.home });
    expect(home.code).toBe(1);
    expect(sentencesOf(home.output)).toEqual([
      expect.stringMatching(/data is in use by another stack \(process \d+\): stop that one, or set PORTCULLIS_HOME/),
    ]);
    const { port } = new URL(first.url);
    const taken = await refusedStart({ env: { PORT: port } });
    expect(taken.code).toBe(1);
    expect(sentencesOf(taken.output)).toEqual([`Port ${port} is taken: set PORT to another one.`]);
    expect((await new Client(first.url, key).get('/v1/counterparties')).status).toBe(200);
  }, 30_000);

  test('a service’s database role reads its own tables and no other’s', async () => {
    const backstage = new Backstage(first);
    const url = backstage.databaseUrl('api-key');
    expect(await backstage.query('select id from api_key', url)).toHaveLength(1);
    for (const statement of [
      'select * from identity.user_account',
      'select * from identity.signing_key',
      'select * from audit.event',
      'delete from audit.event',
      'create table audit.mine ()',
      'create table public.mine ()',
      'create schema mine',
      'alter role current_user superuser',
      `copy (select 1) to program 'true'`,
      'set role postgres',
    ])
      await expect(backstage.query(statement, url)).rejects.toMatchObject({ code: '42501' });
    await expect(backstage.query('select 1', url.replace(/portcullis$/, 'postgres'))).resolves.toBeDefined();
  });

  test('a service’s bus user may say and hear only what is its own', async () => {
    const bus = await new Backstage(first).bus('api-key', { inboxPrefix: '_INBOX.api-key' });
    const refusals = collectRefusals(bus);
    const says = [
      'audit.x.identity.user.created',
      'identity.login',
      'api-key.revoke',
      'committed.identity',
      'enforcement.identity.markers',
      '$JS.API.STREAM.DELETE.AUDIT',
      '$JS.API.STREAM.MSG.DELETE.AUDIT',
      '_INBOX.gateway.x',
    ];
    const hears = ['identity.login', 'audit.>', '>', '_INBOX.gateway.>', '_INBOX.>', '$JS.>'];
    for (const subject of says) bus.publish(subject, '{}');
    for (const subject of hears) bus.subscribe(subject, { callback: () => undefined });
    await eventually(() => refusals.length >= says.length + hears.length);
    expect(refusals.sort()).toEqual(
      [...says.map((subject) => `publish ${subject}`), ...hears.map((subject) => `subscription ${subject}`)].sort(),
    );
    await expect(new Backstage(first).bus('nobody')).rejects.toThrow(/authorization/i);
    await bus.close();
  });

  test('a second start finds what the first has left, and shows no password again', async () => {
    expect(await first.stop()).toBe(0);
    stopped.push(first);
    first = await startStack({ home: first.home, env: { PORTCULLIS_FIRST_ADMIN_PASSWORD: '' } });
    expect(first.output()).not.toMatch(/^ {2}password/m);
    expect(first.output()).not.toContain(generated);
    expect((await signIn(first, generated)).status).toBe(200);
    expect((await new Client(first.url, key).get('/v1/counterparties')).status).toBe(200);
    expect((await new Client(second.url, key).get('/v1/counterparties')).status).toBe(401);
  }, 90_000);
});

describe('a start that cannot succeed says so in one sentence and leaves nothing behind', () => {
  let folder: string;
  let taken: Server;
  beforeAll(async () => {
    folder = newHome();
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '0.0.0.0', resolve));
  });
  afterAll(() => {
    taken.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const policyFile = (text: string) => {
    const path = join(folder, 'policy.yaml');
    writeFileSync(path, text);
    return path;
  };

  test.each<[string, () => Record<string, string>, number, RegExp]>([
    [
      'a taken S3_PORT',
      () => ({ S3_PORT: String((taken.address() as { port: number }).port) }),
      1,
      /^Port \d+ is taken: set S3_PORT to another one\.$/,
    ],
    ['a PORT that is none', () => ({ PORT: '80800' }), 78, /^PORT: is not a whole number from 1 to 65535\.$/],
    [
      'a policy that is not there',
      () => ({ PORTCULLIS_POLICY: join(folder, 'absent.yaml') }),
      78,
      /^PORTCULLIS_POLICY names a file that does not exist\.$/,
    ],
    [
      'an administrator without an address',
      () => ({ PORTCULLIS_FIRST_ADMIN_EMAIL: 'root' }),
      78,
      /^PORTCULLIS_FIRST_ADMIN_EMAIL: is not an e-mail address\.$/,
    ],
    [
      'an administrator’s password file that is not there',
      () => ({ PORTCULLIS_FIRST_ADMIN_PASSWORD: '', PORTCULLIS_FIRST_ADMIN_PASSWORD_FILE: join(folder, 'absent') }),
      78,
      /^PORTCULLIS_FIRST_ADMIN_PASSWORD_FILE names a file that does not exist\.$/,
    ],
    [
      'a database where nothing listens',
      () => ({ DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/portcullis' }),
      1,
      /^The database of DATABASE_URL cannot be reached: nothing listens there\.$/,
    ],
    [
      'a DATABASE_URL that is none',
      () => ({ DATABASE_URL: 'mysql://me:hunter2@127.0.0.1/x' }),
      78,
      /^DATABASE_URL: does not look like postgres:/,
    ],
    [
      'a home that is a file',
      () => ({ PORTCULLIS_HOME: policyFile('version: 1\n') }),
      1,
      /cannot be used as home \(EEXIST|ENOTDIR\)/,
    ],
  ])(
    '%s',
    async (_, env, code, sentence) => {
      const refused = await refusedStart({ env: env() });
      expect(refused.code).toBe(code);
      expect(sentencesOf(refused.output)).toEqual([expect.stringMatching(sentence)]);
      expect(refused.output).not.toMatch(/hunter2|node:internal| {4}at /);
      expect(refused.left).toEqual([]);
    },
    20_000,
  );

  test('a policy with faults, each with its file and line; a password too short, by its variable: exit code 78', async () => {
    const path = policyFile(faultyPolicy);
    const [policy, password] = await Promise.all([
      refusedStart({ env: { PORTCULLIS_POLICY: path } }),
      refusedStart({ env: { PORTCULLIS_FIRST_ADMIN_PASSWORD: 'shrt-1x' } }),
    ]);
    expect(policy.code).toBe(78);
    for (const line of [5, 6]) expect(policy.output).toContain(`${path}:${line}`);
    expect(password.code).toBe(78);
    expect(password.output).toMatch(/PORTCULLIS_FIRST_ADMIN_PASSWORD: must have at least 8 characters\./);
    expect(password.output).not.toContain('shrt-1x');
    for (const { output, left } of [policy, password]) {
      expect(output).not.toMatch(/node:internal| {4}at /);
      expect(left).toEqual([]);
    }
  }, 120_000);
});

describe('servers that are there already', () => {
  let stack: Stack;
  let nats: ChildProcess;
  let folder: string;
  const name = `e2e_${randomBytes(6).toString('hex')}`;
  const databaseUrl = () => {
    const url = new URL(process.env['PORTCULLIS_SPEC_POSTGRES'] ?? '');
    url.pathname = `/${name}`;
    return url.href;
  };

  beforeAll(async () => {
    folder = newHome();
    await onServer(`create database ${name}`);
    const { path } = await findNatsServer(join(tmpdir(), 'portcullis-nats-server'), () => undefined);
    const port = await freePort();
    mkdirSync(join(folder, 'jetstream'));
    nats = spawn(path, ['-js', '-sd', join(folder, 'jetstream'), '-a', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
    });
    const natsUrl = `nats://127.0.0.1:${port}`;
    await eventually(async () => (await connect({ servers: natsUrl, reconnect: false })).close().then(() => true));
    stack = await startStack({ env: { DATABASE_URL: databaseUrl(), NATS_URL: natsUrl } });
  }, 150_000);
  afterAll(async () => {
    const code = await stack?.stop();
    stack?.remove();
    const gone = new Promise((resolve) => nats.once('exit', resolve));
    nats.kill();
    await gone;
    await onServer(`drop database ${name} with (force)`);
    for (const schema of ['identity', 'api_key', 'client_registry', 'audit'])
      await onServer(`drop role if exists portcullis_${name}_${schema}`);
    rmSync(folder, { recursive: true, force: true });
    expect(code).toBe(0);
  }, 120_000);

  test('are used instead of embedded ones: from login to key to upstream to the record', async () => {
    expect(() => stack.pidOf('postgres')).toThrow();
    expect(stack.output()).toMatch(/The NATS server of NATS_URL has no users for the single services/);
    const anyone = new Client(stack.url);
    const admin = await administrator(stack);
    const made = await admin.post('/v1/api-keys', { name: 'elsewhere', permissions: ['counterparties:view'] });
    const answer = await anyone.as(made.json.credentials.bearer_token as string).get('/v1/counterparties');
    expect(answer).toMatchObject({ status: 200, json: { items: expect.any(Array) as unknown[] } });
    const revoked = await admin.delete(`/v1/api-keys/${made.json.id}`);
    expect(revoked).toMatchObject({ status: 200, json: { enforcement: { enforcers: 1 } } });
    await eventually(async () => {
      const { items } = (await admin.get(`/v1/audit/events?resource=${made.json.id}`)).json as {
        items: { action: string }[];
      };
      return (
        items
          .map(({ action }) => action)
          .sort()
          .join() === 'api-key.created,api-key.revoked,revocation.enforced'
      );
    });
  }, 30_000);

  test('serve one stack: a second one on the same database is refused', async () => {
    const refused = await refusedStart({ env: { DATABASE_URL: databaseUrl() } });
    expect(refused.code).toBe(1);
    expect(sentencesOf(refused.output)).toEqual([
      expect.stringMatching(/^The database of DATABASE_URL is in use by another stack/),
    ]);
  }, 20_000);
});

const faultyPolicy = `version: 1
upstreams:
  example: { url: http://127.0.0.1:7001 }
routes:
  - { match: GET /a, permission: no:such, upstream: example }
  - { match: GET /b, public: true, upstream: nowhere }
`;

/** What of a start's words is no progress. */
function sentencesOf(output: string): string[] {
  return output
    .split('\n')
    .filter(
      (line) =>
        line !== '' && !/^(Starting|Preparing|Making|Stopping|Copying|The configuration has a fault:)/.test(line),
    );
}

/** What the server says that a connection may not do. */
function collectRefusals(bus: NatsConnection): string[] {
  const refusals: string[] = [];
  void (async () => {
    for await (const status of bus.status()) {
      if (status.type === 'error' && status.error instanceof PermissionViolationError)
        refusals.push(`${status.error.operation} ${status.error.subject}`);
    }
  })();
  return refusals;
}

async function onServer(statement: string): Promise<void> {
  const client = new PgClient({ connectionString: process.env['PORTCULLIS_SPEC_POSTGRES'] });
  await client.connect();
  await client.query(statement);
  await client.end();
}
