import { Audit, newId, type RequestInputOf } from '@portcullis/contracts';
import { generateSealingKey, KeyEncryption, publicSealingJwk, unseal } from '@portcullis/credentials';
import { aCaller, eventually } from '@portcullis/testing';
import { randomBytes } from 'node:crypto';
import { anEvent, logOver } from '../../spec/appended-log.js';
import { logConfig } from '../../spec/log-config.js';
import { ownNats } from '../../spec/own-nats.js';
import { servedAudit } from '../../spec/served-audit.js';
import { webhookHouse } from '../../spec/webhook-house.js';
import { webhookReceiver, type WebhookReceiver } from '../../spec/webhook-receiver.js';
import { secretContext } from './deliver-webhooks.js';

let house: Awaited<ReturnType<typeof webhookHouse>>;
let receiver: WebhookReceiver;
let organization: string;
beforeAll(async () => {
  house = await webhookHouse();
  receiver = await webhookReceiver();
}, 60_000);
beforeEach(() => (organization = house.anOrganization()));
afterEach(() => house.stopAll());
afterAll(async () => {
  await receiver.close();
  await house.drop();
});

type Wanted = RequestInputOf<typeof Audit.createWebhook>;
const wanted = (given: Partial<Wanted> = {}) =>
  Audit.createWebhook.request.parse({ name: 'SIEM', url: receiver.url, ...given });
const code = (work: Promise<unknown>) => work.then(() => 'done').catch((error: { code?: string }) => error.code);

describe('a webhook', () => {
  test('is answered with its secret once; it is kept encrypted, and no event or list says it', async () => {
    const { secret, ...made } = await house.made(organization, { url: `${receiver.url}?token=of-theirs` });
    expect(secret).toMatch(/^whsec_/);
    expect(made).toMatchObject({ status: 'active', pending: 0, dead_letters: 0, secrets: [{ expires_at: null }] });
    const everything = JSON.stringify([
      await house.rows('select * from webhook_secret'),
      await house.rows('select event from outbox'),
      await house.manage.list(house.as(organization), { limit: 50 }),
    ]);
    expect(everything).not.toContain(secret.slice('whsec_'.length));
    const [{ events } = { events: '' }] = await house.rows<{ events: string }>(
      `select json_agg(event)::text as events from outbox where event->'resource'->>'id' = $1`,
      [made.id],
    );
    expect(events).toContain('webhook.created');
    expect(events).not.toContain('of-theirs');
  });

  test('is made once under an Idempotency-Key, and a repeat is not shown the secret', async () => {
    const caller = house.as(organization, undefined, 'once');
    const first = await house.manage.create(caller, wanted());
    const again = await house.manage.create(caller, wanted());
    expect([again.id, again.secret]).toEqual([first.id, undefined]);
    expect((await house.manage.list(house.as(organization), { limit: 50 })).items).toHaveLength(1);
  });

  test('is made by nobody who may not read events', async () => {
    expect(await code(house.manage.create(house.as(organization, ['audit:manage']), wanted()))).toBe('forbidden');
  });

  test('is another organization’s for nobody', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    const stranger = house.as(house.anOrganization());
    const { manage } = house;
    for (const work of [
      manage.read(stranger, { id }),
      manage.remove(stranger, { id }),
      manage.update(stranger, { id, name: 'Theirs' }),
      manage.rotate(stranger, { id, overlap_seconds: 0 }),
      manage.enable(stranger, { id }),
      manage.deadLetters(stranger, { id, limit: 5 }),
      manage.replay(stranger, { id }),
    ])
      expect(await code(work)).toBe('not_found');
    expect((await manage.list(stranger, { limit: 50 })).items).toEqual([]);
    expect(await manage.read(house.as(organization), { id })).toMatchObject({ id, status: 'active' });
    expect(await code(manage.read(house.as(organization), { id: '\0' }))).toBe('not_found');
    expect(await code(manage.enable(house.as(organization), { id: '\0' }))).toBe('not_found');
    expect(await manage.replay(house.as(organization), { id, event_ids: ['\0'] })).toEqual({ replayed: 0 });
  });

  test('that was taken away is gone with its secrets and with what it was owed', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    await house.rows(
      `insert into webhook_delivery (webhook_id, leaf_index, event_id, due_at) values ($1, 1, 'e', now())`,
      [id],
    );
    expect(await house.manage.remove(house.as(organization), { id })).toEqual({ id, deleted: true });
    expect(await code(house.manage.read(house.as(organization), { id }))).toBe('not_found');
    expect(await house.rows('select from webhook_secret where webhook_id = $1', [id])).toEqual([]);
    expect(await house.rows('select from webhook_delivery where webhook_id = $1', [id])).toEqual([]);
  });

  test('is one of twenty at most, however many are made at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 22 }, () => code(house.manage.create(house.as(organization), wanted()))),
    );
    expect([made.filter((one) => one === 'done').length, made.filter((one) => one === 'conflict').length]).toEqual([
      20, 2,
    ]);
    const page = await house.manage.list(house.as(organization), { limit: 15 });
    const next = await house.manage.list(house.as(organization), { limit: 15, cursor: page.next_cursor ?? '' });
    expect([page.items.length, next.items.length, next.next_cursor]).toEqual([15, 5, null]);
  }, 30_000);
});

describe('an edit', () => {
  const eventsOf = (id: string) =>
    house.rows<{ action: string; details: object }>(
      `select event->>'action' as action, event->'details' as details from outbox
        where event->'resource'->>'id' = $1 and event->>'action' <> 'webhook.created' order by id`,
      [id],
    );

  test('changes what it names and nothing else, and its event says of a URL the host', async () => {
    const made = await house.made(organization, { url: receiver.url, description: 'ours', subjects: ['client'] });
    const { id } = made;
    const url = `${receiver.url}/other?token=of-theirs`;
    const edited = await house.manage.update(house.as(organization), { id, url, actions: ['api-key.*'] });
    expect(edited).toMatchObject({
      name: made.name,
      description: 'ours',
      url,
      actions: ['api-key.*'],
      status: 'active',
    });
    expect(edited.subjects).toEqual(['client']);
    const emptied = await house.manage.update(house.as(organization), { id, description: null, actions: null });
    expect([emptied.description, emptied.actions, emptied.url]).toEqual([null, null, url]);
    const events = await eventsOf(id);
    expect(events).toEqual([
      { action: 'webhook.updated', details: { before: { actions: null }, after: { actions: ['api-key.*'] } } },
      {
        action: 'webhook.updated',
        details: {
          before: { actions: ['api-key.*'], description: 'ours' },
          after: { actions: null, description: null },
        },
      },
    ]);
    expect(JSON.stringify(events)).not.toContain('of-theirs');
  });

  test('that changes nothing is no event', async () => {
    const { id, name, url } = await house.made(organization, { url: receiver.url });
    await house.manage.update(house.as(organization), { id, name, url, enabled: true });
    await house.manage.update(house.as(organization), { id });
    expect(await eventsOf(id)).toEqual([]);
  });

  test('stops it by hand and lets it go on', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    const off = await house.manage.update(house.as(organization), { id, enabled: false });
    expect(off).toMatchObject({ status: 'disabled', disabled_reason: null });
    const on = await house.manage.update(house.as(organization), { id, enabled: true });
    expect(on).toMatchObject({ status: 'active' });
    expect((await eventsOf(id)).map(({ action }) => action)).toEqual(['webhook.disabled', 'webhook.enabled']);
  });

  test('of where it goes or what is sent needs the permission to read events, a name does not', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    const manager = house.as(organization, ['audit:manage']);
    for (const edit of [{ url: receiver.url }, { actions: null }, { subjects: null }])
      expect(await code(house.manage.update(manager, { id, ...edit }))).toBe('forbidden');
    expect(await house.manage.update(manager, { id, name: 'SIEM 2' })).toMatchObject({ name: 'SIEM 2' });
  });

  test('to a URL that webhooks may not go to is refused and changes nothing', async () => {
    const { id, url } = await house.made(organization, { url: receiver.url });
    expect(await code(house.manage.update(house.as(organization), { id, url: 'https://10.0.0.1/' }))).toBe(
      'unprocessable',
    );
    expect(await house.manage.read(house.as(organization), { id })).toMatchObject({ url });
  });

  test('to another URL forgets that the one before it failed', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    await house.rows(`update webhook set failing_since = now(), held_until = now() where id = $1`, [id]);
    const renamed = await house.manage.update(house.as(organization), { id, name: 'same receiver' });
    expect(renamed.failing_since).not.toBeNull();
    const moved = await house.manage.update(house.as(organization), { id, url: `${receiver.url}/2` });
    expect(moved.failing_since).toBeNull();
  });
});

describe('a URL is refused', () => {
  test.each([
    ['ftp://siem.example/', 'https'],
    ['nonsense', 'https'],
    ['https://user:password@siem.example/', 'user name'],
    ['https://siem.example/#part', 'fragment'],
    [`https://siem.example/${'x'.repeat(2048)}`, '2048'],
  ])('%s: as none that can be a webhook’s', (url, word) => {
    const { error } = Audit.createWebhook.request.safeParse({ name: 'x', url });
    expect(error?.issues[0]?.path).toEqual(['url']);
    expect(error?.issues[0]?.message).toContain(word);
  });

  test('in one way, whether it leads inside or nowhere', async () => {
    const refusals: unknown[] = [];
    for (const url of ['https://10.0.0.1/', 'http://169.254.169.254/latest', 'https://nowhere.invalid/']) {
      const refusal = await house.manage
        .create(house.as(organization), wanted({ url }))
        .catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'unprocessable', errors: [{ field: 'url' }] });
      refusals.push((refusal as Error).message);
    }
    expect(new Set(refusals).size).toBe(1);
  });

  test.each([[{ actions: [] }], [{ actions: ['api-key'] }], [{ actions: ['no.such'] }], [{ subjects: [''] }]])(
    'so is a filter that lets nothing through: %j',
    (given) => {
      const parsed = Audit.createWebhook.request.safeParse({ name: 'x', url: 'https://siem.example', ...given });
      expect(parsed.success).toBe(false);
    },
  );
});

describe('secrets', () => {
  test('that are too many to sign are refused, unless the old one ends at once', async () => {
    const { id } = await house.made(organization, { url: receiver.url });
    const rotate = (overlap_seconds: number) => house.manage.rotate(house.as(organization), { id, overlap_seconds });
    for (let count = 2; count <= 5; count++) expect((await rotate(600)).secrets).toHaveLength(count);
    expect(await code(rotate(600))).toBe('conflict');
    expect((await rotate(0)).secrets).toHaveLength(5);
  });

  test('that do not open are said, and keep no other webhook waiting', async () => {
    const broken = await house.made(organization, { url: receiver.url });
    const other = house.anOrganization();
    await house.made(other, { url: receiver.url });
    await house.rows('update webhook_secret set envelope = $2 where webhook_id = $1', [
      broken.id,
      KeyEncryption.parse(randomBytes(32).toString('base64')).encrypt(Buffer.from('x'), 'elsewhere'),
    ]);
    const [event] = await house.happened(other, 1);
    house.start();
    await eventually(() => receiver.ids().includes(event?.id ?? ''));
    expect(house.reports.join()).toContain(`a secret of ${broken.id} cannot be opened`);
  });

  test('are wrapped anew when the key-encryption key changes, and open as before', async () => {
    const { id, secret } = await house.made(organization, { url: receiver.url });
    const [before] = await house.rows<{ id: string; envelope: string }>(
      'select id, envelope from webhook_secret where webhook_id = $1',
      [id],
    );
    if (!before) throw new Error('no secret');
    const keys = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')] as const;
    const [fresh, old] = [KeyEncryption.parse(keys.join(',')), KeyEncryption.parse(keys[1])];
    const context = secretContext(before.id, id);
    await house.rows('delete from webhook_secret where webhook_id <> $1', [id]);
    await house.rows('update webhook_secret set envelope = $2 where id = $1', [
      before.id,
      old.encrypt(logConfig.encryption.decrypt(before.envelope, context), context),
    ]);
    house.start({ encryption: fresh });
    const after = await eventually(async () => {
      const [row] = await house.rows<{ envelope: string }>('select envelope from webhook_secret where id = $1', [
        before.id,
      ]);
      return row && fresh.isCurrent(row.envelope) && row.envelope;
    });
    expect(KeyEncryption.parse(keys[0]).decrypt(after, context).toString()).toBe(secret);
  });
});

test('over the bus: the secret crosses it sealed, and another replica goes on when one has stopped', async () => {
  await house.rows('delete from webhook');
  const nats = await ownNats();
  const served = await servedAudit(nats, house.database, newId('org', new Date()));
  const second = await served.start();
  try {
    const key = generateSealingKey();
    const { kty, crv, x } = publicSealingJwk(key);
    const permissions = ['audit:view', 'audit:manage'];
    const caller = aCaller({ organization_id: organization, permissions }, { replyKey: { kty, crv, x } });
    const admin = await nats.connection('admin');
    const heard: string[] = [];
    admin.subscribe('>', {
      callback: (_error, message) => void heard.push(Buffer.from(message.data).toString('latin1')),
    });
    await admin.flush();
    receiver.received.length = 0;
    const made = await served.gateway.call(Audit.createWebhook, { name: 'SIEM', url: receiver.url }, caller);
    const secret = unseal(key, made.secret?.sealed ?? '', Audit.createWebhook.subject);
    const { append } = await logOver(house.database);
    const [one, two] = [anEvent({ organization_id: organization }), anEvent({ organization_id: organization })];
    await append([one]);
    await eventually(() => receiver.ids().includes(one.id));
    await served.stop();
    await append([two]);
    await eventually(() => receiver.ids().includes(two.id));
    // Its own making is the first thing that it is told of.
    const types = () => (receiver.verified(secret) as unknown as { type: string }[]).map(({ type }) => type);
    await eventually(() => types().includes('portcullis.webhook.created'));
    await admin.close();
    expect(heard.some((message) => message.includes(made.id))).toBe(true);
    expect(heard.filter((message) => message.includes(secret))).toEqual([]);
    const stranger = aCaller({ organization_id: organization, permissions: ['audit:view'] });
    expect(await code(served.gateway.call(Audit.listWebhooks, {}, stranger))).toBe('forbidden');
  } finally {
    await second.stop();
    await served.close();
    await nats.stop();
  }
}, 60_000);
