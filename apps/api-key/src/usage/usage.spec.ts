import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import { type NatsConnection } from '@nats-io/transport-node';
import { accessSubject, Bus } from '@portcullis/bus';
import { type AccessBatch, type AccessRecord, type ApiKey, newId, type RequestInputOf } from '@portcullis/contracts';
import { aCaller, eventually, specConnection, specDatabase, type SpecDatabase, specNatsUrl } from '@portcullis/testing';
import { apiKeyDatabase } from '../api-key.module.js';
import { ApiKeyStore } from '../api-key.store.js';
import { CountRequests } from './count-requests.js';
import { ForgetRequests } from './forget-requests.js';
import { ReadRequests } from './read-requests.js';
import { listQuery, RequestStore } from './request.store.js';

const organization_id = newId('org', new Date());
const days = 30;

let clock = new Date();
let spec: SpecDatabase;
let bus: Bus;
let counting: CountRequests;
let connection: NatsConnection;
let stream: JetStreamClient;
let requests: RequestStore;
const reported: string[] = [];
const report = (line: string): void => void reported.push(line);

beforeAll(async () => {
  spec = await specDatabase({ ...apiKeyDatabase, now: () => clock });
  requests = new RequestStore(spec.database);
  bus = await Bus.connect('api-key', specNatsUrl('api-key'));
  counting = new CountRequests({ bus, requests, now: () => clock, days, report });
  counting.start();
  connection = await specConnection('gateway');
  stream = jetstream(connection);
}, 30_000);

afterAll(async () => {
  await connection.close();
  await counting.stop();
  await bus.close();
  await spec.drop();
});

interface Key {
  id: string;
  secrets: { id: string }[];
}

async function aKey(): Promise<Key> {
  const [id, secret] = [newId('key', new Date()), newId('sec', new Date())];
  await spec.database.read(async (manager) => {
    await manager.query(
      `insert into api_key (id, organization_id, name, owner_kind, owner_id, forms, roles, permissions, metadata,
                            created_at, created_by)
       values ($1, $2, 'x', 'user', 'usr', '{bearer}', '{}', '{}', '{}', now(), 'usr')`,
      [id, organization_id],
    );
    await manager.query(
      `insert into key_secret (id, key_id, form, sha256, created_at) values ($1, $2, 'bearer', $1, now())`,
      [secret, id],
    );
  });
  return { id, secrets: [{ id: secret }] };
}

const read = (id: string) => new ApiKeyStore(spec.database).read(organization_id, id);
const list = (filter: RequestInputOf<typeof ApiKey.requests>, organization = organization_id) =>
  new ReadRequests(spec.database, requests, days).list(aCaller({ organization_id: organization }), {
    limit: 50,
    ...filter,
  });

const aRecord = (key: Key, given: Partial<AccessRecord> = {}): AccessRecord => ({
  request_id: newId('req', new Date()),
  time_ms: Date.now(),
  method: 'GET',
  path: '/v1/counterparties',
  route: 'GET /v1/counterparties/**',
  status: 200,
  duration_ms: 3,
  client_ip: '192.0.2.7',
  user_agent: 'spec/1',
  api_key_id: key.id,
  secret_id: key.secrets[0]?.id ?? null,
  principal_kind: 'user',
  principal_id: 'usr_1',
  organization_id,
  ...given,
});
const aBatch = (...records: AccessRecord[]): AccessBatch => ({ id: newId('req', new Date()), records });
const send = (batch: unknown) => stream.publish(accessSubject, JSON.stringify(batch));

describe('what gateways answered', () => {
  test('is written down beside a change of the same key: neither waits for the other crosswise', async () => {
    const key = await aKey();
    const keyId = key.id;
    const secretId = key.secrets[0]?.id ?? null;
    const use = { keyId, secretId, timeMs: Date.now(), clientIp: '192.0.2.7', userAgent: null };
    let keeping: Promise<void> | undefined;
    // As a rotation does it: the key first, then its secrets.
    await spec.database.transaction(async ({ manager }) => {
      await manager.query('select 1 from api_key where id = $1 for update', [keyId]);
      keeping = requests.keep([], [use]);
      await eventually(async () => {
        const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        return (await spec.database.read((other) => other.query<unknown[]>(waiting))).length > 0;
      });
      await manager.query('update key_secret set expires_at = now() where key_id = $1', [keyId]);
    });
    await keeping;
    expect(await read(keyId)).toMatchObject({
      last_used_ip: '192.0.2.7',
      secrets: [{ last_used_at: expect.anything() as unknown }],
    });
  });

  test('can be read, newest first, with last use beside its key and its secret', async () => {
    const key = await aKey();
    const [first, second] = [aRecord(key, { time_ms: Date.now() - 5_000 }), aRecord(key, { status: 403, omitted: 7 })];
    await send(aBatch(first, second));
    const { items } = await eventually(async () => {
      const page = await list({ api_key_id: key.id });
      return page.items.length === 2 && page;
    });
    expect(items.map(({ request_id: id }) => id)).toEqual([second.request_id, first.request_id]);
    expect(items[0]).toEqual({
      request_id: second.request_id,
      time: new Date(second.time_ms).toISOString(),
      method: 'GET',
      path: '/v1/counterparties',
      route: 'GET /v1/counterparties/**',
      status: 403,
      duration_ms: 3,
      client_ip: '192.0.2.7',
      user_agent: 'spec/1',
      api_key_id: key.id,
      principal: { kind: 'user', id: 'usr_1' },
      omitted: 7,
    });
    const at = new Date(second.time_ms).toISOString();
    expect(await read(key.id)).toMatchObject({
      last_used_at: at,
      last_used_ip: '192.0.2.7',
      last_used_user_agent: 'spec/1',
      secrets: [{ last_used_at: at }],
    });
  });

  test('counts once, however often the batch is delivered', async () => {
    const key = await aKey();
    const batch = aBatch(aRecord(key), aRecord(key));
    for (let n = 0; n < 3; n++) await send(batch);
    const marker = await aKey();
    await send(aBatch(aRecord(marker)));
    await eventually(async () => (await list({ api_key_id: marker.id })).items.length > 0);
    expect((await list({ api_key_id: key.id })).items).toHaveLength(2);
  });

  test('that is no batch is put aside and stops nothing', async () => {
    const key = await aKey();
    await stream.publish(accessSubject, 'nonsense');
    await send({ id: newId('req', new Date()), records: [{}] });
    await send(aBatch({ ...aRecord(key), path: 'a zero \u0000 that Postgres does not take' }));
    await send(aBatch(aRecord(key)));
    await eventually(async () => (await list({ api_key_id: key.id })).items.length > 0);
    expect(reported.filter((line) => line.includes('put aside'))).toHaveLength(3);
  });

  test('of before the days that are kept is not taken in, and a clock that is ahead is not believed', async () => {
    const key = await aKey();
    const ahead = aRecord(key, { time_ms: Date.now() + 3_600_000 });
    await send(aBatch(aRecord(key, { time_ms: Date.now() - 31 * 86_400_000 }), ahead));
    const { items } = await eventually(async () => {
      const page = await list({ api_key_id: key.id });
      return page.items.length > 0 && page;
    });
    expect(items).toHaveLength(1);
    expect(Date.parse(items[0]?.time ?? '')).toBeLessThanOrEqual(Date.now());
  });

  test('moves last use once in 55 seconds of the clock', async () => {
    const key = await aKey();
    const seen = async (record: AccessRecord) => {
      await send(aBatch(record));
      await eventually(async () =>
        (await list({ api_key_id: key.id })).items.some((item) => item.request_id === record.request_id),
      );
    };
    const [first, second] = [aRecord(key), aRecord(key)].map((record, at) => ({
      ...record,
      time_ms: record.time_ms - 2_000 + at * 1_000,
    })) as [AccessRecord, AccessRecord];
    await seen(first);
    await seen(second);
    expect((await read(key.id))?.last_used_at).toBe(new Date(first.time_ms).toISOString());
    clock = new Date(clock.getTime() + 55_000);
    await eventually(async () => (await read(key.id))?.last_used_at === new Date(second.time_ms).toISOString());
  });

  test('that an end left unwritten is found again at the start', async () => {
    const key = await aKey();
    const record = aRecord(key);
    await requests.keep([aBatch(record)], []);
    expect(await requests.unwritten()).toContainEqual(
      expect.objectContaining({ keyId: key.id, timeMs: record.time_ms }),
    );
    await requests.keep([], [{ ...(await requests.unwritten()).find(({ keyId }) => keyId === key.id)! }]);
    expect(await requests.unwritten()).not.toContainEqual(expect.objectContaining({ keyId: key.id }));
    expect((await read(key.id))?.last_used_at).toBe(new Date(record.time_ms).toISOString());
  });
});

describe('a list', () => {
  test('is of the own organization alone, whatever is asked for', async () => {
    const key = await aKey();
    await requests.keep([aBatch(aRecord(key))], []);
    const stranger = newId('org', new Date());
    expect((await list({}, stranger)).items).toEqual([]);
    expect((await list({ api_key_id: key.id }, stranger)).items).toEqual([]);
    expect((await list({ service_account_id: 'usr_1' }, stranger)).items).toEqual([]);
  });

  test('comes in pages that neither repeat nor miss a row, also where times are equal', async () => {
    const key = await aKey();
    const time_ms = Date.now() - 1_000;
    const records = Array.from({ length: 25 }, (_, at) => aRecord(key, { time_ms: time_ms + (at >> 3) }));
    await requests.keep([aBatch(...records.slice(0, 13)), aBatch(...records.slice(13))], []);
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await list({ api_key_id: key.id, limit: 4, ...(cursor === undefined ? {} : { cursor }) });
      ids.push(...page.items.map(({ request_id: id }) => id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(ids).toHaveLength(25);
    expect(new Set(ids)).toEqual(new Set(records.map(({ request_id: id }) => id)));
    const { next_cursor } = await list({ api_key_id: key.id, limit: 4 });
    await expect(list({ limit: 4, cursor: next_cursor ?? '' })).rejects.toMatchObject({ code: 'invalid_cursor' });
  });

  test('is cut by time and by principal', async () => {
    const key = await aKey();
    const nowMs = Date.now() - 10_000;
    const records = [0, 1, 2].map((at) => aRecord(key, { time_ms: nowMs + at * 1_000, principal_id: `sa_${at}` }));
    await requests.keep([aBatch(...records)], []);
    const at = (n: number) => new Date(nowMs + n * 1_000).toISOString();
    const found = async (filter: RequestInputOf<typeof ApiKey.requests>) =>
      (await list({ api_key_id: key.id, ...filter })).items.map(({ principal }) => principal.id);
    expect(await found({ since: at(1) })).toEqual(['sa_2', 'sa_1']);
    expect(await found({ until: at(1) })).toEqual(['sa_0']);
    expect(await found({ service_account_id: 'sa_1' })).toEqual(['sa_1']);
    expect(await found({ since: '0001-01-01T00:00:00Z', until: '9999-12-31T23:59:59.999Z' })).toHaveLength(3);
  });

  test.each([
    ['an organization', {}, /request_\d+_\d+_\d+_organization_id_time_batch_place_idx/],
    ['a key', { keyId: 'key_plan' }, /request_\d+_\d+_\d+_organization_id_api_key_id_time_/],
    ['a principal', { principalId: 'usr_plan' }, /request_\d+_\d+_\d+_organization_id_principal_id_time_/],
  ])('of %s is read by its index, without a sort', async (_what, filter, index) => {
    // Yesterday, today and tomorrow have as many each, whatever the time is: a small partition is read as a whole.
    const day = 86_400_000;
    const fromMs = (Math.floor(Date.now() / day) - 1) * day;
    const rows = Array.from({ length: 4_000 }, (_, at) =>
      aRecord(
        { id: `key_${at % 50}`, secrets: [] },
        {
          time_ms: fromMs + Math.floor((at * 3 * day) / 4_000),
          organization_id: `org_${at % 7}`,
          principal_id: `usr_${at % 50}`,
        },
      ),
    );
    await requests.keep([aBatch(...rows)], []);
    const plan = await spec.database.read(async (manager) => {
      await manager.query('analyze request');
      const query = listQuery(
        { organizationId: 'org_1', since: new Date(0), after: { time: new Date(), batch: 'x', place: 1 }, ...filter },
        51,
      );
      const lines = await manager.query<{ 'QUERY PLAN': string }[]>(`explain ${query.text}`, query.values);
      return lines.map((line) => line['QUERY PLAN']).join('\n');
    });
    expect(plan).toMatch(index);
    expect(plan).not.toMatch(/Sort|Seq Scan/);
  });
});

test('days that are over are dropped one by one, and a day that is not quite over stays', async () => {
  const partitions = async () =>
    (
      await spec.database.read((manager) =>
        manager.query<{ name: string }[]>(
          `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'request'::regclass order by 1`,
        ),
      )
    ).map(({ name }) => name);
  const key = await aKey();
  const day = (back: number) => aRecord(key, { time_ms: Date.UTC(2026, 0, 10 - back, 12) });
  await requests.keep([aBatch(day(0), day(1), day(2), day(3))], []);
  const now = () => new Date(Date.UTC(2026, 0, 9 + days, 13));
  const forget = new ForgetRequests({ requests, now, days, report: (line) => void reported.push(line) });
  await forget.run();
  const left = await partitions();
  expect(left.filter((name) => name.startsWith('request_2026_01_'))).toEqual([
    'request_2026_01_09',
    'request_2026_01_10',
  ]);
  // The day is made again where a row of it still comes.
  await requests.keep([aBatch(day(3))], []).catch(() => requests.keep([aBatch(day(3))], []));
});
