import { spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { jest } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import Ajv from 'ajv';
import { CloudEvent as ForeignCloudEvent, HTTP } from 'cloudevents';
import { KeyEncryption } from '@portcullis/credentials';
import { eventLeafHash, Frontier, GrowingTiles, hashesIn, noteSigner, signCheckpoint } from '@portcullis/merkle-log';
import { eventually } from '@portcullis/testing';
import { Client as PgClient } from 'pg';
import { Backstage } from './backstage.js';
import { administrator, Client } from './client.js';
import { DocumentedPage } from './documented-page.js';
import { type Stack, startStack } from './stack.js';

/** Every command is a process of its own, and a busy machine starts them slowly. */
jest.setTimeout(120_000);

const portcullis = resolve(import.meta.dirname, '../../cli/bin/portcullis.mjs');

interface Key {
  id: string;
  credentials: { bearer_token: string };
}

/** Told in order, on one stack: an auditor who believes nobody, and a program that reads along. */
describe('the record, seen from outside', () => {
  let stack: Stack;
  let admin: Client;
  let folder: string;
  let auditor: Key;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-audit-'));
    stack = await startStack({ env: { PORTCULLIS_GATEWAYS: '2', PORTCULLIS_REPLICAS: '2' } });
    admin = await administrator(stack);
    auditor = await key('auditor');
  }, 150_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const key = async (name: string): Promise<Key> => {
    const answer = await admin.post('/v1/api-keys', { name, permissions: ['audit:view', 'audit:export'] });
    expect([answer.status, answer.status === 201 ? '' : answer.text]).toEqual([201, '']);
    return answer.json as Key;
  };
  const run = (...args: string[]): Promise<{ code: number | null; out: string; err: string }> =>
    new Promise((done) => {
      const env = {
        PATH: process.env['PATH'],
        XDG_CONFIG_HOME: folder,
        PORTCULLIS_URL: stack.url,
        PORTCULLIS_TOKEN: auditor.credentials.bearer_token,
        PORTCULLIS_HOME: stack.data,
      };
      const child = spawn(process.execPath, [portcullis, 'audit', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let [out, err] = ['', ''];
      child.stdout.on('data', (text: Buffer) => (out += text.toString()));
      child.stderr.on('data', (text: Buffer) => (err += text.toString()));
      child.once('close', (code) => done({ code, out, err }));
    });
  const inFolder = (name: string): string => join(folder, name);

  test('an export, a checkpoint of before and the keys are verified with no server', async () => {
    expect(await run('export', inFolder('first.ndjson'))).toEqual({ code: 0, out: '', err: '' });
    const good = await run('verify', '--export', inFolder('first.ndjson'), '--output', 'json');
    expect([good.code, good.err]).toEqual([0, '']);
    const { size, proven, signatures } = JSON.parse(good.out) as { size: number; proven: number; signatures: string };
    expect(signatures).toBe('verified');
    expect(proven).toBeGreaterThan(0);
    expect(size).toBeGreaterThanOrEqual(proven);

    const lines = readFileSync(inFolder('first.ndjson'), 'utf8').split('\n');
    const at = lines.findIndex((line) => line.includes('"api-key.created"'));
    writeFileSync(
      inFolder('edited.ndjson'),
      lines.with(at, (lines[at] ?? '').replace('auditor', 'attacker')).join('\n'),
    );
    const bad = await run(
      ...['verify', '--export', inFolder('edited.ndjson'), '--checkpoint', inFolder('first.ndjson.checkpoint')],
      ...['--log-keys', inFolder('first.ndjson.log-keys.json'), '--output', 'json'],
    );
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.out)).toMatchObject({ ok: false, kind: 'edited', first_bad_index: at });
  });

  test('a reader who trusts nobody goes by the page', async () => {
    const told = await new DocumentedPage('verifying-the-audit-log.md').run({
      folder: mkdtempSync(join(folder, 'page-')),
      env: { URL: stack.url, TOKEN: auditor.credentials.bearer_token },
    });
    expect(told[1]).toMatch(/^Good: \d+ leaves/m);
    expect(told[2]).toMatch(/First bad index: 2, edited[^]*^told$[^]*First bad index: 1, missing[^]*^told again$/m);
    expect(told[3]?.match(/same root/g)).toHaveLength(2);
    expect(told[4]).toMatch(/^\S+ \d+ same root$/m);
    expect(told[6]).toMatch(/^Good: \d+ leaves/m);
  });

  test('a later export goes on from an earlier checkpoint, by the proof between them', async () => {
    const from = readFileSync(inFolder('first.ndjson.checkpoint'), 'utf8').split('\n')[1] ?? '';
    writeFileSync(inFolder('now'), (await admin.get('/v1/audit/checkpoint')).text);
    const to = readFileSync(inFolder('now'), 'utf8').split('\n')[1] ?? '';
    writeFileSync(inFolder('proof'), (await admin.get(`/v1/audit/consistency?from=${from}&to=${to}`)).text);
    expect((await run('export', inFolder('later.ndjson'), '--from', from)).code).toBe(0);
    const verified = await run(
      ...['verify', '--export', inFolder('later.ndjson'), '--log-keys', inFolder('later.ndjson.log-keys.json')],
      ...[
        '--checkpoint',
        inFolder('now'),
        '--after',
        inFolder('first.ndjson.checkpoint'),
        '--consistency',
        inFolder('proof'),
      ],
    );
    expect([verified.code, verified.err]).toEqual([0, '']);
  });

  test('tiles are the same bytes at every gateway and for every reader, and of what is not there yet nothing is', async () => {
    const size = Number((await admin.get('/v1/audit/log/checkpoint')).text.split('\n')[1]);
    expect(size).toBeGreaterThan(1);
    const readers = stack.urls.map((url) => new Client(url).as(auditor.credentials.bearer_token));
    const path = '/v1/audit/log/tile/0/000.p/1';
    const seen = await Promise.all([admin, ...readers].map((reader) => reader.get(path)));
    expect(new Set(seen.map(({ text }) => text)).size).toBe(1);
    expect(seen[0]?.headers['cache-control']).toBe('private, max-age=31536000, immutable');
    for (const absent of ['0/x001/000', '3/000.p/1', '0/000.p/0', 'entries/000', '0/1'])
      expect([absent, (await admin.get(`/v1/audit/log/tile/${absent}`)).status]).toEqual([absent, 404]);
  });

  test('who reads it is in it', async () => {
    const found = await eventually(async () => {
      const { items } = (await admin.get(`/v1/audit/events?actor=${auditor.id}`)).json as {
        items: { action: string }[];
      };
      return items.some(({ action }) => action === 'record.exported') && items;
    });
    expect(found.filter(({ action }) => action === 'record.exported')).toHaveLength(4);
  });

  async function stream(token: string, url: string, lastEventId?: string): Promise<IncomingMessage> {
    const headers = { Authorization: `Bearer ${token}`, ...(lastEventId ? { 'Last-Event-ID': lastEventId } : {}) };
    const outgoing = httpRequest(`${url}/v1/audit/stream`, { agent: false, headers });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    return response;
  }

  test('a stream shows what happens, goes on at another gateway where it ended, and is cut when its key is revoked', async () => {
    const watcher = await key('watcher');
    const token = watcher.credentials.bearer_token;
    const [one = '', two = ''] = stack.urls;
    const seen: { id: string; action: string; resource: string | null }[] = [];
    const listen = (response: IncomingMessage): void => {
      let rest = '';
      response
        .on('error', () => undefined)
        .on('data', (chunk: Buffer) => {
          const messages = (rest + chunk.toString()).split('\n\n');
          rest = messages.pop() ?? '';
          for (const message of messages) {
            const [, id = '', data] = /^id: (\d+)\ndata: (.*)$/.exec(message) ?? [];
            if (data === undefined) continue;
            const { action, resource } = JSON.parse(data) as { action: string; resource: { id: string | null } };
            seen.push({ id, action, resource: resource.id });
          }
        });
    };
    const first = await stream(token, one);
    listen(first);
    const made = await key('seen');
    await eventually(() => seen.some(({ resource }) => resource === made.id), 20_000);
    first.destroy();
    const last = seen.at(-1)?.id ?? '';
    const missed = await key('missed');
    const second = await stream(token, two, last);
    listen(second);
    await eventually(() => seen.some(({ resource }) => resource === missed.id), 20_000);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);

    let cut = false;
    second.once('close', () => (cut = true));
    const revoked = await admin.delete(`/v1/api-keys/${watcher.id}`);
    expect(revoked.status).toBe(200);
    await eventually(() => cut, 5_000);
    expect(second.complete).toBe(false);
  });

  test('the consumer that `up` made reads the stream, and each message is a CloudEvent of the documented schema', async () => {
    const file = join(stack.data, 'audit-consumer.json');
    expect(existsSync(file) && statSync(file).mode & 0o777).toBe(0o600);
    const events = await read(JSON.parse(readFileSync(file, 'utf8')) as Reader, 200);
    expect(events.map(({ type }) => type)).toContain('portcullis.user.created');
    const ajv = new Ajv({ unknownFormats: 'ignore' }).addSchema(
      JSON.parse(readFileSync(join(import.meta.dirname, '../../../docs/asyncapi.json'), 'utf8')) as object,
      'events',
    );
    for (const event of events) {
      const action = event.type.slice('portcullis.'.length);
      const isEvent = ajv.compile({ $ref: `events#/components/messages/${action}/payload` });
      expect([event.type, isEvent(event.toJSON()), isEvent.errors]).toEqual([event.type, true, null]);
    }
  });

  interface Reader {
    servers: string[];
    user: string;
    password: string;
    inbox_prefix: string;
    stream: string;
    durable: string;
  }
  const connected = ({ servers, user, password, inbox_prefix: inboxPrefix }: Reader) =>
    connect({ servers, user, pass: password, inboxPrefix, reconnect: false });
  /** The next messages, as a program reads them that knows NATS and CloudEvents and nothing of ours. */
  async function read(reader: Reader, count: number): Promise<ForeignCloudEvent<{ action: string }>[]> {
    const connection = await connected(reader);
    try {
      const consumer = await jetstream(connection).consumers.get(reader.stream, reader.durable);
      const events: ForeignCloudEvent<{ action: string }>[] = [];
      for await (const message of await consumer.fetch({ max_messages: count, expires: 3_000 })) {
        const headers = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
        const event = HTTP.toEvent<{ action: string }>({ headers, body: message.string() });
        if (!(event instanceof ForeignCloudEvent)) throw new Error('no single CloudEvent');
        expect(event.validate()).toBe(true);
        events.push(event as ForeignCloudEvent<{ action: string }>);
        message.ack();
      }
      return events;
    } finally {
      await connection.close();
    }
  }
  const consumer = async (name: string, ...more: string[]): Promise<Reader> => {
    const made = await run('consumer', 'create', name, ...more, '--output', 'json');
    expect([made.code, made.err]).toEqual([0, '']);
    return JSON.parse(made.out) as Reader;
  };

  test('other consumers read from a time on, on some subjects, each from its own place', async () => {
    const since = new Date();
    const made = await key('read by consumers');
    const keys = await consumer('keys', '--from', since.toISOString(), '--subject', 'audit.*.api-key.api-key.>');
    const [event, ...others] = await read(keys, 5);
    expect([event?.type, event?.subject, others]).toEqual(['portcullis.api-key.created', made.id, []]);
    const all = await consumer('everything');
    expect((await read(all, 1))[0]?.data?.action).not.toBe('api-key.created');
    const later = await key('read later');
    expect((await read(keys, 5)).map(({ subject }) => subject)).toEqual([later.id]);
    expect(stack.output()).not.toContain('authentication error');
  });

  test('and may do nothing else', async () => {
    const reader = await consumer('narrow');
    const connection = await connected(reader);
    try {
      for (const subject of [
        'audit.org_1.audit.record.erased',
        'audit.list',
        'identity.login',
        'committed.api-key',
        '$JS.API.STREAM.PURGE.AUDIT',
        '$JS.API.STREAM.DELETE.AUDIT',
        '$JS.API.STREAM.MSG.DELETE.AUDIT',
        '$JS.API.STREAM.MSG.GET.CHECKPOINTS',
        '$JS.API.CONSUMER.CREATE.AUDIT.mine',
        '$JS.API.CONSUMER.MSG.NEXT.AUDIT.consumer-everything',
        '$JS.API.CONSUMER.MSG.NEXT.ACCESS.usage',
      ])
        await expect(connection.request(subject, '{}')).rejects.toThrow(/permissions violation/i);
      for (const subject of ['>', 'audit.>', 'identity.>', '_INBOX.>', 'access.requests']) {
        const refused = new Promise<string>((resolve) => {
          connection.subscribe(subject, { callback: (error) => void (error && resolve(error.message)) });
        });
        expect(await refused).toMatch(/permissions violation/i);
      }
    } finally {
      await connection.close();
    }
  });

  test('a log that is written anew with its own key convinces who asks it alone, and no witness', async () => {
    const [state, keys] = [inFolder('witness.json'), inFolder('first.ndjson.log-keys.json')];
    const vkey = (await run('witness', 'init', '--state', state, '--name', 'witness.example/w1')).out.trim();
    const turn = () =>
      run('witness', 'run', '--once', '--state', state, '--log', `${stack.url}/v1/audit/log`, '--log-keys', keys);
    const cosigned = await turn();
    expect([cosigned.code, cosigned.err]).toEqual([0, '']);
    writeFileSync(inFolder('cosigned'), cosigned.out);
    expect((await turn()).code).toBe(0);

    await forgeLog(new Backstage(stack));
    expect((await run('export', inFolder('forged.ndjson'))).code).toBe(0);
    expect(readFileSync(inFolder('forged.ndjson'), 'utf8')).toContain('"attacker"');
    expect((await run('verify', '--export', inFolder('forged.ndjson'))).code).toBe(0);

    const refused = await turn();
    expect([refused.code, refused.out]).toEqual([1, '']);
    expect(refused.err).toMatch(/^FORK\. .* do not lead there/);
    const verified = await run(
      ...['verify', '--export', inFolder('forged.ndjson'), '--checkpoint', inFolder('cosigned'), '--log-keys', keys],
      ...['--witness', vkey, '--output', 'json'],
    );
    expect(verified.code).toBe(1);
    expect(JSON.parse(verified.out)).toMatchObject({ kind: 'replaced', first_bad_index: 0 });
  });

  test('a reader goes by the page', async () => {
    const page = mkdtempSync(join(folder, 'page-'));
    symlinkSync(resolve(import.meta.dirname, '../../../node_modules'), join(page, 'node_modules'));
    const told = await new DocumentedPage('reading-the-events.md').run({
      folder: page,
      env: { PORTCULLIS_HOME: stack.data },
    });
    expect(told[1]).toMatch(/^\S+ portcullis\.user\.created usr_\w+ success$/m);
  });
});

/**
 * What somebody can do who has the database, the secrets and time: another word in an event, all hashes made anew over it, and the log's own
 * signature.
 */
async function forgeLog(backstage: Backstage): Promise<void> {
  const client = new PgClient({ connectionString: backstage.databaseUrl() });
  await client.connect();
  const query = async <Row>(sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows as Row[];
  try {
    await query('begin');
    await query('set local search_path to audit');
    type Head = { origin: string; size: string; key_id: string };
    const [head] = await query<Head>(
      'select origin, log_head.size, key_id from log_size cross join log_head for update',
    );
    type Kept = { leaf_index: string; salt: Buffer; body: { id: string } };
    const [event] = await query<Kept>(
      `select leaf_index, salt, body from event where body::text like '%"auditor"%' order by leaf_index limit 1`,
    );
    if (!head || !event) throw new Error('there is nothing to forge');
    const body = JSON.parse(JSON.stringify(event.body).replace('"auditor"', '"attacker"')) as { id: string };
    await query('update event set body = $1 where leaf_index = $2', [JSON.stringify(body), event.leaf_index]);

    const tiles = await query<{ hashes: Buffer }>('select hashes from tile where level = 0 order by index');
    const leaves = hashesIn(Buffer.concat(tiles.map(({ hashes }) => hashes)));
    const tree = new Frontier();
    const growing = new GrowingTiles();
    tree.append(leaves.with(Number(event.leaf_index), eventLeafHash(body, event.salt)), growing.completed);
    expect(tree.size).toBe(Number(head.size));
    for (const { level, index, hashes } of growing.list())
      await query('update tile set hashes = $1 where level = $2 and index = $3', [hashes, level, index]);

    const [key] = await query<{ private_key: string }>('select private_key from log_key where id = $1', [head.key_id]);
    const { keyEncryptionKey } = backstage.secrets as unknown as { keyEncryptionKey: string };
    const pkcs8 = KeyEncryption.parse(keyEncryptionKey).decrypt(key?.private_key ?? '', `log-key ${head.key_id}`);
    const signer = noteSigner(head.origin, createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
    const note = signCheckpoint({ origin: head.origin, size: tree.size, root: tree.root() }, [signer]);
    await query('update log_head set root = $1, note = $2', [tree.root(), note]);
    await query('delete from checkpoint');
    await query('commit');
  } finally {
    await client.end();
  }
}
