// node bench/audit-lists.mjs [--events 10000000]
//
// How long a list of the record takes when there are ten million events, by each filter: its first page and pages anywhere further back;
// and an inclusion proof. The rows are made inside Postgres, with salts and leaf hashes that are what they would be, and a part of them is
// held against the log. What is asked is the service's own code, without bus and gateway. 15 GB of disk, a quarter of an hour.
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startPostgres } from '@portcullis/embedded';
import { eventLeafHash } from '@portcullis/merkle-log';
import { EventStore } from '../apps/audit/dist/event.store.js';
import { measureProofs, openLog } from './audit.mjs';
import { stopAll } from './programs.mjs';
import { quantile } from './rounds.mjs';

const goalMilliseconds = 50;
const chunk = 100_000;
const pageEvents = 50;
const began = new Date('2026-01-01T00:00:00Z');
const secondsApart = 0.5;
const tell = (line) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);

/**
 * Event `n`: of twenty organizations the first has half; of 50,000 actors a few are in most events; a third of the resources are new ones;
 * imports were a tenth of all once and have not been since; one event in a hundred is ten minutes late, all others by up to two seconds.
 */
const made = `
  select n, id, time, organization_id, kinds.action, outcome, actor_id, credential_id, kinds.kind as resource_kind, resource_id, request_id, salt
    from (select n, 'evt_' || lpad(upper(to_hex(n)), 26, '0') as id,
                 date_trunc('milliseconds', $3::timestamptz + n * interval '${secondsApart} seconds' - random() * interval '2 seconds'
                   - case when n % 100 = 0 then interval '10 minutes' else '0' end) as time,
                 'org_' || lpad((20 * power(random(), 4.3))::int::text, 26, '0') as organization_id,
                 case when n < $4::bigint / 5 and n % 2 = 0 then 6 else (6 * power(random(), 2))::int end as kind_number,
                 case when random() < 0.03 then 'denied' when random() < 0.01 then 'failure' else 'success' end as outcome,
                 'usr_' || lpad((50000 * power(random(), 3))::int::text, 26, '0') as actor_id,
                 'ses_' || lpad((200000 * power(random(), 3))::int::text, 26, '0') as credential_id,
                 'key_' || lpad((case when n % 3 = 0 then n + 1000000 else (100000 * power(random(), 2))::int end)::text, 26, '0') as resource_id,
                 'req_' || lpad(upper(to_hex(n * 2 / 3)), 26, '0') as request_id,
                 sha256(int8send(n) || $5::bytea) as salt
            from generate_series($1::bigint, $2::bigint - 1) as n) as drawn
    join (values (0, 'token.issued', 'token'), (1, 'request.denied', 'route'), (2, 'session.created', 'session'), (3, 'record.viewed', 'audit-events'),
                 (4, 'api-key.created', 'api-key'), (5, 'api-key.revoked', 'api-key'), (6, 'api-key.imported', 'api-key'))
         as kinds (number, action, kind) on kinds.number = kind_number`;

/** RFC 8785: members in order, nothing between them, and no character that would have to be escaped. */
const text = `'{"action":"' || action || '","actor":{"credential_id":"' || credential_id || '","id":"' || actor_id || '","kind":"user"},"client_ip":"192.0.2.1",'
  || '"count":1,"details":{"name":"key ' || n || '"},"id":"' || id || '","organization_id":"' || organization_id || '","outcome":"' || outcome
  || '","reason":null,"request_id":"' || request_id || '","resource":{"id":"' || resource_id || '","kind":"' || resource_kind
  || '"},"service":"api-key","time":"' || to_char(time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"}'`;

/** The leaf hashes of a range, side by side: SHA-256(0x00 ‖ {"event":…,"hash":…}), the hash being SHA-256(salt ‖ text). */
const leafHashes = `
  select string_agg(sha256('\\x00'::bytea || convert_to('{"event":"' || id || '","hash":"' ||
           encode(sha256(salt || convert_to(body::text, 'UTF8')), 'base64') || '"}', 'UTF8')), ''::bytea order by leaf_index) as hashes
    from event where leaf_index >= $1 and leaf_index < $2`;

async function fill(client, { store, log }, events) {
  await log.begin('bench');
  const { rows: indexes } = await client.query(
    `select indexname as name, indexdef as text from pg_indexes
      where schemaname = 'audit' and tablename = 'event' and indexname like 'event_by_%'`,
  );
  for (const { name } of indexes) await client.query(`drop index ${name}`);
  const secret = randomBytes(16);
  for (let from = 0; from < events; from += chunk) {
    const to = Math.min(from + chunk, events);
    await client.query(
      `insert into event (leaf_index, id, time, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id, request_id, salt, body)
       select n, id, time, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id, request_id, salt, (${text})::json
         from (${made}) as made order by n`,
      [from, to, began, events, secret],
    );
    const { rows } = await client.query(leafHashes, [from, to]);
    const { hashes } = rows[0];
    const leaves = Array.from({ length: to - from }, (_, at) => hashes.subarray(at * 32, (at + 1) * 32));
    await log.locked((tx, head) => log.grow(tx.manager, head, leaves));
    if (to % 1_000_000 === 0) tell(`${to} events and their leaves`);
  }
  await client.query('update log_size set size = $1', [events]);
  for (const { name, text } of indexes) {
    await client.query(text);
    tell(name);
  }
  await client.query('vacuum analyze event');
  await client.query('vacuum analyze stretch');
  await client.query('checkpoint');
  return store.head();
}

/** Whether rows made in SQL are what the service would have made. */
async function holdAgainstLog(client, log, events) {
  for (let nth = 0; nth < 1_000; nth++) {
    const index = Math.floor(Math.random() * events);
    const { rows } = await client.query('select salt, body from event where leaf_index = $1', [index]);
    if (!eventLeafHash(rows[0].body, rows[0].salt).equals(await log.leafHash(index)))
      throw new Error(`the event of index ${index} is not what its leaf says`);
  }
}

/** Each filter with values of events that are there, drawn alike from all: what is frequent is asked for often. */
const filters = {
  nothing: () => ({}),
  actor: ({ actor }) => ({ actor: actor.id }),
  'actor (a credential)': ({ actor }) => ({ actor: actor.credential_id }),
  action: ({ action }) => ({ action }),
  'action that has not been for long': () => ({ action: 'api-key.imported' }),
  'resource (an id)': ({ resource }) => ({ resource: resource.id }),
  'resource (a kind)': ({ resource }) => ({ resource: resource.kind }),
  'outcome denied': () => ({ outcome: 'denied' }),
  request_id: ({ request_id }) => ({ request_id }),
  since: ({ time }) => ({ since: time }),
  until: ({ time }) => ({ until: time }),
  'since and until, ten minutes': ({ time }) => ({ since: minutes(time, -5), until: minutes(time, 5) }),
  'actor, since and until, a day': ({ actor, time }) => ({
    actor: actor.id,
    since: minutes(time, -720),
    until: minutes(time, 720),
  }),
  'action, outcome denied': ({ action }) => ({ action, outcome: 'denied' }),
};
const minutes = (time, some) => new Date(Date.parse(time) + some * 60_000).toISOString();

async function measureLists(client, store, events, pages) {
  const drawn = async () => {
    const { rows } = await client.query('select leaf_index::int as index, body from event where leaf_index = $1', [
      Math.floor(Math.random() * events),
    ]);
    return rows[0];
  };
  const results = [];
  for (const [name, filterOf] of Object.entries(filters)) {
    const times = { first: [], deep: [] };
    let found = 0;
    for (let nth = 0; nth < pages; nth++)
      for (const depth of ['first', 'deep']) {
        const { body } = await drawn();
        const before = depth === 'deep' ? (await drawn()).index : undefined;
        const filter = { organizationId: body.organization_id, installation: false, before, ...filterOf(body) };
        const asked = performance.now();
        const page = await store.list(filter, pageEvents + 1, 10_000);
        times[depth].push(performance.now() - asked);
        found += page.found.length;
      }
    const [first, deep] = ['first', 'deep'].map((depth) => ({
      p50: quantile(times[depth], 0.5),
      p99: quantile(times[depth], 0.99),
    }));
    results.push({ name, first, deep, found: found / pages / 2 });
    tell(`${name}: first ${spell(first)}, deep ${spell(deep)}`);
  }
  return results;
}

const spell = ({ p50, p99 }) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;

function table(lists, proof, events) {
  const reached = ({ first, deep }) => (Math.max(first.p99, deep.p99) < goalMilliseconds ? 'yes' : 'no');
  return [
    `| a page of ${pageEvents} of ${events.toLocaleString('en')} events by | first p50 | p99 | deep p50 | p99 | events on it | p99 < ${goalMilliseconds} ms |\n|---|---|---|---|---|---|---|`,
    ...lists.map((one) => {
      const figures = [one.first.p50, one.first.p99, one.deep.p50, one.deep.p99].map((ms) => `${ms.toFixed(1)} ms`);
      return `| ${one.name} | ${figures.join(' | ')} | ${one.found.toFixed(0)} | ${reached(one)} |`;
    }),
    `| an inclusion proof | ${proof.p50.toFixed(2)} ms | ${proof.p99.toFixed(2)} ms | | | | |`,
  ].join('\n');
}

const { values } = parseArgs({
  options: { events: { type: 'string', default: '10000000' }, pages: { type: 'string', default: '500' } },
});
const [events, pages] = [Number(values.events), Number(values.pages)];
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().then(() => process.exit(130)));
const home = mkdtempSync(join(tmpdir(), 'portcullis-bench-lists-'));
chmodSync(home, 0o755);
const log = () => undefined;
const postgres = await startPostgres({ dataDirectory: join(home, 'postgres'), password: 'bench', durable: true, log });
try {
  const client = new pg.Client({ connectionString: postgres.url() });
  client.on('error', () => undefined);
  await client.connect();
  await client.query("create schema audit; set search_path to audit; set maintenance_work_mem to '512MB'");
  const record = await openLog({ postgres, key: randomBytes(32).toString('base64') });
  const head = await fill(client, record, events);
  await holdAgainstLog(client, record.log, events);
  const proof = await measureProofs(record.log, head, 5_000);
  const lists = await measureLists(client, new EventStore(record.database), events, pages);
  console.log(table(lists, proof, events));
  const { rows } = await client.query('select pg_size_pretty(pg_database_size(current_database())) as size');
  tell(`${rows[0].size} in Postgres`);
  await record.database.close();
  await client.end();
} finally {
  await postgres.stop();
  for (const path of [home, postgres.dataDirectory]) rmSync(path, { recursive: true, force: true });
}
