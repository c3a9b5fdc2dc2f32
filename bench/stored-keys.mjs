// node bench/stored-keys.mjs [--sizes 1000,1000000,10000000]: what the first use of a key takes, by how many keys are stored.
//
// One whole Portcullis for each size, all running at once; the sizes take turns, a hundred first uses each. Most keys are written
// straight into the tables, as copies of one that was made by the API; those that are used lie evenly among them.
import { parseArgs } from 'node:util';
import pg from 'pg';
import { mintApiKey } from '@portcullis/credentials';
import { freePort, here, Load, requestText, start, stopAll } from './programs.mjs';
import { startPortcullis } from './portcullis.mjs';
import { quantile } from './rounds.mjs';

const { values } = parseArgs({ options: { sizes: { type: 'string', default: '1000,1000000,10000000' } } });
const sizes = values.sizes.split(',').map(Number);
const used = 1_000;
const aRound = 100;
const goal = 1.3;

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().then(() => process.exit(130)));
const load = new Load();
const stacks = [];
try {
  const upstreamPort = await freePort();
  await start(process.execPath, [here('./peers/upstream.mjs')], { env: { PORT: String(upstreamPort) } });
  for (const size of sizes) {
    const portcullis = await startPortcullis(upstreamPort);
    stacks.push({ size, portcullis, times: [] });
    const began = performance.now();
    const texts = await fill(portcullis, size);
    console.error(`${size} keys stored, ${Math.round((performance.now() - began) / 1000)} s.`);
    stacks.at(-1).requests = texts.map((text) =>
      requestText(portcullis.port, '/v1/counterparties/cp_1', { headers: { Authorization: `Bearer ${text}` } }),
    );
  }
  for (const { portcullis } of stacks) await warm(portcullis);
  for (let round = 0; round < used / aRound; round++) {
    for (const { portcullis, requests, times } of round % 2 === 0 ? stacks : stacks.toReversed()) {
      const once = requests.slice(round * aRound, (round + 1) * aRound);
      const result = await load.run({ port: portcullis.port, requests: once, connections: 1, status: 200, once: true });
      times.push(...result.times);
    }
  }
  const [least] = stacks;
  const p99 = ({ times }) => quantile(times, 0.99);
  console.log(
    '| keys stored | first use p50 | p99 | max | p99 against the least | goal | reached |\n|---|---|---|---|---|---|---|',
  );
  for (const stack of stacks) {
    const ratio = p99(stack) / p99(least);
    const told = stack === least ? '| | |' : `**${ratio.toFixed(2)}** | ≤ ${goal} | ${ratio <= goal ? 'yes' : 'no'} |`;
    console.log(
      `| ${stack.size.toLocaleString('en')} | ${ms(quantile(stack.times, 0.5))} | ${ms(p99(stack))} | ${ms(Math.max(...stack.times))} | ${told}`,
    );
  }
} finally {
  load.stop();
  for (const { portcullis } of stacks) await portcullis.stop();
  await stopAll();
}

/** Stores `size` keys. Answers those that can be used, in an order that has nothing to do with where they lie. */
async function fill(portcullis, size) {
  const { id: model } = await portcullis.createKey(['bearer']);
  const step = size / used;
  const texts = [];
  await withDatabase(portcullis, async (query) => {
    const columns = async (table, replaced) => {
      const rows = await query(
        `select column_name as name from information_schema.columns where table_schema = 'api_key' and table_name = '${table}'`,
      );
      const names = rows.map(({ name }) => name);
      return `insert into ${table} (${names}) select ${names.map((name) => replaced[name] ?? `m.${name}`)}`;
    };
    // Ids sort by the time that a key was made, like real ones.
    const id = (prefix) => `'${prefix}_' || lpad(upper(to_hex(n)), 26, '0')`;
    const keys = await columns('api_key', { id: id('key'), client_id: 'null' });
    const secrets = await columns('key_secret', {
      id: id('sec'),
      key_id: id('key'),
      lookup: `case when n % ${step} = 0 then $2 else translate(encode(substring(sha256(n::text::bytea), 1, 9), 'base64'), '+/', 'xy') end`,
      sha256: `case when n % ${step} = 0 then $3 else encode(sha256(('secret ' || n)::bytea), 'hex') end`,
    });
    await query('set search_path = api_key');
    const [{ id: modelSecret }] = await query('select id from key_secret where key_id = $1', [model]);
    await query('set session_replication_role = replica'); // foreign keys hold by how the rows are made
    const indexes = await query(
      `select indexname as name, indexdef as sql from pg_indexes
        where schemaname = 'api_key' and tablename in ('api_key', 'key_secret')
          and not exists (select from pg_constraint where conname = indexname)`,
    );
    for (const { name } of indexes) await query(`drop index ${name}`);
    await query('alter table key_secret drop constraint key_secret_lookup_key');
    await query('set synchronous_commit = off');
    for (let at = 0; at < used; at++) {
      const { text, lookup, sha256 } = mintApiKey('ptc');
      texts.push(text.reveal());
      const series = `generate_series(${at * step}, ${(at + 1) * step - 1}) n`;
      await query(`${keys} from api_key m, ${series} where m.id = $1`, [model]);
      // By its primary key: the index over `key_id` is away.
      await query(`${secrets} from key_secret m, ${series} where m.id = $1`, [modelSecret, lookup, sha256]);
    }
    await query('set maintenance_work_mem = 1000000'); // kB
    await query('alter table key_secret add constraint key_secret_lookup_key unique (lookup)');
    for (const { sql } of indexes) await query(sql);
    await query('vacuum analyze');
    await query('checkpoint');
  });
  return texts.sort();
}

/** Every page that a first use may need is read once, and the processes are warm: 300 first uses of other keys. */
async function warm(portcullis) {
  await withDatabase(portcullis, async (query) => {
    await query('set search_path = api_key');
    await query('select sum(length(name)) from api_key');
    await query('select sum(length(sha256)) from key_secret');
    await query('set enable_seqscan = off');
    await query('select count(*) from (select lookup from key_secret order by lookup) every');
    await query('select count(*) from (select id from api_key order by id) every');
  });
  const requests = [];
  for (let at = 0; at < 300; at++) {
    const { credentials } = await portcullis.createKey(['bearer']);
    requests.push(
      requestText(portcullis.port, '/v1/counterparties/cp_1', {
        headers: { Authorization: `Bearer ${credentials.bearer_token}` },
      }),
    );
  }
  await load.run({ port: portcullis.port, requests, connections: 1, status: 200, once: true });
}

async function withDatabase(portcullis, work) {
  const client = new pg.Client({ connectionString: portcullis.databaseUrl('portcullis') });
  await client.connect();
  try {
    await work(async (sql, values) => (await client.query(sql, values)).rows);
  } finally {
    await client.end();
  }
}

function ms(milliseconds) {
  return `${milliseconds.toFixed(1)} ms`;
}
