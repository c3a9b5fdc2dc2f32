// node bench/audit.mjs [--quick], or npm run bench -- --only audit
//
// What the record costs: the audit service as its own process takes events from the stream into the Merkle log, and right after that the same
// rows are written by a bare batched insert into a table with the same indexes, round by round. Postgres is durable, as in the product.
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { ensureStreams, natsUsers, publishEvent } from '@portcullis/bus';
import { busUsers, completeEvent, newId } from '@portcullis/contracts';
import { KeyEncryption } from '@portcullis/credentials';
import { findNatsServer, startNats, startPostgres } from '@portcullis/embedded';
import { eventLeafHash, formatExportLine, Frontier, inclusionVerifies, LogVerifier } from '@portcullis/merkle-log';
import { Database } from '@portcullis/persistence';
import { auditDatabase } from '../apps/audit/dist/audit.module.js';
import { binaryArray } from '../apps/audit/dist/binary-array.js';
import { LogKeys } from '../apps/audit/dist/log/log-keys.js';
import { LogStore } from '../apps/audit/dist/log/log.store.js';
import { Log } from '../apps/audit/dist/log/log.js';
import { cpuSeconds, family, here, start, stopAll } from './programs.mjs';
import { median, quantile } from './rounds.mjs';

const goals = { perSecond: 10_000, ratio: 0.8 };
const batch = 1_000;
/** What a process takes in before it is measured: what is cold is nobody's figure. */
const warm = 10_000;
const password = 'bench';
const quiet = () => undefined;

export const auditExtent = (quick) =>
  quick
    ? { rounds: 3, events: 10_000, lagSeconds: 5, leaves: 100_000, proofs: 300 }
    : { rounds: 5, events: 30_000, lagSeconds: 20, leaves: 1_000_000, proofs: 2_000 };

/** @returns `append` (rounds and medians), `lags` (at a hundred a second, and at half of what was appended), `proof`, `verification` */
export async function measureAudit({ rounds, events, lagSeconds, leaves, proofs, tell }) {
  const home = mkdtempSync(join(tmpdir(), 'portcullis-bench-audit-'));
  chmodSync(home, 0o755);
  const servers = [];
  try {
    const postgres = await startPostgres({
      dataDirectory: join(home, 'postgres'),
      password,
      durable: true,
      log: quiet,
    });
    servers.push(postgres);
    const nats = await startNats({
      binary: await findNatsServer(here('../node_modules/.cache/portcullis'), quiet),
      users: [
        ...natsUsers(Object.fromEntries(busUsers.map((user) => [user, password]))),
        { user: 'admin', password, publish: { allow: ['>'] }, subscribe: { allow: ['>'] } },
      ],
      storeDirectory: join(home, 'nats'),
      log: quiet,
    });
    servers.push(nats);
    const client = new pg.Client({ connectionString: postgres.url() });
    client.on('error', () => undefined); // its server stops first when something has failed, and that is what is to be told
    await client.connect();
    await client.query('create schema audit; set search_path to audit');
    const admin = await connect({ servers: nats.url(), user: 'admin', pass: password });
    await ensureStreams(admin);
    const key = randomBytes(32).toString('base64');
    const stage = { postgres, nats, client, admin, stream: jetstream(admin), key, tell };
    const append = await measureAppends(stage, { rounds, events });
    const busy = Math.round(append.perSecond / 2);
    const lags = [await measureLag(stage, 100, lagSeconds), await measureLag(stage, busy, lagSeconds)];
    const proof = await growAndProve(stage, { leaves, proofs });
    await admin.close();
    await client.end();
    return { append, lags, proof, verification: measureVerification(leaves) };
  } finally {
    for (const server of servers) await server.stop();
    for (const path of [home, ...servers.map(({ dataDirectory }) => dataDirectory)])
      if (path) rmSync(path, { recursive: true, force: true });
  }
}

async function measureAppends(stage, { rounds, events }) {
  const { client, postgres, nats, tell } = stage;
  const seen = [];
  for (let round = 0; round < rounds; round++) {
    const before = await sizeOf(client);
    await publish(stage.stream, warm + events);
    const audit = await startAudit(stage);
    const pids = () => ({
      audit: cpuSeconds([audit.pid]),
      nats: cpuSeconds([nats.pid]),
      postgres: cpuSeconds(family(postgres.pid)),
    });
    let first;
    let now;
    do {
      now = { size: await sizeOf(client), at: performance.now() };
      if (!first && now.size >= before + warm) first = { ...now, cpu: pids() };
      await new Promise((resolve) => setTimeout(resolve, 20));
    } while (now.size < before + warm + events);
    const cpu = pids();
    await audit.stop();
    const kept = now.size - first.size;
    const perSecond = (kept / (now.at - first.at)) * 1_000;
    const bare = await insertBare(stage, before + warm);
    const micros = Object.fromEntries(Object.keys(cpu).map((of) => [of, ((cpu[of] - first.cpu[of]) / kept) * 1e6]));
    seen.push({ perSecond, bare: bare.perSecond, ratio: perSecond / bare.perSecond, micros, bareMicros: bare.micros });
    tell(`${perSecond.toFixed(0)} events a second into the log, ${bare.perSecond.toFixed(0)} by a bare insert.`);
  }
  const middle = (of) => median(seen.map(of));
  return {
    rounds: seen,
    perSecond: middle((one) => one.perSecond),
    bare: middle((one) => one.bare),
    ratio: middle((one) => one.ratio),
    micros: Object.fromEntries(['audit', 'postgres', 'nats'].map((of) => [of, middle((one) => one.micros[of])])),
    bareMicros: middle((one) => one.bareMicros),
  };
}

/** The rows that came since `from`, by a client that does nothing else, a transaction for a thousand. */
async function insertBare({ client, postgres }, from) {
  const columns =
    'leaf_index, id, time, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id, request_id, salt, body';
  const { rows } = await client.query({
    text: `select leaf_index::text, id, time::text, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id,
                  request_id, salt, body::text from event where leaf_index >= $1 order by leaf_index`,
    values: [from],
    rowMode: 'array',
  });
  await client.query(
    'drop table if exists bare; create table bare (like event including defaults including generated including indexes)',
  );
  const types = columns.split(', ').map((name) => ({ salt: 'bytea', body: 'json' })[name] ?? 'text');
  const casts = { leaf_index: 'leaf_index::bigint', time: 'time::timestamptz' };
  const text = `insert into bare (${columns})
    select ${columns.replace(/\w+/g, (name) => casts[name] ?? name)}
      from unnest(${types.map((type, at) => `$${at + 1}::${type}[]`).join(', ')}) as batch (${columns})`;
  const [began, before] = [performance.now(), used(postgres)];
  for (let at = 0; at < rows.length; at += batch) {
    const some = rows.slice(at, at + batch);
    await client.query(
      text,
      types.map((type, column) =>
        binaryArray(
          type,
          some.map((row) => row[column]),
        ),
      ),
    );
  }
  const perSecond = (rows.length / (performance.now() - began)) * 1_000;
  return { perSecond, micros: ((used(postgres) - before) / rows.length) * 1e6 };
}

/** With this process, which is the client. */
const used = (postgres) => cpuSeconds([process.pid, ...family(postgres.pid)]);

/** From the call that puts an event on the stream until `audit` says that its leaf is committed; evenly, in steps of 10 ms. */
async function measureLag(stage, perSecond, seconds) {
  const audit = await startAudit(stage);
  const began = new Map();
  const times = [];
  let isWarm = false;
  const listening = stage.admin.subscribe('committed.api-key', {
    callback: (_fault, message) => {
      for (const id of message.json()) {
        if (!began.has(id)) continue;
        if (isWarm) times.push(performance.now() - began.get(id));
        began.delete(id);
      }
    },
  });
  const start = performance.now();
  let published = 0;
  for (let at = 0; at < seconds * 1_000; at = performance.now() - start) {
    isWarm = at > 3_000;
    while (published < (at / 1_000) * perSecond) {
      const event = anEvent(published++);
      began.set(event.id, performance.now());
      void publishEvent(stage.stream, event);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  while (began.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  listening.unsubscribe();
  await audit.stop();
  return { perSecond: published / seconds, count: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** Inclusion proofs of a log of `leaves`, which are grown by the service's own code and have no events. */
async function growAndProve(stage, { leaves, proofs }) {
  const { database, store, log } = await openLog(stage);
  const began = performance.now();
  let { size } = await store.head();
  while (size < leaves) {
    const some = Array.from({ length: Math.min(10_000, leaves - size) }, () => randomBytes(32));
    await log.locked((tx, head) => log.grow(tx.manager, head, some));
    size += some.length;
  }
  const growSeconds = (performance.now() - began) / 1_000;
  const proved = await measureProofs(log, await store.head(), proofs);
  await database.close();
  return { growSeconds, ...proved };
}

/** The record's own code, as one replica has it. */
export async function openLog({ postgres, key }) {
  const database = await Database.open({ ...auditDatabase, url: postgres.url() });
  const store = new LogStore(database);
  const keys = new LogKeys(database, store, { encryption: KeyEncryption.parse(key), days: 365 });
  return { database, store, log: new Log(database, store, keys) };
}

/** Of leaves anywhere in the tree; each proof is verified, beside the clock. */
export async function measureProofs(log, { size, root }, proofs) {
  const times = [];
  for (let nth = 0; nth < proofs; nth++) {
    const index = Math.floor(Math.random() * size);
    const leafHash = await log.leafHash(index);
    const asked = performance.now();
    const proof = await log.inclusion(index, size);
    times.push(performance.now() - asked);
    if (!inclusionVerifies({ index, size, leafHash, root, hashes: proof }))
      throw new Error(`the proof of leaf ${index} does not verify`);
  }
  return { leaves: size, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** An export of `leaves` open events through the verifier, without reading a disk. */
function measureVerification(leaves) {
  const known = Array.from({ length: 10_000 }, (_, n) => {
    const [event, salt] = [anEvent(n), randomBytes(32)];
    return { leafHash: eventLeafHash(event, salt), salt, event };
  });
  const tree = new Frontier();
  for (let index = 0; index < leaves; index++) tree.appendOne(known[index % known.length].leafHash);
  const checkpoint = {
    origin: 'bench',
    size: leaves,
    root: tree.root(),
    extensions: [],
    signatures: [],
    cosignatures: [],
  };
  const verifier = new LogVerifier({ checkpoints: [checkpoint] });
  let milliseconds = 0;
  for (let at = 0; at < leaves; at += known.length) {
    const lines = known
      .slice(0, leaves - at)
      .map(({ leafHash, salt, event }, nth) => formatExportLine(at + nth, leafHash, { salt, event }));
    const began = performance.now();
    for (const line of lines) verifier.add(line);
    milliseconds += performance.now() - began;
  }
  const verdict = verifier.end();
  if (!verdict.ok || verdict.proven !== leaves) throw new Error('the export does not verify');
  return { leaves, seconds: milliseconds / 1_000 };
}

const now = new Date();
const anEvent = (n) =>
  completeEvent(
    {
      organization_id: 'org_bench',
      action: 'api-key.created',
      actor: { kind: 'user', id: `usr_${n % 50}`, credential_id: `ses_${n % 200}` },
      resource: { kind: 'api-key', id: newId('key', now) },
      request_id: newId('req', now),
      client_ip: '192.0.2.1',
      details: { name: `key ${n}`, permissions: ['accounts:view', 'transactions:create'], networks: [] },
    },
    { id: newId('evt', now), time: now, service: 'api-key' },
  );

async function publish(stream, count) {
  for (let at = 0; at < count; at += 500)
    await Promise.all(
      Array.from({ length: Math.min(500, count - at) }, (_, n) => publishEvent(stream, anEvent(at + n))),
    );
}

const startAudit = ({ nats, postgres, key }) =>
  start(process.execPath, [here('../apps/audit/dist/main.js')], {
    env: {
      NATS_URL: nats.url({ user: 'audit', password }),
      DATABASE_URL: postgres.url(),
      PORTCULLIS_PUBLIC_URL: 'http://bench.example',
      PORTCULLIS_KEY_ENCRYPTION_KEY: key,
    },
  });

/** 0 before the first start, which makes the tables. */
const sizeOf = (client) =>
  client.query('select size from log_head').then(
    ({ rows }) => Number(rows[0].size),
    () => 0,
  );

export function auditTables({ append, lags, proof, verification }) {
  const { micros } = append;
  return [
    '| the record | ours | bare batched insert | ratio | goal | reached |\n|---|---|---|---|---|---|',
    `| events a second, from the stream to a leaf in a signed tree | ${thousands(append.perSecond)} | ${thousands(append.bare)} | ` +
      `**${append.ratio.toFixed(2)}** | ≥ ${thousands(goals.perSecond)}, ≥ ${goals.ratio} | ` +
      `${append.perSecond >= goals.perSecond ? 'yes' : 'no'}, ${append.ratio >= goals.ratio ? 'yes' : 'no'} |`,
    `| µs CPU an event: audit, Postgres, NATS | ${micros.audit.toFixed(0)}, ${micros.postgres.toFixed(0)}, ${micros.nats.toFixed(0)} | ` +
      `client and Postgres ${append.bareMicros.toFixed(0)} | | | |`,
    ...lags.map(
      ({ perSecond, p50, p99 }) =>
        `| lag from the stream to a committed leaf, ${thousands(perSecond)} a second | p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms | | | | |`,
    ),
    `| inclusion proof at ${thousands(proof.leaves)} leaves | p50 ${proof.p50.toFixed(2)} ms, p99 ${proof.p99.toFixed(2)} ms | | | | |`,
    `| an export of ${thousands(verification.leaves)} events verified | ${verification.seconds.toFixed(1)} s | | | | |`,
  ].join('\n');
}

const thousands = (number) => Math.round(number).toLocaleString('en');

if (process.argv[1] === here('./audit.mjs')) {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' } } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().then(() => process.exit(130)));
  try {
    console.log(auditTables(await measureAudit({ ...auditExtent(values.quick), tell: (line) => console.error(line) })));
  } finally {
    await stopAll();
  }
}
