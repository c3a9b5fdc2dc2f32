import { createServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { type AuditEvent, newId } from '@portcullis/contracts';
import { NetworkList } from '@portcullis/credentials';
import { eventually, selfSignedCertificate } from '@portcullis/testing';
import { anEvent } from '../../spec/appended-log.js';
import { webhookHouse } from '../../spec/webhook-house.js';
import { webhookReceiver, type WebhookReceiver } from '../../spec/webhook-receiver.js';
import { Destinations } from './destinations.js';

let house: Awaited<ReturnType<typeof webhookHouse>>;
let receiver: WebhookReceiver;
let organization: string;
beforeAll(async () => {
  house = await webhookHouse();
}, 60_000);
beforeEach(async () => {
  receiver = await webhookReceiver();
  organization = house.anOrganization();
  house.clock.ahead = 0;
});
afterEach(async () => {
  await house.stopAll();
  await receiver.close();
  await house.rows('delete from webhook');
  expect(house.reports.splice(0)).toEqual([]);
});
afterAll(() => house.drop());

const idsOf = (events: readonly AuditEvent[]) => events.map(({ id }) => id).sort();
const arrived = (count: number, milliseconds = 10_000) =>
  eventually(() => receiver.received.length >= count, milliseconds);
const state = (id: string) => house.manage.read(house.as(organization), { id });
/** All that the record has for it was found and taken, or given up. */
const delivered = (id: string) =>
  eventually(async () => {
    const [row] = await house.rows<{ unseen: boolean }>(
      `select exists (select from event where reader = organization_id and leaf_index >= next_index) as unseen
         from webhook where id = $1`,
      [id],
    );
    return row?.unseen === false && (await state(id)).pending === 0;
  });
const owed = async (id: string) =>
  (
    await house.rows<{ event: AuditEvent }>(
      `select event from outbox where event->'resource'->>'id' = $1 order by id`,
      [id],
    )
  ).map(({ event }) => event);
const status = (code: number, headers = {}) => {
  receiver.answer = (_request, response) => void response.writeHead(code, headers).end();
};
/** Attempts that failed and were written down. */
const failed = (id: string, attempts: number) =>
  eventually(async () => {
    const [row] = await house.rows<{ attempts: number; reason: string; wait: number }>(
      `select attempts, reason, extract(epoch from due_at) as wait from webhook_delivery
        where webhook_id = $1 and leased_until is null and reason is not null`,
      [id],
    );
    return row?.attempts === attempts ? { ...row, wait: Number(row.wait) } : undefined;
  });

describe('a receiver', () => {
  test('gets each event of its organization that is kept from then on, signed so that the reference library takes it', async () => {
    await house.happened(organization, 3);
    const { id, secret } = await house.made(organization, { url: receiver.url });
    house.start();
    const events = await house.happened(organization, 25);
    await house.happened(house.anOrganization(), 5);
    await house.append([{ ...(events[0] as AuditEvent), id: newId('evt', new Date()), organization_id: null }]);
    await arrived(25);
    await delivered(id);
    const verified = receiver.verified(secret);
    expect(verified.map((sent) => sent.data.id).sort()).toEqual(idsOf(events));
    expect(receiver.ids()).toEqual(verified.map((sent) => sent.id));
    expect(receiver.received[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Portcullis',
    });
    expect(await state(id)).toMatchObject({ failing_since: null, delivered_at: expect.any(String) as string });
  });

  test('gets what its filters leave: actions, all of a noun, ids and kinds', async () => {
    const byAction = await house.made(organization, { url: `${receiver.url}/a`, actions: ['api-key.revoked'] });
    const byNoun = await house.made(organization, { url: `${receiver.url}/n`, actions: ['bucket.*'] });
    const byId = await house.made(organization, { url: `${receiver.url}/i`, subjects: ['key_wanted'] });
    const byBoth = await house.made(organization, {
      url: `${receiver.url}/b`,
      actions: ['api-key.*'],
      subjects: ['client', 'key_wanted'],
    });
    const [made, revoked, claimed, wanted] = [
      await house.happened(organization, 1),
      await house.happened(organization, 1, { action: 'api-key.revoked' }),
      await house.happened(organization, 1, { action: 'bucket.claimed', resource: { kind: 'bucket', id: 'b' } }),
      await house.happened(organization, 1, { resource: { kind: 'api-key', id: 'key_wanted' } }),
    ];
    expect(made).toHaveLength(1);
    house.start();
    await arrived(4);
    for (const { id } of [byAction, byNoun, byId, byBoth]) await delivered(id);
    const got = receiver.received.map(({ path, headers }) => `${path} ${String(headers['webhook-id'])}`).sort();
    expect(got).toEqual(
      [
        `/hook/a ${idsOf(revoked)[0]}`,
        `/hook/n ${idsOf(claimed)[0]}`,
        `/hook/i ${idsOf(wanted)[0]}`,
        `/hook/b ${idsOf(wanted)[0]}`,
      ].sort(),
    );
  });

  test('gets each event once from two replicas, and more than they may have in hand at once', async () => {
    const { id, secret } = await house.made(organization, { url: receiver.url });
    const events = await house.happened(organization, 120);
    house.start();
    house.start();
    await arrived(120, 30_000);
    await delivered(id);
    expect(
      receiver
        .verified(secret)
        .map((sent) => sent.id)
        .sort(),
    ).toEqual(idsOf(events));
  }, 60_000);

  test('gets after a restart what was not taken before, and nothing again that was', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    house.start();
    const before = await house.happened(organization, 2);
    await arrived(2);
    await delivered(id);
    receiver.answer = () => undefined;
    const during = await house.happened(organization, 1);
    await arrived(3);
    await house.stopAll();
    receiver.answer = (_request, response) => void response.writeHead(200).end();
    const meanwhile = await house.happened(organization, 3);
    house.start();
    await arrived(7);
    await delivered(id);
    expect([...new Set(receiver.ids())].sort()).toEqual(idsOf([...before, ...during, ...meanwhile]));
    expect(receiver.ids().slice(3).sort()).toEqual(idsOf([...during, ...meanwhile]));
  });

  test('is not sent an event that was erased meanwhile', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    status(500);
    const [event] = await house.happened(organization, 1);
    house.start();
    await failed(id, 1);
    await house.rows('delete from event where id = $1', [event?.id]);
    house.after(60);
    await delivered(id);
    expect(receiver.received).toHaveLength(1);
  });

  test('gets its events out of a long record that is not for it, in order to be found at all', async () => {
    const { id } = await house.made(organization, { url: receiver.url, actions: ['api-key.revoked'] });
    for (let batch = 0; batch < 6; batch++) await house.happened(organization, 1_000);
    const [last] = await house.happened(organization, 1, { action: 'api-key.revoked' });
    house.start();
    await arrived(1);
    await delivered(id);
    expect(receiver.ids()).toEqual([last?.id]);
  }, 60_000);

  test('verifies by the old secret and by the new one until the overlap is over', async () => {
    const { id, secret: old } = await house.made(organization, { url: receiver.url });
    const rotated = await house.manage.rotate(house.as(organization), { id, overlap_seconds: 100 });
    const fresh = house.open(rotated.secret ?? { sealed: '' }, { subject: 'audit.rotate-webhook' });
    house.start();
    await house.happened(organization, 1);
    await arrived(1);
    expect([receiver.verified(old).length, receiver.verified(fresh).length]).toEqual([1, 1]);
    house.after(101);
    await house.happened(organization, 1);
    await arrived(2);
    expect(receiver.verified(fresh)).toHaveLength(2);
    expect(() => receiver.verified(old)).toThrow();
  });
});

describe('an attempt that fails', () => {
  test.each([
    ['another status', 500, {}, 'status_500'],
    ['a redirect, which is not followed', 307, { location: 'http://127.0.0.1:1/' }, 'redirect'],
  ])('by %s is made again later, under the same id', async (_what, code, headers, reason) => {
    const { id } = await house.made(organization, { url: receiver.url });
    status(code, headers);
    await house.happened(organization, 1);
    house.start();
    expect(await failed(id, 1)).toMatchObject({ reason });
    status(204);
    house.after(13);
    await delivered(id);
    const [first, second] = receiver.ids();
    expect([receiver.received.length, second]).toEqual([2, first]);
    expect((await state(id)).failing_since).toBeNull();
  });

  test('by silence ends in time, and holds up no other webhook', async () => {
    const { id } = await house.made(organization, { url: `${receiver.url}/silent` });
    const quick = await house.made(organization, { url: receiver.url });
    receiver.answer = ({ path }, response) => void (path === '/hook' && response.writeHead(204).end());
    await house.happened(organization, 1);
    house.start({ timeoutMilliseconds: 300 });
    await delivered(quick.id);
    expect(await failed(id, 1)).toMatchObject({ reason: 'timeout' });
  });

  test('by an endless answer is none: the answer is not read', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    receiver.answer = (_request, response) => {
      response.writeHead(200);
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), more));
      more();
    };
    await house.happened(organization, 1);
    house.start();
    await delivered(id);
    expect(receiver.received).toHaveLength(1);
  });

  test('with Retry-After is not made again before, nor is any other of that webhook', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    status(429, { 'retry-after': '600' });
    await house.happened(organization, 1);
    house.start();
    const { wait } = await failed(id, 1);
    expect(wait - Date.now() / 1000).toBeGreaterThan(590);
    status(204);
    await house.happened(organization, 1);
    await eventually(async () => (await state(id)).pending === 2);
    house.after(300);
    // A webhook that may be sent something shows that a turn went by.
    const other = await house.made(organization, { url: `${receiver.url}/other` });
    await house.happened(organization, 1);
    await delivered(other.id);
    expect(receiver.received.filter(({ path }) => path === '/hook')).toHaveLength(1);
    house.after(301);
    await delivered(id);
  });

  test('because the name leads inside now is made to no address at all', async () => {
    const { id } = await house.made(organization, { url: receiver.url.replace('127.0.0.1', 'localhost') });
    await house.happened(organization, 1);
    house.start({ destinations: new Destinations(NetworkList.parse([])) });
    expect(await failed(id, 1)).toMatchObject({ reason: 'address_refused' });
    expect(receiver.received).toHaveLength(0);
  });

  test('goes to the address that was judged, asked for once: a name that changes meanwhile changes nothing', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    await house.rows('update webhook set url = $1', [receiver.url.replace('127.0.0.1', 'rebinding.example')]);
    let asked = 0;
    const resolve = () => Promise.resolve([{ address: asked++ === 0 ? '127.0.0.1' : '127.0.0.2', family: 4 }]);
    await house.happened(organization, 1);
    house.start({ destinations: new Destinations(NetworkList.parse(['127.0.0.1/32']), resolve) });
    await delivered(id);
    expect([asked, receiver.received.length]).toEqual([1, 1]);
    expect(receiver.received[0]?.headers.host).toMatch(/^rebinding\.example:/);
  });

  test('because nobody knows the certificate has sent nothing', async () => {
    let requests = 0;
    const server = createServer(selfSignedCertificate(), (_request, response) => {
      requests++;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { id } = await house.made(organization, { url: `https://127.0.0.1:${port}/` });
    await house.happened(organization, 1);
    house.start();
    expect(await failed(id, 1)).toMatchObject({ reason: 'unreachable' });
    expect(requests).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('an event that is never taken', () => {
  test('becomes a dead letter after the last attempt, which can be listed and sent again under its id', async () => {
    const { id, secret } = await house.made(organization, { url: receiver.url });
    status(500);
    const [event] = await house.happened(organization, 1);
    await house.happened(organization, 1);
    house.start();
    for (let attempts = 1; attempts < 10; attempts++) {
      await arrived(2 * attempts);
      await eventually(async () => {
        const rows = await house.rows('select from webhook_delivery where leased_until is null and attempts = $1', [
          attempts,
        ]);
        return rows.length === 2;
      });
      house.after(15 * 3600);
      // Other attempts disable it after five days: what is looked at here is how one event ends.
      await house.rows('update webhook set failing_since = null');
    }
    await eventually(async () => (await state(id)).dead_letters === 2);
    const page = await house.manage.deadLetters(house.as(organization), { id, limit: 1 });
    expect(page.items).toEqual([
      { event_id: event?.id, attempts: 10, reason: 'status_500', died_at: expect.any(String) as string },
    ]);
    const next = await house.manage.deadLetters(house.as(organization), {
      id,
      limit: 5,
      cursor: page.next_cursor ?? '',
    });
    expect([next.items.length, next.next_cursor]).toEqual([1, null]);

    house.clock.ahead = 0;
    await house.rows('update webhook_delivery set died_at = now()');
    receiver.received.length = 0;
    status(204);
    expect(await house.manage.replay(house.as(organization), { id, event_ids: [event?.id ?? ''] })).toEqual({
      replayed: 1,
    });
    await arrived(1);
    await delivered(id);
    expect(receiver.verified(secret).map((sent) => sent.id)).toEqual([event?.id]);
    expect(await state(id)).toMatchObject({ dead_letters: 1 });
  }, 40_000);
});

describe('a webhook is disabled', () => {
  test('by 410 at once, with an event; enabled again it goes on where it ended', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    status(410);
    const gone = await house.happened(organization, 1);
    house.start();
    await eventually(async () => (await state(id)).status === 'disabled');
    expect(await state(id)).toMatchObject({ disabled_reason: 'gone' });
    expect((await owed(id)).at(-1)).toMatchObject({ action: 'webhook.disabled', outcome: 'failure', reason: 'gone' });
    const meanwhile = await house.happened(organization, 2);
    house.after(86_400);
    status(204);
    receiver.received.length = 0;
    expect(await house.manage.enable(house.as(organization), { id })).toMatchObject({
      status: 'active',
      failing_since: null,
    });
    await arrived(3);
    await delivered(id);
    expect(receiver.ids().sort()).toEqual(idsOf([...gone, ...meanwhile]));
  });

  test('when it took nothing for days, with an event; not for one failure after quiet days', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    status(503);
    await house.happened(organization, 1);
    house.start();
    await failed(id, 1);
    await house.rows(`update webhook set failing_since = failing_since - interval '6 days'`);
    house.after(13);
    await failed(id, 2);
    expect(await state(id)).toMatchObject({ status: 'active' });
    house.after(38);
    await eventually(async () => (await state(id)).status === 'disabled');
    expect(await state(id)).toMatchObject({ disabled_reason: 'failing', pending: 1 });
    expect((await owed(id)).filter(({ action }) => action === 'webhook.disabled')).toHaveLength(1);
  });
});

describe('of a suspended organization', () => {
  const turned = (action: 'organization.suspended' | 'organization.resumed') =>
    house.append([
      anEvent(
        { action, organization_id: organization, resource: { kind: 'organization', id: organization } },
        'identity',
      ),
    ]);

  test('nothing is sent, what is owed waits, and all of it is sent once it is resumed', async () => {
    const { id } = await house.made(organization, { url: receiver.url, actions: ['api-key.*'] });
    status(500);
    const before = await house.happened(organization, 1);
    const first = house.start();
    expect(await failed(id, 1)).toMatchObject({ reason: 'status_500' });
    await turned('organization.suspended');
    await first.stop();
    status(204);
    const heard = receiver.received.length;
    const meanwhile = await house.happened(organization, 3);
    const made = await house.made(house.anOrganization(), { url: receiver.url });
    const [row] = await house.rows<{ organization_id: string }>('select organization_id from webhook where id = $1', [
      made.id,
    ]);
    const other = row?.organization_id ?? '';
    await house.happened(other, 1);
    house.after(3_600);
    house.start();
    // Another organization's event is found and sent later than this one's would have been.
    await arrived(heard + 1);
    expect(receiver.received).toHaveLength(heard + 1);
    expect(await house.manage.state()).toMatchObject({ active: 1, paused: 1, failing: 0 });
    expect((await state(id)).pending).toBe(1);

    await turned('organization.resumed');
    await arrived(heard + 5);
    await delivered(id);
    const own = receiver.received.slice(heard + 1).map(({ headers }) => String(headers['webhook-id']));
    expect(own.sort()).toEqual(idsOf([...before, ...meanwhile]));
  }, 30_000);

  test('it is no other service that says so', async () => {
    const { id } = await house.made(organization, { url: receiver.url, actions: ['bucket.*'] });
    await house.append([
      anEvent({
        action: 'organization.suspended',
        organization_id: organization,
        resource: { kind: 'organization', id: organization },
      }),
    ]);
    await house.happened(organization, 1, { action: 'bucket.claimed', resource: { kind: 'bucket', id: 'b' } });
    house.start();
    await arrived(1);
    await delivered(id);
  });
});

test('what became of attempts is counted over all replicas, and the oldest that waits is told', async () => {
  await house.rows('delete from webhook_attempts');
  const { id } = await house.made(organization, { url: receiver.url });
  await house.happened(organization, 2);
  const one = house.start();
  await arrived(2);
  await delivered(id);
  await one.stop();
  status(503);
  const [late] = await house.happened(organization, 1);
  const other = house.start();
  await failed(id, 1);
  await other.stop();
  house.after(60);
  const found = await house.manage.state();
  expect(found).toMatchObject({
    ...{ active: 1, failing: 1, pending: 1, dead_letters: 0 },
    attempts: { delivered: 2, failed: 1, given_up: 0, gone: 0 },
  });
  const age = (house.database.now().getTime() - new Date(late?.time ?? '').getTime()) / 1000;
  expect(Math.abs(age - found.lag_seconds)).toBeLessThan(30);
});
