// node bench/revocation.mjs [--quick], or npm run bench -- --only revocation
//
// How long it takes from DELETE /v1/api-keys/:id to the answer that every gateway refuses the key, beside a NATS round trip that is
// measured in the same seconds; and what leases cost.
import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { cpuSeconds, family, freePort, here, Load, requestText, start, stopAll } from './programs.mjs';
import { startPortcullis } from './portcullis.mjs';
import { median, quantile } from './rounds.mjs';

/** Requests a second over all gateways: they are at work, and no processor is full. */
const loadPerSecond = 300;
const goalMilliseconds = 25;
const goalRoundTrips = 5;
const enforcers = 100;
const pingsForEach = 5;
const authorities = ['identity', 'api-key', 'client-registry'];

/** @returns `revocations`, a row for each arrangement, and `leases`, what each process uses without and with them */
export async function measureRevocation({ keys, seconds, tell }) {
  const upstreamPort = await freePort();
  const upstream = await start(process.execPath, [here('./peers/upstream.mjs')], {
    env: { PORT: String(upstreamPort) },
  });
  const revocations = [];
  let leases;
  try {
    for (const gateways of [1, 3]) {
      tell(`Starting portcullis up with ${gateways === 1 ? 'one gateway' : `${gateways} gateways`}.`);
      const portcullis = await startPortcullis(upstreamPort, { gateways });
      const echo = await start(process.execPath, [here('./peers/nats-echo.mjs')], {
        env: { NATS_URL: portcullis.natsUrl('admin') },
      });
      const nats = await natsConnection(portcullis.natsUrl('admin'));
      const stage = { portcullis, nats, keys, tell };
      const measured = (name, result) => {
        revocations.push(row(`${told(gateways)}${name}`, result));
        tell(revocationLine(revocations.at(-1)));
      };
      try {
        await revoke(stage, await makeKeys(stage, 30)); // what is cold is nobody's figure
        measured(', idle', await revoke(stage, await makeKeys(stage)));
        measured(`, ${loadPerSecond} requests/s`, await underLoad(stage));
        if (gateways === 3) {
          const known = await makeKeys(stage);
          leases = await leaseCost(stage, seconds, async () => {
            measured(` and ${enforcers} more enforcers, idle`, await revoke(stage, known));
          });
        }
      } finally {
        await nats.close();
        await echo.stop();
        await portcullis.stop();
      }
    }
  } finally {
    await upstream.stop();
  }
  return { revocations, leases };
}

/** Makes keys, and has every gateway know each of them. */
async function makeKeys({ portcullis, keys, tell }, count = keys) {
  tell(`Making and revoking ${count} keys.`);
  const made = [];
  for (let at = 0; at < count; at++) {
    const { id, credentials } = await portcullis.createKey(['bearer']);
    const headers = { Authorization: `Bearer ${credentials.bearer_token}` };
    for (const port of portcullis.ports) await ask({ port, path: '/v1/counterparties/cp_1', headers });
    made.push(id);
  }
  return made;
}

/** Revokes one key after the other, and sends a few messages to and fro after each. */
async function revoke({ portcullis, nats }, made) {
  const { ports, admin } = portcullis;
  const [times, confirming, pings] = [[], [], []];
  let [repeated, fenced] = [0, 0];
  for (const id of made) {
    const began = performance.now();
    // One that is not confirmed is repeated until it is: that is how long its caller waits.
    let answer;
    while (!answer) {
      answer = await ask({
        port: ports[0],
        method: 'DELETE',
        path: `/v1/api-keys/${id}`,
        headers: { Authorization: admin },
      }).catch(({ status }) => {
        if (status !== 503) throw new Error(`DELETE was answered with ${status}`);
        repeated += 1;
      });
    }
    times.push(performance.now() - began);
    confirming.push(answer.enforcement.elapsed_ms);
    fenced += answer.enforcement.fenced;
    for (let n = 0; n < pingsForEach; n++) {
      const sent = performance.now();
      await nats.request('bench.echo', 'x'.repeat(200), { timeout: 5_000 });
      pings.push(performance.now() - sent);
    }
  }
  return { times, confirming, pings, repeated, fenced };
}

async function underLoad(stage) {
  const { portcullis } = stage;
  const made = await makeKeys(stage);
  const { credentials } = await portcullis.createKey(['bearer']);
  const loads = portcullis.ports.map((port) => {
    const load = new Load();
    const headers = { Authorization: `Bearer ${credentials.bearer_token}` };
    const requests = [requestText(port, '/v1/counterparties/cp_1', { headers })];
    const perSecond = loadPerSecond / portcullis.ports.length;
    return { load, done: load.run({ port, requests, connections: 4, milliseconds: 600_000, status: 200, perSecond }) };
  });
  try {
    const result = await revoke(stage, made);
    for (const { load } of loads) load.end();
    const served = await Promise.all(loads.map(({ done }) => done));
    return { ...result, perSecond: served.reduce((sum, { requests, seconds }) => sum + requests / seconds, 0) };
  } finally {
    for (const { load } of loads) load.stop();
  }
}

/** What the processes use in a second without the enforcers, with them, and without them again; `meanwhile` runs with them too. */
async function leaseCost({ portcullis, tell }, seconds, meanwhile) {
  const database = new pg.Client({ connectionString: portcullis.databaseUrl('portcullis') });
  await database.connect();
  const processes = {
    ...Object.fromEntries(authorities.map((name) => [name, () => [portcullis.pidOf(name)]])),
    Postgres: () => family(portcullis.serverPid('postgres.process')),
    'nats-server': () => [portcullis.serverPid('nats/process')],
  };
  const reading = async () => ({
    cpu: Object.fromEntries(Object.entries(processes).map(([name, pids]) => [name, cpuSeconds(pids())])),
    ...(await databaseCounts(database)),
    at: performance.now(),
  });
  const watch = async () => {
    const before = await reading();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const after = await reading();
    const elapsed = (after.at - before.at) / 1000;
    const rate = (read) => (read(after) - read(before)) / elapsed;
    return {
      cpu: Object.fromEntries(Object.keys(processes).map((name) => [name, rate(({ cpu }) => cpu[name] * 1000)])),
      renewals: rate(({ renewals }) => renewals),
      commits: rate(({ commits }) => commits),
      syncs: rate(({ syncs }) => syncs),
    };
  };
  try {
    tell(`Watching what leases cost, three times ${seconds} s.`);
    const before = await watch();
    const more = await start(process.execPath, [here('./peers/enforcers.mjs')], {
      env: { NATS_URL: portcullis.natsUrl('gateway'), ENFORCERS: String(enforcers) },
      milliseconds: 60_000,
    });
    let during;
    try {
      during = await watch();
      await meanwhile();
    } finally {
      await more.stop();
    }
    return { before, during, after: await watch() };
  } finally {
    await database.end();
  }
}

async function databaseCounts(database) {
  const renewals = authorities
    .map((name) => `coalesce((select sum(renewals) from ${name.replace('-', '_')}.enforcer), 0)`)
    .join(' + ');
  const { rows } = await database.query(
    `select (${renewals})::float8 as renewals,
            (select xact_commit from pg_stat_database where datname = current_database())::float8 as commits,
            (select sum(fsyncs) from pg_stat_io where object = 'wal')::float8 as syncs`,
  );
  return rows[0];
}

const agent = new Agent({ keepAlive: true });

function ask({ port, method = 'GET', path, headers }) {
  return new Promise((resolve, reject) => {
    request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('error', reject).on('end', () => {
        if (response.statusCode === 200) return resolve(JSON.parse(text));
        const { statusCode: status } = response;
        reject(Object.assign(new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`), { status }));
      });
    })
      .on('error', reject)
      .end();
  });
}

function natsConnection(text) {
  const url = new URL(text);
  return connect({ servers: url.host, user: url.username, pass: decodeURIComponent(url.password) });
}

const told = (gateways) => (gateways === 1 ? 'one gateway' : `${gateways} gateways`);

function row(name, { times, confirming, pings, repeated, fenced, perSecond }) {
  const [p99, ping99] = [quantile(times, 0.99), quantile(pings, 0.99)];
  return {
    name,
    count: times.length,
    ...{ repeated, fenced },
    ...{ p50: median(times), p99, max: Math.max(...times), confirming50: median(confirming) },
    nats: { p50: median(pings), p99: ping99 },
    roundTrips: p99 / ping99,
    reached: p99 <= goalMilliseconds && p99 <= goalRoundTrips * ping99,
    ...(perSecond === undefined ? {} : { perSecond }),
    rounds: { times, confirming, pings },
  };
}

export function revocationTables({ revocations, leases }) {
  return [
    'Goal: p99 at most 25 ms, and at most 5 round trips of NATS (p99 against p99).\n',
    '| from DELETE to the answer | p50 | p99 | max | after the commit, p50 | NATS round trip p50 | p99 | round trips | reached |',
    '|---|---|---|---|---|---|---|---|---|',
    ...revocations.map(revocationLine),
    ...(leases ? leaseLines(leases) : []),
  ].join('\n');
}

function revocationLine({ name, count, repeated, fenced, p50, p99, max, confirming50, nats, roundTrips, reached }) {
  const troubles = `${repeated > 0 ? `, ${repeated} answers of 503 repeated` : ''}${fenced > 0 ? `, ${fenced} enforcers fenced` : ''}`;
  const figures = [p50, p99, max, confirming50, nats.p50, nats.p99].map(ms);
  return `| ${name} (${count}${troubles}) | ${figures.join(' | ')} | **${roundTrips.toFixed(1)}** | ${reached ? 'yes' : 'no'} |`;
}

function leaseLines({ before, during, after }) {
  const line = (name, read) => {
    const without = (read(before) + read(after)) / 2;
    return `| ${name} | ${read(before).toFixed(1)} | ${read(during).toFixed(1)} | ${read(after).toFixed(1)} | ${((read(during) - without) / enforcers).toFixed(2)} |`;
  };
  return [
    `\n| in a second | 3 gateways | and ${enforcers} more enforcers | 3 gateways again | for each enforcer |`,
    '|---|---|---|---|---|',
    ...Object.keys(before.cpu).map((name) => line(`${name}, ms CPU`, ({ cpu }) => cpu[name])),
    line('renewals', ({ renewals }) => renewals),
    line('commits in Postgres', ({ commits }) => commits),
    line('WAL flushes in Postgres', ({ syncs }) => syncs),
  ];
}

const ms = (milliseconds) => `${milliseconds.toFixed(1)} ms`;

/** How much is measured. */
export const revocationExtent = (quick) => (quick ? { keys: 40, seconds: 8 } : { keys: 200, seconds: 20 });

if (process.argv[1] === here('./revocation.mjs')) {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' } } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().then(() => process.exit(130)));
  try {
    const measured = await measureRevocation({
      ...revocationExtent(values.quick),
      tell: (line) => console.error(line),
    });
    console.log(revocationTables(measured));
  } finally {
    agent.destroy();
    await stopAll();
  }
}
