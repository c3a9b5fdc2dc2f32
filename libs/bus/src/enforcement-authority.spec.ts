import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type NatsConnection } from '@nats-io/transport-node';
import { type AuthorityReply, type MarkerNotice, type Renewed } from '@portcullis/enforcement';
import { eventually, specConnection, specDatabase, type SpecDatabase, specNatsUrl } from '@portcullis/testing';
import { Bus } from './bus.js';
import { EnforcementAuthority } from './enforcement-authority.js';
import { appliedSubject, exchangeSubject, markerSubject } from './enforcement-subjects.js';
import { EnforcerLink } from './enforcer-link.js';

const leaseSeconds = 1;
/** For enforcers that keep a lease: one of a second is worth less than the second after which it is renewed. */
const lastingSeconds = 10;
const authority = 'client-registry';

let spec: SpecDatabase;
let gateway: NatsConnection;
const reported: string[] = [];
const open: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  spec = await specDatabase({
    service: authority,
    schema: 'client_registry',
    entities: [],
    migrations: pathToFileURL(`${mkdtempSync(join(tmpdir(), 'portcullis-none-'))}/`),
  });
  gateway = await specConnection('gateway');
});
beforeEach(() => reported.splice(0));
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
  await spec.database.read((manager) => manager.query('delete from enforcer'));
});
afterAll(async () => {
  await gateway.close();
  await spec.drop();
});

/** One more process of the authority. */
async function aReplica(seconds = leaseSeconds): Promise<EnforcementAuthority> {
  const bus = await Bus.connect(authority, specNatsUrl(authority));
  const replica = new EnforcementAuthority(bus, {
    store: spec.database.enforcement,
    leaseSeconds: seconds,
    report: (line) => reported.push(line),
  });
  replica.start();
  await bus.connection.flush();
  open.push(async () => {
    replica.stop();
    await bus.close();
  });
  return replica;
}

const revoke = (id = 'k'): Promise<number> =>
  spec.database.transaction((tx) => tx.mark({ scope: 'credential', id, effect: 'drop' }));
const appliedThrough = async (id: string): Promise<number> => {
  const rows = await spec.database.enforcement.enforcers();
  return rows.find((row) => row.id === id)?.appliedThrough ?? -1;
};

/** An enforcer that renews once, and from then on does nothing but acknowledge what is broadcast. */
async function aTerseEnforcer(enforcerId: string, how = { acknowledges: true }): Promise<void> {
  const ask = async (message: object): Promise<AuthorityReply> => {
    const said = JSON.stringify({ enforcerId, incarnation: 1, ...message });
    return (await gateway.request(exchangeSubject(authority), said, { timeout: 5_000 })).json<AuthorityReply>();
  };
  expect(await ask({ kind: 'join' })).toEqual({ kind: 'joined' });
  const { history, leaseMs } = (await ask({ kind: 'renew', appliedThrough: 0 })) as Renewed;
  expect(leaseMs).toBe(leaseSeconds * 1000);
  const subscription = gateway.subscribe(markerSubject(authority), {
    callback: (_, message) => {
      const { markers } = message.json<MarkerNotice>();
      const seq = Math.max(...markers.map((marker) => marker.seq));
      const ack = { kind: 'ack', enforcerId, incarnation: 1, appliedThrough: seq, history };
      if (how.acknowledges) gateway.publish(appliedSubject(authority), JSON.stringify(ack));
    },
  });
  await gateway.flush();
  open.push(() => subscription.unsubscribe());
}

test('a revocation is answered by acknowledgements alone, on any replica, and they cost the database nothing', async () => {
  const [one, other] = [await aReplica(), await aReplica()];
  await Promise.all([aTerseEnforcer('gw-a'), aTerseEnforcer('gw-b')]);
  const seq = await revoke();
  const receipt = await one.confirm([seq]);
  expect(receipt).toMatchObject({ enforcers: 2, acknowledged: 2, fenced: 0 });
  // Asked again, of either: both have heard what nobody has written down.
  for (const replica of [one, other]) {
    expect(await replica.confirm([seq])).toMatchObject({ enforcers: 2, acknowledged: 2, fenced: 0 });
  }
  expect(await appliedThrough('gw-a')).toBeLessThan(seq);
});

test('an acknowledgement of one enforcer says nothing about another, and of one revocation nothing about the next', async () => {
  const replica = await aReplica();
  await aTerseEnforcer('gw-a');
  await aTerseEnforcer('gw-mute', { acknowledges: false });
  const receipt = await replica.confirm([await revoke()]);
  expect(receipt).toMatchObject({ enforcers: 2, acknowledged: 1, fenced: 1 });
  expect(receipt.elapsed_ms).toBeGreaterThanOrEqual(leaseSeconds * 1000);
  // The log names it, once.
  expect(
    reported.filter((line) => /gw-mute was silent 1\.\d s after a revocation and is fenced/.test(line)),
  ).toHaveLength(1);
  expect(reported.join()).not.toContain('gw-a');
});

test('what was acknowledged to a database that was put back to an earlier point says nothing about its next revocation', async () => {
  const replica = await aReplica();
  const how = { acknowledges: true };
  await aTerseEnforcer('gw-a', how);
  for (let n = 0; n < 3; n++) expect(await replica.confirm([await revoke()])).toMatchObject({ acknowledged: 1 });
  how.acknowledges = false;
  await spec.database.read(async (manager) => {
    await manager.query('delete from marker');
    await manager.query('update enforcement_head set last_seq = 0');
    await manager.query('update enforcer set applied_through = 0, granted_through = 0');
  });
  expect(await replica.confirm([await revoke()])).toMatchObject({ enforcers: 1, acknowledged: 0, fenced: 1 });
});

test('of a database that was put back nobody believes before L that it knows all who hold leases, and from then on everybody', async () => {
  const replica = await aReplica();
  await aTerseEnforcer('gw-forgotten', { acknowledges: false });
  await spec.database.read(async (manager) => {
    await manager.query('delete from enforcer');
    await manager.query(`update enforcement_head set installed = md5(installed)`);
  });
  const seq = await revoke();
  const [first, another] = await Promise.all([replica.confirm([seq]), (await aReplica()).confirm([seq])]);
  for (const receipt of [first, another]) {
    expect(receipt).toMatchObject({ enforcers: 0, acknowledged: 0, fenced: 0 });
    expect(receipt.elapsed_ms).toBeGreaterThan(leaseSeconds * 900);
  }
  await eventually(async () => (await spec.database.enforcement.confirming([])).settled);
  expect((await replica.confirm([seq])).elapsed_ms).toBeLessThan(leaseSeconds * 900);
});

test('a database that is put back while somebody waits, or before, leaves the revocation unconfirmed', async () => {
  const replica = await aReplica();
  await aTerseEnforcer('gw-mute', { acknowledges: false });
  const isWaiting = new Promise<void>((resolve) => {
    gateway.subscribe(markerSubject(authority), { max: 1, callback: () => resolve() });
  });
  await gateway.flush();
  const confirming = expect(replica.confirm([await revoke()])).rejects.toMatchObject({ code: 'enforcement_pending' });
  await isWaiting;
  await spec.database.read(async (manager) => {
    // One statement: a database is put back as a whole.
    await manager.query('with gone as (delete from enforcer) update enforcement_head set installed = md5(installed)');
  });
  await confirming;
  await expect(replica.confirm([1e9])).rejects.toMatchObject({ code: 'enforcement_pending' });
});

test('what no replica has heard is believed when a renewal says it', async () => {
  const deaf = await aReplica(lastingSeconds);
  const bus = await Bus.connect('gateway', specNatsUrl('gateway'));
  const link = new EnforcerLink<string>(bus, { id: 'gw-link' });
  link.start();
  open.push(async () => {
    await link.stop();
    await bus.close();
  });
  await eventually(() => link.enforcer.holdsLease(authority, link.now()));
  const seq = await revoke();
  // Nobody broadcasts it: the enforcer learns of it when it renews, and says in the renewal after that that it has.
  await eventually(async () => (await appliedThrough('gw-link')) >= seq);
  expect(await deaf.confirm([seq])).toMatchObject({ enforcers: 1, acknowledged: 1, fenced: 0 });
});

test('an enforcer is told how long each broadcast marker took it, and how long after the commit it was heard', async () => {
  const replica = await aReplica(lastingSeconds);
  await aReplica(lastingSeconds);
  const told: [string, number][] = [];
  const heard: [string, number][] = [];
  const bus = await Bus.connect('gateway', specNatsUrl('gateway'));
  const link = new EnforcerLink<string>(bus, {
    id: 'gw-link',
    acknowledged: (...each) => told.push(each),
    heard: (...each) => heard.push(each),
  });
  link.start();
  open.push(async () => {
    await link.stop();
    await bus.close();
  });
  await eventually(() => link.enforcer.holdsLease(authority, link.now()));
  for (const id of ['a', 'b']) expect(await replica.confirm([await revoke(id)])).toMatchObject({ acknowledged: 1 });
  expect(told).toEqual([
    [authority, expect.any(Number)],
    [authority, expect.any(Number)],
  ]);
  for (const [, milliseconds] of told) expect(milliseconds).toBeGreaterThan(0);
  // The other replica has heard the acknowledgements too, waited for nothing, and says nothing.
  await eventually(() => heard.length >= 2);
  expect(heard).toEqual([
    [authority, expect.any(Number)],
    [authority, expect.any(Number)],
  ]);
  for (const [, milliseconds] of heard) expect(milliseconds).toBeGreaterThan(0);
});

test('of guards that join at once so many are let in as may be, and gateways come and go as before', async () => {
  await aReplica(lastingSeconds);
  await aReplica(lastingSeconds);
  const guards = await specConnection('guard');
  open.push(() => guards.close());
  const subject = exchangeSubject(authority, 'guard');
  const joined = () => spec.database.enforcement.enforcers();
  // Thirty at once: the last of them that are let in race those that are not.
  for (let sent = 0; !reported.some((line) => line.includes('200 of 200 live'));) {
    for (const until = sent + 30; sent < until; sent++) guards.publish(subject, joining(`guard_${sent}`));
    await eventually(async () => (await joined()).length + reported.length === sent);
  }
  const rows = await joined();
  expect(rows).toHaveLength(200);
  expect((await guards.request(subject, joining(rows[0]?.id ?? ''))).json()).toEqual({ kind: 'joined' });
  expect((await gateway.request(exchangeSubject(authority), joining('gw-a'))).json()).toEqual({ kind: 'joined' });
});

test('guards that were fenced are kept, and so many of them leave no room for more', async () => {
  await aReplica();
  const guards = await specConnection('guard');
  open.push(() => guards.close());
  await spec.database.read((manager) =>
    manager.query(
      `insert into enforcer (id, incarnation, state, applied_through, granted_through, lease_ms, renewals, renewed_at)
       select 'guard_' || n, 1, 'fenced', 0, 0, 1000, 0, now() from generate_series(1, 1000) n`,
    ),
  );
  const subject = exchangeSubject(authority, 'guard');
  guards.publish(subject, joining('guard_new'));
  await eventually(() => reported.some((line) => line.includes('1000 of 1000 kept')));
  expect((await guards.request(subject, joining('guard_7', 2))).json()).toEqual({ kind: 'joined' });
});

const joining = (enforcerId: string, incarnation = 1): string =>
  JSON.stringify({ kind: 'join', enforcerId, incarnation });
