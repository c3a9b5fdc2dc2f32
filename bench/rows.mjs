// Every row of the table: what is measured, against what, with which goal. A ratio is their CPU for one request ÷ ours.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { cpuSeconds, family, freePort, here, Load, requestText, start } from './programs.mjs';
import { startPortcullis } from './portcullis.mjs';
import { startProxies } from './proxies.mjs';
import { measure, median, middle, quantile, ratio } from './rounds.mjs';

const connections = 16;

export async function measureAll({ only, http, work, keys, tell }) {
  const wanted = (part) => !only || only.includes(part);
  const rows = [];
  // One part that fails takes no other's figures with it.
  const part = async (name, rowsOf) => {
    if (!wanted(name)) return [];
    try {
      return await rowsOf();
    } catch (error) {
      return [{ name, skipped: `it could not be measured: ${error.message.split('\n', 1)[0]}`, failed: true }];
    }
  };
  const load = new Load();
  tell('Starting an upstream and portcullis up.');
  const upstreamPort = await freePort();
  await start(process.execPath, [here('./peers/upstream.mjs')], { env: { PORT: String(upstreamPort) } });
  const portcullis = await startPortcullis(upstreamPort);
  const stage = { portcullis, upstreamPort, load, tell };
  try {
    // Before any load, so that the gateway is idle and its memory of keys is empty.
    const keyed = await part('keys', () => keyRows(stage, keys));
    rows.push(...(await part('http', () => httpRows(stage, http))), ...keyed);
    rows.push(...(await part('tokens', () => tokenRows(stage, work))));
    rows.push(...(await part('decisions', () => decisionRows(stage, work))));
  } finally {
    load.stop();
    await portcullis.stop();
  }
  return rows;
}

async function httpRows({ portcullis, upstreamPort, load, tell }, options) {
  const key = await portcullis.createKey(['bearer', 'client_credentials']);
  const { bearer_token: apiKey, client_id, client_secret } = key.credentials;
  const { access_token: jwt } = await portcullis.demand('POST', '/v1/authenticate', { client_id, client_secret });
  const { keys } = await portcullis.demand('GET', '/.well-known/jwks.json');
  const [header, claims] = jwt
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  const jwk = keys.find(({ kid }) => kid === header.kid);
  const proxies = await startProxies({ upstreamPort, apiKey, jwk, issuer: claims.iss, audience: claims.aud });
  const roleToken = await portcullis.roleToken();

  const path = '/v1/counterparties/cp_1';
  const gateway = { port: portcullis.port, pids: [portcullis.pidOf('gateway')] };
  const bearer = (credential) => ({ Authorization: `Bearer ${credential}` });
  const against = {
    public: { ...gateway, path: `/public${path.slice(3)}`, headers: {} },
    key: { ...gateway, path, headers: bearer(apiKey) },
    jwt: { ...gateway, path, headers: bearer(jwt) },
    role: { ...gateway, path: '/bytes/cp_1', headers: bearer(roleToken) },
    httpProxy: { ...proxies.httpProxy, path, headers: bearer(apiKey) },
    nginx: { ...proxies.nginx, path, headers: bearer(apiKey) },
    caddy: { ...proxies.caddy, path, headers: bearer(apiKey) },
    haproxyJwt: { ...proxies.haproxy, port: proxies.haproxy.ports?.jwt, path, headers: bearer(jwt) },
    haproxyKey: { ...proxies.haproxy, port: proxies.haproxy.ports?.key, path, headers: bearer(apiKey) },
  };
  const candidates = Object.fromEntries(
    Object.entries(against)
      .filter(([, subject]) => !subject.skipped)
      .map(([name, subject]) => [name, overHttp(load, subject)]),
  );
  tell(`Measuring ${Object.keys(candidates).join(', ')}.`);
  const results = await measure(candidates, options);
  proxies.remove();
  const row = (name, ours, theirs, goal) =>
    compared(name, results[ours], results[theirs], goal, against[theirs].skipped);
  return [
    row('API key, cached, against the same route public', 'key', 'public', 0.95),
    row('JWT, cached, against the same route public', 'jwt', 'public', 0.85),
    row('role token, cached, against the same route public', 'role', 'public', 0.85),
    row('API key against @fastify/http-proxy without authentication', 'key', 'httpProxy', 1.8),
    row('API key against nginx auth_request and a trivial Node service', 'key', 'nginx', 1.2),
    row('API key against Caddy forward_auth and the same service', 'key', 'caddy', 3),
    row('JWT, cached, against HAProxy jwt_verify, ES256', 'jwt', 'haproxyJwt', 1.3),
    row('API key against an HAProxy key map', 'key', 'haproxyKey', 0.35),
  ];
}

async function tokenRows({ portcullis, load, tell }, options) {
  const secret = randomBytes(24).toString('base64url');
  const port = await freePort();
  const provider = await start(process.execPath, [here('./peers/oidc-provider.mjs')], {
    env: { PORT: String(port), CLIENT_SECRET: secret },
  });
  const { credentials } = await portcullis.createKey(['client_credentials']);
  const body = JSON.stringify({ client_id: credentials.client_id, client_secret: credentials.client_secret });
  const ours = {
    port: portcullis.port,
    path: '/v1/authenticate',
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  };
  const gateway = [portcullis.pidOf('gateway')];
  const services = ['api-key', 'identity'].map((name) => portcullis.pidOf(name));
  // Postgres starts and ends processes as it likes: those at hand are looked up at each reading.
  const servers = () => [...family(portcullis.serverPid('postgres.process')), portcullis.serverPid('nats/process')];
  tell('Measuring client-credentials tokens.');
  const results = await measure(
    {
      gateway: overHttp(load, { ...ours, pids: gateway }),
      all: overHttp(load, { ...ours, pids: [...gateway, ...services] }),
      whole: overHttp(load, { ...ours, pids: () => [...gateway, ...services, ...servers()] }),
      provider: overHttp(load, {
        port,
        path: '/token',
        method: 'POST',
        headers: {
          Authorization: `Basic ${Buffer.from(`bench:${secret}`).toString('base64')}`,
          'Content-Type': 'application/x-www-form-urlencoded',
        },
        body: 'grant_type=client_credentials&scope=counterparties%3Aview',
        pids: [provider.pid],
      }),
    },
    options,
  );
  await provider.stop();
  return [
    compared(
      "client-credentials tokens against oidc-provider, the gateway's own process",
      results.gateway,
      results.provider,
      4,
    ),
    compared('the same, the services behind it counted', results.all, results.provider),
    compared('the same, Postgres and NATS counted too', results.whole, results.provider),
  ];
}

/** The two figures that are no ratio: a key never seen before, and how long a revocation takes to be in force everywhere. */
async function keyRows({ portcullis, load, tell }, count) {
  tell(`Making and revoking ${count} keys.`);
  const made = [];
  for (let at = 0; at < count; at++) made.push(await portcullis.createKey(['bearer']));
  const gateway = portcullis.pidOf('gateway');
  const requests = made.map(({ credentials }) =>
    requestText(portcullis.port, '/v1/counterparties/cp_1', {
      headers: { Authorization: `Bearer ${credentials.bearer_token}` },
    }),
  );
  const before = cpuSeconds([gateway]);
  const cold = await load.run({ port: portcullis.port, requests, connections: 1, status: 200, once: true });
  const coldMicroseconds = ((cpuSeconds([gateway]) - before) / cold.requests) * 1e6;
  const revocations = [];
  for (const { id } of made) {
    const started = performance.now();
    await portcullis.revokeKey(id);
    revocations.push(performance.now() - started);
  }
  const times = { p50: median(revocations), p99: quantile(revocations, 0.99), max: Math.max(...revocations) };
  return [
    {
      name: 'API key never seen before, one at a time',
      told: `p50 ${ms(cold.p50)}, p99 ${ms(cold.p99)}, max ${ms(cold.max)}; ${coldMicroseconds.toFixed(0)} µs CPU`,
      ...cold,
      microseconds: coldMicroseconds,
    },
    {
      name: 'revocation, from DELETE to the answer that it is enforced',
      told: `p50 ${ms(times.p50)}, p99 ${ms(times.p99)}, max ${ms(times.max)}`,
      requests: count,
      ...times,
    },
  ];
}

async function decisionRows({ portcullis, tell }, options) {
  const database = new pg.Client({ connectionString: portcullis.databaseUrl('postgres') });
  await database.connect();
  await database.query('create database better_auth');
  await database.end();
  const lanes = {
    judge: lane('./peers/judge.mjs'),
    betterAuth: lane('./peers/better-auth.mjs', { DATABASE_URL: portcullis.databaseUrl('better_auth') }),
    permission: lane('./peers/decisions.mjs', { ASK: 'permission' }),
    casbinPermission: lane('./peers/casbin.mjs', { ASK: 'permission' }),
    route: lane('./peers/decisions.mjs', { ASK: 'route' }),
    casbinRoute: lane('./peers/casbin.mjs', { ASK: 'route' }),
  };
  try {
    tell('Measuring decisions alone: better-auth, casbin.');
    const run = {};
    for (const [name, starting] of Object.entries(lanes)) run[name] = (await starting).run;
    const results = await measure(run, options);
    const perSecond = median(results.permission.map(({ requests, cpu }) => requests / cpu));
    const decision = compared(
      'decision by permission on the node policy against casbin',
      results.permission,
      results.casbinPermission,
      700,
    );
    const millions = `${(perSecond / 1e6).toFixed(1)} M/s`;
    return [
      compared(
        "API key, the decision alone, against better-auth's verifyApiKey on Postgres",
        results.judge,
        results.betterAuth,
        30,
      ),
      {
        ...decision,
        name: `${decision.name} (${millions})`,
        perSecond,
        ...(perSecond < 10e6 ? { short: `no: under 10 M/s` } : {}),
      },
      compared('decision by method and path, route matched too, against casbin', results.route, results.casbinRoute),
    ];
  } finally {
    for (const starting of Object.values(lanes)) await starting.then(({ stop }) => stop()).catch(() => undefined);
  }
}

function compared(name, ours, theirs, goal, skipped) {
  if (!ours || !theirs) return { name, goal, skipped: skipped ?? 'not measured' };
  return {
    name,
    goal,
    ours: middle(ours, 'microseconds'),
    theirs: middle(theirs, 'microseconds'),
    ratio: ratio(ours, theirs),
    rounds: { ours, theirs },
  };
}

/** A candidate for `measure`: an HTTP request, as often as there is time for. */
export function overHttp(load, { port, pids, path, method, headers, body }) {
  const requests = [requestText(port, path, { method, headers, body })];
  const status = 200;
  return async (milliseconds) => {
    const cpu = () => cpuSeconds(typeof pids === 'function' ? pids() : pids);
    const before = cpu();
    const result = await load.run({ port, requests, connections, milliseconds, status });
    return { ...result, cpu: cpu() - before };
  };
}

/** A script that calls something in its own process; see peers/answer-rounds.mjs. */
async function lane(script, env = {}) {
  const child = fork(here(script), {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const answer = () =>
    new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`${script} ended`));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        if (message.failed) reject(new Error(`${script}: ${message.failed}`));
        else resolve(message);
      });
    });
  await answer();
  return {
    run: (milliseconds) => {
      child.send({ milliseconds });
      return answer();
    },
    stop: () => child.disconnect(),
  };
}

const ms = (milliseconds) => `${milliseconds.toFixed(1)} ms`;
