// node bench/storage.mjs [--quick], or npm run bench -- --only storage
//
// What the S3 door costs: a small object by a signed and by a presigned GET against the same bytes on a public route, both from one
// trivial upstream; and large objects through the gateway against the store asked directly, with what the gateway holds meanwhile.
// The clients sign before they are timed.
import { fork } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { s3SigningKey, Secret, signS3Request } from '@portcullis/credentials';
import { startPortcullis } from './portcullis.mjs';
import { cpuSeconds, freePort, here, Load, residentBytes, start, stopAll } from './programs.mjs';
import { measure, median, middle, ratio } from './rounds.mjs';
import { overHttp } from './rows.mjs';

const region = 'us-east-1';
const bucket = 'bench';
const goals = { small: 0.75, large: 0.8 };
const sampleMilliseconds = 20;
/** What a collection of garbage may take until memory is given back. */
const settleMilliseconds = 3_000;
const payloads = { unsigned: 'UNSIGNED-PAYLOAD', chunks: 'signed chunks of 64 KiB', digest: 'a digest of the whole' };

/** @returns `small`, a row for each way to ask, and `large`, by store the rows of its transfers and the gateway's memory */
export async function measureStorage({ http, bytes, transferRounds, stores, tell }) {
  const large = [];
  let small;
  for (const name of stores) {
    tell(`Starting portcullis up before ${name}.`);
    const store = await (name === trivial ? trivialStore() : exampleStore());
    const portcullis = await startPortcullis(store.port, { storage: store });
    try {
      const door = await doorOf(portcullis);
      const stage = { portcullis, store, door, tell };
      if (name === trivial) small = await smallObjects(stage, http);
      large.push({ store: name, bytes, ...(await transfers(stage, { bytes, rounds: transferRounds })) });
    } finally {
      await portcullis.stop();
      await store.stop();
    }
  }
  return { small, large };
}

const trivial = 'a trivial upstream';
const example = 'the example store';

const someCredentials = () => ({
  accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
  secret: randomBytes(30).toString('base64'),
  region,
});

async function trivialStore() {
  const port = await freePort();
  const server = await start(process.execPath, [here('./peers/storage-upstream.mjs')], { env: { PORT: String(port) } });
  return { ...someCredentials(), port, stop: () => server.stop() };
}

async function exampleStore() {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-store-'));
  const credentials = someCredentials();
  const server = await start(process.execPath, [here('../examples/object-store/server.mjs')], {
    env: {
      PORT: String(port),
      OBJECT_STORE_DIRECTORY: folder,
      OBJECT_STORE_ACCESS_KEY_ID: credentials.accessKeyId,
      OBJECT_STORE_SECRET_ACCESS_KEY: credentials.secret,
      OBJECT_STORE_REGION: region,
    },
  });
  const stop = async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...credentials, port, stop };
}

/** The S3 port with a key for one bucket, which is made. */
async function doorOf(portcullis) {
  const { demand, admin, s3Port } = portcullis;
  await demand('POST', '/v1/storage/buckets', { name: bucket }, admin);
  const grant = { roles: ['storage:object-read-write'], buckets: [bucket] };
  const { credentials } = await demand('POST', '/v1/api-keys', { name: 'bench', forms: ['s3'], ...grant }, admin);
  return { port: s3Port, accessKeyId: credentials.access_key_id, secret: credentials.secret_access_key, region };
}

async function smallObjects({ portcullis, door, tell }, options) {
  const load = new Load();
  const pids = [portcullis.pidOf('gateway')];
  const path = `/${bucket}/cp_1.json`;
  const candidates = {
    public: { port: portcullis.port, path: '/public/counterparties/cp_1', headers: {} },
    signed: { port: door.port, path, headers: signedHeaders(door, path) },
    presigned: { port: door.port, path: presigned(door, path), headers: {} },
  };
  tell(`Measuring ${Object.keys(candidates).join(', ')}.`);
  try {
    const run = Object.entries(candidates).map(([name, subject]) => [name, overHttp(load, { ...subject, pids })]);
    const results = await measure(Object.fromEntries(run), options);
    return Object.keys(candidates).map((name) => ({
      name,
      microseconds: middle(results[name], 'microseconds'),
      p50: middle(results[name], 'p50'),
      p99: middle(results[name], 'p99'),
      ...(name === 'public' ? {} : { ratio: ratio(results[name], results.public) }),
      rounds: results[name],
    }));
  } finally {
    load.stop();
  }
}

/** Large objects, up in each kind of payload and down, through the gateway and at the store itself, in turns. */
async function transfers({ portcullis, store, door, tell }, { bytes, rounds }) {
  const client = await aClient();
  // A store need not read chunks: they are compared with the same bytes as they are.
  const asSentTo = (to, way) => (to === store && way.payload === 'chunks' ? { ...way, payload: 'unsigned' } : way);
  const gateway = portcullis.pidOf('gateway');
  const path = `/${bucket}/${bytes}.bytes`;
  const ways = [...Object.keys(payloads).map((payload) => ({ way: 'up', payload })), { way: 'down' }];
  const seen = ways.map(() => ({ direct: [], through: [] }));
  // Code that is cold is nobody's figure.
  const warm = 64 * 1024 * 1024;
  const warmPath = `/${bucket}/${warm}.bytes`;
  for (const to of [store, door])
    for (const way of ways) await client.run({ ...asSentTo(to, way), to, path: warmPath, bytes: warm });
  await new Promise((resolve) => setTimeout(resolve, settleMilliseconds));
  const memory = { before: residentBytes(gateway), peak: 0 };
  const sampling = setInterval(() => (memory.peak = Math.max(memory.peak, residentBytes(gateway))), sampleMilliseconds);
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [nth, way] of ways.entries()) {
        const turns = [
          ['direct', store],
          ['through', door],
        ];
        for (const [name, to] of round % 2 === 0 ? turns : turns.toReversed()) {
          const before = cpuSeconds([gateway]);
          const { seconds } = await client.run({ ...asSentTo(to, way), to, path, bytes });
          const cpu = cpuSeconds([gateway]) - before;
          seen[nth][name].push({ rate: bytes / seconds, cpu: (cpu / bytes) * 2 ** 30 });
          tell(`${way.way} ${way.payload ?? ''} ${name}: ${mega(bytes / seconds)}, gateway ${cpu.toFixed(2)} s CPU`);
        }
      }
    }
    await new Promise((resolve) => setTimeout(resolve, settleMilliseconds));
    memory.after = residentBytes(gateway);
  } finally {
    clearInterval(sampling);
    client.stop();
  }
  const rows = ways.map(({ way, payload }, nth) => {
    const { direct, through } = seen[nth];
    return {
      name: payload ? `${way}, ${payloads[payload]}` : way,
      direct: middle(direct, 'rate'),
      through: middle(through, 'rate'),
      ratio: median(through.map(({ rate }, round) => rate / direct[round].rate)),
      cpu: middle(through, 'cpu'),
      rounds: { direct, through },
    };
  });
  return { rows, memory };
}

async function aClient() {
  const child = fork(here('./storage-client.mjs'), { env: { PATH: process.env.PATH } });
  const answer = () =>
    new Promise((resolve, reject) => {
      const ended = () => reject(new Error('the client ended'));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        if (message.failed) reject(new Error(message.failed));
        else resolve(message);
      });
    });
  await answer();
  return {
    run: (job) => {
      child.send(job);
      return answer();
    },
    stop: () => child.disconnect(),
  };
}

const emptySha256 = createHash('sha256').digest('hex');

function signedHeaders({ port, accessKeyId, secret }, path) {
  const { host: _, ...headers } = signS3Request({
    ...{ method: 'GET', host: `127.0.0.1:${port}`, path, payloadSha256: emptySha256, region, accessKeyId },
    ...{ secret: Secret.of(secret), now: new Date() },
  }).headers;
  return headers;
}

/** The target of a URL that is good for an hour; SigV4 by query, as the SDKs presign a GET. */
function presigned({ port, accessKeyId, secret }, path) {
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = timestamp.slice(0, 8);
  const scope = `${day}/${region}/s3/aws4_request`;
  const query = Object.entries({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${accessKeyId}/${scope}`,
    'X-Amz-Date': timestamp,
    'X-Amz-Expires': '3600',
    'X-Amz-SignedHeaders': 'host',
    'x-id': 'GetObject',
  })
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  const canonical = ['GET', path, query, `host:127.0.0.1:${port}\n`, 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const key = Buffer.from(s3SigningKey(Secret.of(secret), day, region).reveal(), 'base64');
  const text = ['AWS4-HMAC-SHA256', timestamp, scope, digest].join('\n');
  return `${path}?${query}&X-Amz-Signature=${createHmac('sha256', key).update(text).digest('hex')}`;
}

export function storageTables({ small = [], large }) {
  const names = { public: 'the same on a public route', signed: 'GET, signed', presigned: 'GET, presigned' };
  return [
    '| a small object | gateway, µs CPU | public ÷ this | goal | reached | p50 | p99 |',
    '|---|---|---|---|---|---|---|',
    ...small.map(
      ({ name, microseconds, ratio: times, p50, p99 }) =>
        `| ${names[name]} | ${microseconds.toFixed(0)} | ${times === undefined ? ' | | ' : goal(times, goals.small)} | ${ms(p50)} | ${ms(p99)} |`,
    ),
    ...large.flatMap(({ store, bytes, rows, memory }) => [
      `\n| ${bytes / 2 ** 20} MiB, before ${store} | directly | through the gateway | ratio | goal | reached | gateway, s CPU per GiB |`,
      '|---|---|---|---|---|---|---|',
      ...rows.map(
        (row) =>
          `| ${row.name} | ${mega(row.direct)} | ${mega(row.through)} | ${goal(row.ratio, goals.large)} | ${row.cpu.toFixed(2)} |`,
      ),
      `\nThe gateway held ${mebi(memory.before)} before, ${mebi(memory.peak)} at the most, ${mebi(memory.after)} after.`,
    ]),
  ].join('\n');
}

const goal = (value, least) => `**${value.toFixed(2)}** | ≥ ${least.toFixed(2)} | ${value >= least ? 'yes' : 'no'}`;
const mega = (rate) => `${(rate / 1e6).toFixed(0)} MB/s`;
const mebi = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const ms = (milliseconds) => `${milliseconds.toFixed(1)} ms`;

/** How much is measured. */
export const storageExtent = (quick) =>
  quick
    ? {
        http: { rounds: 3, milliseconds: 1_000, warmMilliseconds: 2_000, warmRequests: 5_000 },
        ...{ bytes: 2 ** 28, transferRounds: 1, stores: [trivial] },
      }
    : {
        http: { rounds: 11, milliseconds: 1_500, warmMilliseconds: 5_000, warmRequests: 20_000 },
        ...{ bytes: 2 ** 30, transferRounds: 2, stores: [trivial, example] },
      };

if (process.argv[1] === here('./storage.mjs')) {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' } } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().then(() => process.exit(130)));
  try {
    const measured = await measureStorage({ ...storageExtent(values.quick), tell: (line) => console.error(line) });
    console.log(storageTables(measured));
  } finally {
    await stopAll();
  }
}
