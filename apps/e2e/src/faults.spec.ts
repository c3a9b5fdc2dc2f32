import { createServer, request as send, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { identityOf, isAlive } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';
import { Backstage } from './backstage.js';
import { Client, type HttpAnswer } from './client.js';
import { bytesOf, filesWith } from './secret-sweep.js';
import { type Stack, startStack } from './stack.js';

const services = ['audit', 'api-key', 'identity', 'gateway'];
/** The longest that an operation waits for its service, and a second for a machine that is busy. */
const longestMilliseconds = 16_000;

/** Told in order: each test goes on with the stack that those before it have left. */
describe('when a part of the stack is away', () => {
  let stack: Stack;
  let backstage: Backstage;
  let upstream: Server;
  let anyone: Client;
  let admin: Client;
  let live: Key;
  let revoked: Key;
  let access: string;
  const made: string[] = [];
  const ended: string[] = [];

  beforeAll(async () => {
    upstream = await slowUpstream();
    const { port } = upstream.address() as AddressInfo;
    stack = await startStack({
      unheard: true,
      env: {
        PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: `http://127.0.0.1:${port}`,
        PORTCULLIS_REFRESH_OVERLAP_SECONDS: '3600',
      },
    });
    backstage = new Backstage(stack);
    anyone = new Client(stack.url);
    admin = anyone.as((await login()).json.access_token as string);
    [live, revoked] = [await makeKey(), await makeKey()];
    await admin.delete(`/v1/api-keys/${revoked.id}`);
    access = (await anyone.post('/v1/authenticate', secretOf(live))).json.access_token as string;
    expect((await anyone.as(access).get('/v1/counterparties')).status).toBe(200);
  }, 150_000);
  afterAll(async () => {
    await stack?.stop();
    stack?.remove();
    upstream?.close();
  }, 60_000);

  const login = () => anyone.post('/v1/login', { email: stack.email, password: stack.password });
  const create = () =>
    admin.post('/v1/api-keys', {
      name: 'for a fault',
      forms: ['bearer', 'client_credentials'],
      permissions: ['counterparties:view'],
    });
  const makeKey = async () => keep(await create()).json as Key;
  const keep = (answer: HttpAnswer): HttpAnswer => {
    if (answer.status === 201) made.push((answer.json as Key).id);
    return answer;
  };
  const revoke = async (id: string | undefined) => {
    const answer = await admin.delete(`/v1/api-keys/${id}`);
    if (answer.status === 200 && id) ended.push(id);
    return answer;
  };
  const pids = () => services.map((name) => stack.pidOf(name));
  const spareKeys = () => made.filter((id) => ![live.id, revoked.id, ...ended].includes(id));
  /** What callers may want at such a moment, at once; a revocation is asked for only where its 15 s are wanted. */
  const everything = async ({ revoking = false } = {}): Promise<HttpAnswer[]> => {
    const began = performance.now();
    const answers = await Promise.all([
      ...(revoking ? [revoke(spareKeys()[0])] : []),
      login(),
      anyone.post('/v1/authenticate', secretOf(live)),
      create().then(keep),
      create().then(keep),
      admin.get('/v1/audit/events'),
      admin.get('/v1/api-keys'),
      anyone.as(access).get('/v1/counterparties'),
      anyone.as(live.credentials.bearer_token).get('/v1/counterparties'),
      anyone.as(revoked.credentials.bearer_token).get('/v1/counterparties'),
    ]);
    expect(performance.now() - began).toBeLessThan(longestMilliseconds);
    const old = answers.at(-1) as HttpAnswer;
    expect([401, 503]).toContain(old.status);
    for (const answer of answers.slice(0, -1)) expectDoneOrAway(answer);
    return answers;
  };
  /** How long a stack on a busy machine may take to be itself again. A fault is one that stays. */
  const settledMilliseconds = 60_000;
  /** Asks on until every answer is a success. */
  const allIsWell = async () => {
    await eventually(async () => (await anyone.get('/readyz')).status === 200, settledMilliseconds);
    await eventually(
      async () => (await everything({ revoking: true })).slice(0, -1).every(({ status }) => status < 300),
      settledMilliseconds,
    );
    expect((await anyone.as(revoked.credentials.bearer_token).get('/v1/counterparties')).status).toBe(401);
  };

  test.each(['nats', 'postgres'])(
    'while %s stands still every request is answered, 503 with Retry-After if need be, and goes on where it was',
    async (server) => {
      await makeKey();
      const before = pids();
      const wake = backstage.freeze(server);
      try {
        const answers = await everything();
        expect(answers.filter(({ status }) => status === 503).length).toBeGreaterThanOrEqual(6);
        const readiness = await anyone.get('/readyz');
        expect(readiness).toMatchObject({ status: 503, json: { code: 'unavailable' } });
        // Its lease is over by now: what cannot be checked is not let through.
        expect((await anyone.as(live.credentials.bearer_token).get('/v1/counterparties')).status).toBe(503);
      } finally {
        wake();
      }
      await allIsWell();
      expect(pids()).toEqual(before);
    },
    240_000,
  );

  test.each(['nats', 'postgres'])(
    'when %s is killed under load nothing else than success or 503 is answered, and no service restarts',
    async (server) => {
      const before = pids();
      const old = backstage.pid(server);
      const burst = Array.from({ length: 40 }, (_, n) =>
        n % 2 === 0 ? create().then(keep) : anyone.post('/v1/authenticate', secretOf(live)),
      );
      await Promise.race(burst);
      backstage.kill(server);
      const load = everything({ revoking: true });
      for (const answer of await Promise.all(burst)) expectDoneOrAway(answer);
      await load;
      await eventually(async () => (await everything(), backstage.pid(server) !== old), settledMilliseconds);
      await allIsWell();
      expect(pids()).toEqual(before);
    },
    240_000,
  );

  test.each(services)(
    'kill -9 of %s in a burst of changes: it is started again, keys work as before and revoked ones stay revoked',
    async (service) => {
      for (let times = 0; times < 2; times++) {
        const old = stack.pidOf(service);
        const lenient = (answer: Promise<HttpAnswer>) =>
          answer.catch((error: Error) => {
            if (service !== 'gateway') throw error; // only the gateway's own end may cut a connection
            return null;
          });
        const burst = [
          ...Array.from({ length: 8 }, () => create().then(keep)),
          ...Array.from({ length: 4 }, () => anyone.post('/v1/authenticate', secretOf(live))),
          ...(times === 0 ? spareKeys().slice(0, 3).map(revoke) : []),
          login(),
        ].map(lenient);
        if (times === 1) await Promise.race(burst);
        process.kill(old, 'SIGKILL');
        for (const answer of await Promise.all(burst)) if (answer) expectDoneOrAway(answer);
        await eventually(
          () => pidOrNone(stack, service) !== old && pidOrNone(stack, service) !== null,
          settledMilliseconds,
        );
        await eventually(
          async () => (await anyone.get('/readyz').catch(() => null))?.status === 200,
          settledMilliseconds,
        );
        // While a service starts, a gateway whose lease has run out says 503; it never says anything else that is not so.
        await eventually(async () => {
          const still = await Promise.all(
            [live, revoked].map((key) => anyone.as(key.credentials.bearer_token).get('/v1/counterparties')),
          );
          const [good, ended] = still.map(({ status }) => status);
          expect([200, 503]).toContain(good);
          expect([401, 503]).toContain(ended);
          return good === 200 && ended === 401;
        }, settledMilliseconds);
      }
      expect(stack.output()).toMatch(new RegExp(`^${service} ended \\(signal SIGKILL\\): starting it again in`, 'm'));
      await allIsWell();
    },
    240_000,
  );

  test('every change that was made is in the record exactly once, and none that was not', async () => {
    const truth = `
      select 'api-key.created ' || id as done from api_key.api_key
      union all select 'api-key.revoked ' || id from api_key.api_key where revoked_at is not null
      union all select 'revocation.enforced ' || id from api_key.api_key where enforced_at is not null
      union all select 'session.created ' || id from identity.token_family where kind = 'session'`;
    const recorded = `
      select action || ' ' || resource_id as done from audit.event
       where action in ('api-key.created', 'api-key.revoked', 'revocation.enforced', 'session.created')`;
    const sorted = async (sql: string) => (await backstage.query<{ done: string }>(sql)).map(({ done }) => done).sort();
    const expected = await sorted(truth);
    for (const id of made) expect(expected).toContain(`api-key.created ${id}`);
    for (const id of ended) expect(expected).toContain(`revocation.enforced ${id}`);
    // What was on its way when audit was killed is delivered again when its time to acknowledge has passed, 30 s.
    await eventually(async () => {
      const record = await sorted(recorded);
      return expected.every((one) => record.includes(one));
    }, 45_000);
    expect(await sorted(recorded)).toEqual(await sorted(truth));
    const [log] = await backstage.query<{ size: string; events: string; ids: string; last: string }>(
      `select (select size from audit.log_size), count(*) as events, count(distinct id) as ids, max(leaf_index) + 1 as last from audit.event`,
    );
    expect(new Set(Object.values(log ?? {}))).toEqual(new Set([log?.size]));
    expect(await backstage.query('select * from audit.rejected')).toEqual([]);
  }, 60_000);

  test('no secret is on the bus, in a log, in a file of the stack or in a table', async () => {
    const bus = await backstage.bus('admin');
    const heard: string[] = [];
    bus.subscribe('>', { callback: (_, message) => void heard.push(bytesOf(message).toString('latin1')) });
    await bus.flush();

    const signedIn = await login();
    const key = await makeKey();
    const pair = (await anyone.post('/v1/authenticate', secretOf(key))).json as Pair;
    expect((await anyone.as(key.credentials.bearer_token).get('/v1/counterparties')).status).toBe(200);
    expect((await anyone.as(pair.access_token).get('/v1/counterparties')).status).toBe(200);
    expect((await anyone.post('/v1/authenticate', { ...secretOf(key), client_secret: wrongSecret })).status).toBe(401);
    expect((await anyone.post('/v1/login', { email: stack.email, password: wrongSecret })).status).toBe(401);
    const again = await anyone.post('/v1/reauthenticate', { refresh_token: pair.refresh_token });
    expect(again.status).toBe(200);
    const second = again.json as Pair;
    expect((await revoke(key.id)).status).toBe(200);
    await eventually(() => heard.some((text) => text.includes('revocation.enforced') && text.includes(key.id)));
    await bus.close();

    const { access_token, refresh_token } = signedIn.json as Pair;
    const tokens = [access_token, refresh_token, access, pair, second].flatMap((one) =>
      typeof one === 'string' ? one : [one.access_token, one.refresh_token],
    );
    const { client_secret, bearer_token } = key.credentials;
    const secrets = [stack.password, wrongSecret, client_secret, bearer_token, ...tokens];
    for (const subject of [
      'identity.login',
      'identity.authenticate',
      'identity.reauthenticate',
      'api-key.create',
      'api-key.revoke',
    ])
      expect(heard.some((text) => text.startsWith(`${subject} `))).toBe(true);
    expect(heard.some((text) => text.includes('Portcullis-Caller: ey'))).toBe(true);
    for (const secret of secrets) expect(heard.filter((text) => text.includes(secret))).toEqual([]);
    const dump = await backstage.dump();
    expect(dump).toContain(key.id);
    for (const secret of secrets) expect(dump.includes(secret)).toBe(false);
    // The signature of a token is what makes it one: without it a token is only what it says.
    for (const token of tokens) expect(dump.includes(token.split('.')[2] ?? token)).toBe(false);
    expect(filesWith(stack.data, secrets)).toEqual([]);
    for (const secret of secrets) expect(stack.output()).not.toContain(secret);
  }, 30_000);

  test('SIGTERM lets a slow download finish, then ends with 0 and leaves no process behind', async () => {
    const processes = [...services, 'client-registry', 'example-upstream', 'postgres', 'nats'].map((name) =>
      identityOf(backstage.pid(name)),
    );
    expect(processes).not.toContain(null);
    const download = await slowDownload(stack.url);
    const end = stack.stop();
    expect(await download.rest).toBe(slowText);
    expect(await end).toBe(0);
    expect(processes.filter((one) => one && isAlive(one))).toEqual([]);
  }, 60_000);
});

interface Key {
  id: string;
  credentials: { client_id: string; client_secret: string; bearer_token: string };
}

interface Pair {
  access_token: string;
  refresh_token: string;
}

const wrongSecret = 'a-wrong-secret-that-must-be-nowhere-either';

const secretOf = ({ credentials: { client_id, client_secret } }: Key) => ({ client_id, client_secret });

/** A success, or a 503 as the contract has it; the first says nothing of the second. */
function expectDoneOrAway(answer: HttpAnswer): void {
  if ([200, 201].includes(answer.status)) return;
  expect(answer).toMatchObject({ status: 503, json: { status: 503, request_id: expect.any(String) as string } });
  expect(['unavailable', 'enforcement_pending']).toContain(answer.json.code);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
}

function pidOrNone(stack: Stack, program: string): number | null {
  try {
    return stack.pidOf(program);
  } catch {
    return null; // between two lives there is no record
  }
}

const slowPieces = 12;
const pieceMilliseconds = 250;
const slowText = 'a piece of a long answer\n'.repeat(slowPieces);

/** Answers at once, and `/public/slow` piece by piece over three seconds. */
async function slowUpstream(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.url !== '/public/slow') return response.end('{}');
    let sent = 0;
    const timer = setInterval(() => {
      response.write(slowText.slice(0, slowText.length / slowPieces));
      if (++sent < slowPieces) return;
      clearInterval(timer);
      response.end();
    }, pieceMilliseconds);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Resolves when the first piece is there; `rest` is the whole text once it is. */
function slowDownload(url: string): Promise<{ rest: Promise<string> }> {
  return new Promise((resolve, reject) => {
    const request = send(`${url}/public/slow`, { agent: false }, (response) => {
      let text = '';
      const rest = new Promise<string>((done, fail) => {
        response.on('end', () => done(text));
        response.on('error', fail);
      });
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        resolve({ rest });
      });
    });
    request.on('error', reject);
    request.end();
  });
}
