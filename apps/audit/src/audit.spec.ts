import { jetstream } from '@nats-io/jetstream';
import { type NatsConnection } from '@nats-io/transport-node';
import { Bus, CallerSigner, committedSubject, publishEvent, startService } from '@portcullis/bus';
import {
  Audit,
  type AuditEvent,
  completeEvent,
  newId,
  type OwedEvent,
  type RequestInputOf,
  type Service,
  toCloudEvent,
} from '@portcullis/contracts';
import { generateSigningKey, NetworkList } from '@portcullis/credentials';
import { aCaller, eventually, specConnection, specDatabase, type SpecDatabase, specNatsUrl } from '@portcullis/testing';
import { assembleAudit } from './assemble-audit.js';
import { auditDatabase } from './audit.module.js';
import { logConfig } from '../spec/log-config.js';
import { EventStore } from './event.store.js';

const now = new Date('2026-02-01T00:00:00.000Z');
const organization = newId('org', now);
const first = newId('org', now);
const gatewayKey = generateSigningKey();

let spec: SpecDatabase;
let running: { stop(): Promise<void> } | undefined;
let gateway: Bus;
let admin: NatsConnection;

const start = async (): Promise<void> => {
  running = await startService('audit', specNatsUrl('audit'), async (bus, report) => ({
    ...(await assembleAudit(bus, spec.database, { report, log: logConfig, webhookAllow: NetworkList.parse([]) })),
    gatewayKeys: { find: () => Promise.resolve(gatewayKey.publicKey) },
    close: () => Promise.resolve(),
  }));
};

beforeAll(async () => {
  spec = await specDatabase(auditDatabase);
  admin = await specConnection('admin');
  // Identity is another process; here somebody with its NATS user answers the one question that audit asks.
  const identity = await specConnection('identity');
  identity.subscribe('identity.installation', {
    callback: (_error, message) => void message.respond(JSON.stringify({ ok: { first_organization_id: first } })),
  });
  closing.push(() => identity.close());
  gateway = await Bus.connect('gateway', specNatsUrl('gateway'), {
    signer: new CallerSigner(gatewayKey, () => new Date()),
  });
  await start();
});
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  await running?.stop();
  await gateway.close();
  await admin.close();
  for (const close of closing) await close();
  await spec.drop();
});

const anEvent = (given: Partial<OwedEvent> = {}, service: Service = 'api-key', time = now): AuditEvent =>
  completeEvent(
    {
      organization_id: organization,
      action: 'api-key.created',
      resource: { kind: 'api-key', id: newId('key', now) },
      ...given,
    },
    { id: newId('evt', now), time, service },
  );
const publish = (...events: AuditEvent[]) => Promise.all(events.map((event) => publishEvent(jetstream(admin), event)));
const reader = (organization_id: string) => aCaller({ organization_id, permissions: ['audit:view'] });
const list = (filter: Partial<RequestInputOf<typeof Audit.list>> = {}, organization_id = organization) =>
  gateway.call(Audit.list, filter, reader(organization_id));
/** Asked of the table: who asks the service is written down. */
const kept = (id: string, organization_id = organization) =>
  eventually(async () => {
    const text = `select body from event where id = $1 and coalesce(organization_id, $3) = $2`;
    return (await rows<{ body: AuditEvent }>(text, [id, organization_id, first]))[0]?.body;
  });
const rows = <T>(sql: string, values: unknown[] = []) =>
  spec.database.read((manager) => manager.query<T[]>(sql, values));

describe('the record', () => {
  test('keeps an event as it was said, and tells the service that owes it', async () => {
    const event = anEvent({ details: { name: 'ci' } });
    const told: string[] = [];
    const listening = admin.subscribe(committedSubject('api-key'), {
      callback: (_error, message) => void told.push(...message.json<string[]>()),
    });
    await publish(event);
    expect(await kept(event.id)).toEqual(event);
    expect(await gateway.call(Audit.read, { id: event.id }, reader(organization))).toEqual(event);
    await eventually(() => told.includes(event.id));
    listening.unsubscribe();
  });

  test('keeps an event once, however often it is delivered, and says each time that it is kept', async () => {
    const event = anEvent();
    const told: string[] = [];
    const listening = admin.subscribe(committedSubject('api-key'), {
      callback: (_error, message) => void told.push(...message.json<string[]>()),
    });
    await publish(event);
    // Another message id: past JetStream's window a repeat is a new message to it.
    await jetstream(admin).publish(
      `audit.${organization}.api-key.api-key.created`,
      JSON.stringify(toCloudEvent(event)),
      { msgID: 'again' },
    );
    await eventually(() => told.filter((id) => id === event.id).length === 2);
    listening.unsubscribe();
    expect(await rows('select id from event where id = $1', [event.id])).toHaveLength(1);
  });

  test('is dense: a hundred events at once have a hundred indexes in a row', async () => {
    const events = Array.from({ length: 100 }, () => anEvent());
    await publish(...events, ...events.slice(0, 10));
    await Promise.all(events.map((event) => kept(event.id)));
    // One statement: what is read is itself written down, so that the record grows while it is looked at.
    const [state] = await rows<{ indexes: number[]; size: number; leaves: number }>(
      `select (select array_agg(leaf_index::int order by leaf_index) from event) as indexes,
              (select size::int from log_size) as size, (select size::int from log_head) as leaves`,
    );
    expect(state?.indexes).toEqual(state?.indexes.map((_, position) => position));
    expect(state).toMatchObject({ size: state?.indexes.length, leaves: state?.indexes.length });
  });

  test('misses nothing that was published while audit was away', async () => {
    await running?.stop();
    const events = Array.from({ length: 20 }, () => anEvent());
    await publish(...events);
    await start();
    await Promise.all(events.map((event) => kept(event.id)));
  });

  test('puts aside what is no event or is said in another’s name, and goes on', async () => {
    const forged = anEvent({}, 'identity');
    const stream = jetstream(admin);
    const send = (subject: string, body: string) => stream.publish(subject, body);
    await send(`audit.${organization}.api-key.api-key.created`, 'not json');
    await send(`audit.${organization}.api-key.api-key.created`, '{"specversion":"1.0"}');
    await send(`audit.${organization}.api-key.api-key.created`, JSON.stringify(toCloudEvent(forged)));
    await send(`audit.${first}.api-key.api-key.created`, JSON.stringify(toCloudEvent(anEvent())));
    await send(`audit.${organization}.api-key.api-key.revoked`, JSON.stringify(toCloudEvent(anEvent())));
    const unstorable = anEvent({ details: { name: 'a\0b' } });
    const after = anEvent();
    await publish(unstorable, after);
    await kept(after.id);
    const reasons = (await rows<{ reason: string }>('select reason from rejected order by stream_seq')).map(
      (row) => row.reason,
    );
    expect(reasons).toEqual([
      'not JSON',
      expect.stringMatching(/^not a CloudEvent of ours/),
      ...Array<string>(3).fill('its subject names another organization, service or action'),
      expect.stringMatching(/^cannot be stored/),
    ]);
    expect(await rows('select 1 from event where id = $1', [forged.id])).toEqual([]);
  });

  test('gives up nothing when Postgres is away for a while', async () => {
    const event = anEvent();
    await rows(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    await publish(event);
    await kept(event.id);
  });
});

describe('a reader', () => {
  test('sees the own organization’s events and no other’s', async () => {
    const [mine, theirs, nobodys] = [
      anEvent(),
      anEvent({ organization_id: newId('org', now) }),
      anEvent({ organization_id: null }),
    ];
    await publish(mine, theirs, nobodys);
    await kept(mine.id);
    await kept(nobodys.id, first);
    const missing = await gateway
      .call(Audit.read, { id: newId('evt', now) }, reader(organization))
      .catch((e: unknown) => e);
    for (const { id } of [theirs, nobodys]) {
      await expect(gateway.call(Audit.read, { id }, reader(organization))).rejects.toEqual(missing);
      expect((await list({ limit: 100 })).items.map((event) => event.id)).not.toContain(id);
    }
    expect((await list({}, first)).items.map((event) => event.id)).toContain(nobodys.id);
  });

  test('gets the newest first, page by page, without drift while events come in', async () => {
    const here = newId('org', now);
    const events = Array.from({ length: 5 }, () => anEvent({ organization_id: here }));
    for (const event of events) {
      await publish(event);
      await kept(event.id, here);
    }
    const made = { action: 'api-key.created' as const, limit: 2 };
    const one = await list(made, here);
    const late = anEvent({ organization_id: here });
    await publish(late);
    await kept(late.id, here);
    const two = await list({ ...made, cursor: one.next_cursor ?? '' }, here);
    const three = await list({ ...made, cursor: two.next_cursor ?? '' }, here);
    expect([...one.items, ...two.items, ...three.items].map((event) => event.id)).toEqual(
      events.map((event) => event.id).reverse(),
    );
    expect(three.next_cursor).toBeNull();
    await expect(list({ ...made, cursor: one.next_cursor ?? '' })).rejects.toMatchObject({ code: 'invalid_cursor' });
    await expect(list({ ...made, cursor: `${one.next_cursor}A` }, here)).rejects.toMatchObject({
      code: 'invalid_cursor',
    });
  });

  test('finds events by who, what, which, when, how it ended and in which request', async () => {
    const here = newId('org', now);
    const later = new Date(now.getTime() + 60_000);
    const actor = { kind: 'user' as const, id: newId('usr', now), credential_id: newId('key', now) };
    const made = anEvent({ organization_id: here, actor, request_id: 'req-1', details: { name: 'Nightly Build' } });
    const denied = anEvent(
      { organization_id: here, action: 'request.denied', outcome: 'denied', resource: { kind: 'route', id: null } },
      'gateway',
      later,
    );
    await publish(made, denied);
    await Promise.all([kept(made.id, here), kept(denied.id, here)]);
    const found = async (filter: Partial<RequestInputOf<typeof Audit.list>>) =>
      (await list(filter, here)).items.filter((event) => event.service !== 'audit').map((event) => event.id);
    expect(await found({ actor: actor.id })).toEqual([made.id]);
    expect(await found({ actor: actor.credential_id })).toEqual([made.id]);
    expect(await found({ action: 'request.denied' })).toEqual([denied.id]);
    expect(await found({ resource: made.resource.id ?? '' })).toEqual([made.id]);
    expect(await found({ resource: 'route' })).toEqual([denied.id]);
    expect(await found({ outcome: 'denied' })).toEqual([denied.id]);
    expect(await found({ since: later.toISOString() })).toEqual([denied.id]);
    expect(await found({ until: later.toISOString() })).toEqual([made.id]);
    expect(await found({ request_id: 'req-1' })).toEqual([made.id]);
    expect(await found({ q: 'nightly build' })).toEqual([made.id]);
    expect(await found({ q: '%' })).toEqual([]);
    expect(await found({ outcome: 'denied', actor: actor.id })).toEqual([]);
  });

  test('searches what events say, not the names of their fields, and goes on where a page of the search ended', async () => {
    const here = newId('org', now);
    const events = Array.from({ length: 5 }, (_, at) =>
      anEvent({ organization_id: here, details: { name: at === 0 ? 'Needle' : 'hay "quoted"' } }),
    );
    for (const event of events) {
      await publish(event);
      await kept(event.id, here);
    }
    const ids = async (q: string) => (await list({ q }, here)).items.map((event) => event.id);
    expect(await ids('NEEDLE')).toEqual([events[0]?.id]);
    expect(await ids(events[3]?.resource.id ?? '')).toEqual([events[3]?.id]);
    expect(await ids('api-key.created')).toHaveLength(5);
    expect(await ids('outcome')).toEqual([]);

    const store = new EventStore(spec.database);
    const search = (before?: number) =>
      store.list({ organizationId: here, installation: false, action: 'api-key.created', q: 'needle', before }, 10, 3);
    const first = await search();
    expect(first.found).toEqual([]);
    const second = await search(first.examinedDownTo);
    expect(second.found.map(({ event }) => event.id)).toEqual([events[0]?.id]);
    expect(second.examinedDownTo).toBeUndefined();
  });

  test('finds an event once, though it matches in two ways', async () => {
    const id = newId('key', now);
    const own = anEvent({ organization_id: first, actor: { kind: 'client', id, credential_id: id } });
    const nobodys = anEvent({ organization_id: null, resource: { kind: id, id } });
    await publish(own, nobodys);
    await Promise.all([kept(own.id, first), kept(nobodys.id, first)]);
    expect((await list({ actor: id }, first)).items.map((event) => event.id)).toEqual([own.id]);
    expect((await list({ resource: id }, first)).items.map((event) => event.id)).toEqual([nobodys.id]);
    expect((await list({ actor: id })).items).toEqual([]);
  });

  test.each([
    ['since', { since: '0001-01-01T00:00:00Z' }, 1],
    ['until', { until: '0001-01-01T00:00:00Z' }, 0],
    ['until', { until: '9999-12-31T23:59:59.999Z' }, 1],
  ])('may give any time that the contract lets pass: %s %j', async (_name, filter, count) => {
    const here = newId('org', now);
    const event = anEvent({ organization_id: here });
    await publish(event);
    await kept(event.id, here);
    expect((await list({ ...filter, action: event.action }, here)).items).toHaveLength(count);
  });

  test.each(['evt_', '\0', "' or true --", newId('key', now)])(
    'is told that %j is no event, as of any other',
    async (id) => {
      const missing = await gateway.call(Audit.read, { id: newId('evt', now) }, reader(first)).catch((e: unknown) => e);
      await expect(gateway.call(Audit.read, { id }, reader(first))).rejects.toEqual(missing);
    },
  );

  test('is written down, once for a list whatever its pages are, before the answer; what was searched for is not', async () => {
    const here = newId('org', now);
    const events = Array.from({ length: 3 }, () => anEvent({ organization_id: here }));
    await publish(...events);
    for (const { id } of events) await kept(id, here);
    const caller = reader(here);
    const q = 'api-key.created';
    const one = await gateway.call(Audit.list, { limit: 1, q }, caller);
    await gateway.call(Audit.list, { limit: 1, q, cursor: one.next_cursor ?? '' }, caller);
    await gateway.call(Audit.read, { id: events[0]?.id ?? '' }, caller);
    const readings = () =>
      rows<{ body: AuditEvent }>(
        `select body from event where organization_id = $1 and action = 'record.viewed' order by leaf_index`,
        [here],
      );
    await eventually(async () => (await readings()).length >= 2);
    const said = (await readings()).map(({ body }) => body);
    expect(said).toHaveLength(2);
    expect(said[0]).toMatchObject({
      service: 'audit',
      actor: { id: caller.principal.id, credential_id: caller.principal.credential_id },
      request_id: caller.request.id,
      details: { searched: true },
    });
    expect(said[1]?.resource).toEqual({ kind: 'audit-event', id: events[0]?.id });
    expect(JSON.stringify(said)).not.toContain(q);
  });

  test('needs audit:view', async () => {
    await expect(gateway.call(Audit.list, {}, aCaller({ organization_id: organization }))).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});
