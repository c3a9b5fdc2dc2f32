// The product as anybody runs it: `portcullis up` on free ports with a home of its own and one policy that is made here.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, here, start } from './programs.mjs';

const password = 'correct-horse-battery-staple';
const command = here('../apps/cli/bin/portcullis.mjs');

/**
 * Starts a number of gateways and their services before an upstream. Nothing else is asked of it until a row asks.
 * @param options.storage the S3 upstream, `{ port, accessKeyId, secret, region }`; without it the example store is started
 */
export async function startPortcullis(upstreamPort, { gateways = 1, storage } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  chmodSync(home, 0o711);
  const readyFile = join(home, 'ready.json');
  writeFileSync(
    join(home, 'policy.yaml'),
    `version: 1
upstreams: { bench: { url: 'http://127.0.0.1:${upstreamPort}' } }
routes:
  - { match: 'GET /v1/counterparties/**', permission: counterparties:view, upstream: bench }
  - { match: 'GET /bytes/*', permission: node:data:view, upstream: bench }
  - { match: 'GET /public/counterparties/**', public: true, upstream: bench }
`,
  );
  const passwordHash = execFileSync(process.execPath, [command, 'bcrypt'], { input: `${password}\n` })
    .toString()
    .trim();
  const ports = await freePorts(gateways);
  const [port] = ports;
  const [s3Port] = await freePorts(gateways);
  const up = await start(process.execPath, [command, 'up'], {
    cwd: home,
    env: {
      PORT: String(port),
      S3_PORT: String(s3Port),
      ...(storage
        ? {
            S3_UPSTREAM_URL: `http://127.0.0.1:${storage.port}`,
            S3_UPSTREAM_ACCESS_KEY_ID: storage.accessKeyId,
            S3_UPSTREAM_SECRET_ACCESS_KEY: storage.secret,
            S3_UPSTREAM_REGION: storage.region,
          }
        : {}),
      PORTCULLIS_GATEWAYS: String(gateways),
      PORTCULLIS_HOME: join(home, 'data'),
      PORTCULLIS_FIRST_ADMIN_PASSWORD: password,
      PORTCULLIS_ADMIN_PASSWORD_HASH: passwordHash,
      PORTCULLIS_POLICY: join(home, 'policy.yaml'),
      PORTCULLIS_READY_FILE: readyFile,
    },
    ready: () => existsSync(readyFile),
    milliseconds: 180_000,
  });
  const { admin_email: email } = JSON.parse(readFileSync(readyFile, 'utf8'));
  const call = async (method, path, body, authorization) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        ...(authorization === undefined ? {} : { Authorization: authorization }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const json = text === '' || !answer.headers.get('content-type')?.includes('json') ? {} : JSON.parse(text);
    return { status: answer.status, json };
  };
  const demand = async (...request) => {
    const answer = await call(...request);
    if (answer.status >= 300)
      throw new Error(`${request[0]} ${request[1]}: ${answer.status} ${JSON.stringify(answer.json)}`);
    return answer.json;
  };
  const admin = `Bearer ${(await demand('POST', '/v1/login', { email, password })).access_token}`;
  const pidOf = (program) => JSON.parse(readFileSync(join(home, 'data', 'run', program), 'utf8')).child.pid;
  return {
    port,
    /** Where S3 is spoken, of the first gateway. */
    s3Port,
    /** Of each gateway. */
    ports,
    /** The `Authorization` of the first administrator. */
    admin,
    demand,
    pidOf,
    serverPid: (name) => JSON.parse(readFileSync(join(home, 'data', name), 'utf8')).child.pid,
    roleToken: async () => {
      const basic = `Basic ${Buffer.from(`:${password}`).toString('base64')}`;
      return (await demand('POST', '/auth', { role: 'consumer', expiry: 86_400 }, basic)).key;
    },
    createKey: (forms) =>
      demand('POST', '/v1/api-keys', { name: 'bench', forms, permissions: ['counterparties:view'] }, admin),
    revokeKey: (id) => demand('DELETE', `/v1/api-keys/${id}`, undefined, admin),
    /** The running stack's own nats-server, as one of its users. */
    natsUrl: (user) => {
      const secrets = JSON.parse(readFileSync(join(home, 'data', 'secrets.json'), 'utf8'));
      const { nats } = JSON.parse(readFileSync(join(home, 'data', 'ports.json'), 'utf8'));
      return `nats://${user}:${encodeURIComponent(secrets.nats[user])}@127.0.0.1:${nats}`;
    },
    /** The running stack's own Postgres, as its superuser: a database of a peer lives there too. */
    databaseUrl: (name) => {
      const secrets = JSON.parse(readFileSync(join(home, 'data', 'secrets.json'), 'utf8'));
      const ports = JSON.parse(readFileSync(join(home, 'data', 'ports.json'), 'utf8'));
      return `postgres://postgres:${encodeURIComponent(secrets.postgres.superuser)}@127.0.0.1:${ports.postgres}/${name}`;
    },
    stop: async () => {
      await up.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
