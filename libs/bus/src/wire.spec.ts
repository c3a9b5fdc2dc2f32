import { Controller, Module } from '@nestjs/common';
import {
  authorities,
  openOperation,
  type Operation,
  operationsOf,
  principalOperation,
  Refusal,
  type ReplyOf,
  type RequestOf,
  serviceOperation,
  services as everyService,
} from '@portcullis/contracts';
import { generateSigningKey } from '@portcullis/credentials';
import { aCaller, specConnection, specNatsUrl } from '@portcullis/testing';
import { z } from 'zod';
import { Bus } from './bus.js';
import { CallerSigner, callerHeader } from './caller-token.js';
import { EnforcementAuthority } from './enforcement-authority.js';
import { appliedSubject, exchangeSubject, markerSubject } from './enforcement-subjects.js';
import { EnforcerLink } from './enforcer-link.js';
import { Handles } from './handles.js';
import { committedSubject, OutboxRelay } from './outbox-relay.js';
import { gatherOutboxStates } from './outbox-state.js';
import { startService } from './serve.js';
import { headers } from '@nats-io/transport-node';

// Subjects of real operations, so that the real permissions of the NATS users are in force.
const greet = principalOperation({
  subject: 'client-registry.list',
  permission: 'clients:view',
  request: z.strictObject({ name: z.string().max(10) }),
  reply: z.object({ greeting: z.string() }),
});
const open = openOperation({
  subject: 'identity.login',
  request: z.strictObject({ fail: z.enum(['refusal', 'surprise', 'reply']) }),
  reply: z.object({ ok: z.literal(true) }),
});
const between = serviceOperation({
  subject: 'api-key.resolve',
  callers: ['gateway'],
  request: z.strictObject({}),
  reply: z.object({ ok: z.literal(true) }),
});

@Controller()
class GreetController {
  @Handles(greet)
  greet(request: RequestOf<typeof greet>): Promise<ReplyOf<typeof greet>> {
    return Promise.resolve({ greeting: `hello ${request.name}`, digest: 'must not leave' } as ReplyOf<typeof greet>);
  }
}
@Module({ controllers: [GreetController] })
class GreetModule {}

@Controller()
class OpenController {
  @Handles(open)
  fail({ fail }: RequestOf<typeof open>): Promise<ReplyOf<typeof open>> {
    if (fail === 'refusal') throw new Refusal('conflict', 'Taken.', { cause: 'secret cause', retryAfterSeconds: 3 });
    if (fail === 'surprise') throw new Error('the password is hunter2');
    return Promise.resolve({ ok: false } as unknown as ReplyOf<typeof open>);
  }
}
@Module({ controllers: [OpenController] })
class OpenModule {}

@Controller()
class BetweenController {
  @Handles(between)
  answer(): Promise<ReplyOf<typeof between>> {
    return Promise.resolve({ ok: true });
  }
}
@Module({ controllers: [BetweenController] })
class BetweenModule {}

const gatewayKey = generateSigningKey();
const stranger = generateSigningKey();
const outboxState = { events: 3, oldest_seconds: 1.5, bound: 10 };
const noOutbox = {
  claim: () => Promise.resolve([]),
  release: nothing,
  settle: nothing,
  state: () => Promise.resolve(outboxState),
  onOwed: () => undefined,
};
const rest = {
  outbox: noOutbox,
  gatewayKeys: { find: (kid: string) => Promise.resolve(kid === gatewayKey.kid ? gatewayKey.publicKey : undefined) },
  healthy: () => Promise.resolve(true),
  close: nothing,
};

let services: { stop(): Promise<void> }[];
let gateway: Bus;

beforeAll(async () => {
  services = await Promise.all([
    startService('client-registry', specNatsUrl('client-registry'), () =>
      Promise.resolve({ module: { module: GreetModule }, ...rest }),
    ),
    startService('identity', specNatsUrl('identity'), () =>
      Promise.resolve({ module: { module: OpenModule }, ...rest }),
    ),
    startService('api-key', specNatsUrl('api-key'), () =>
      Promise.resolve({ module: { module: BetweenModule }, ...rest }),
    ),
  ]);
  gateway = await Bus.connect('gateway', specNatsUrl('gateway'), {
    signer: new CallerSigner(gatewayKey, () => new Date()),
  });
});

afterAll(async () => {
  await gateway.close();
  await Promise.all(services.map((service) => service.stop()));
});

const viewer = aCaller({ permissions: ['clients:view'] });

describe('an operation over the bus', () => {
  test('answers a caller that holds its permission, and what the contract does not name stays inside', async () => {
    await expect(gateway.call(greet, { name: 'Ada' }, viewer)).resolves.toEqual({ greeting: 'hello Ada' });
  });

  test('is refused to a caller without the permission, whatever the gateway thought', async () => {
    await expect(gateway.call(greet, { name: 'Ada' }, aCaller())).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('is refused to nobody at all', async () => {
    await expect(gateway.call(greet, { name: 'Ada' })).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(gateway.call(greet, { name: 'Ada' }, { ...viewer, principal: null })).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });

  test('is refused to a caller whose organization is not known', async () => {
    const caller = { ...viewer, principal: { ...viewer.principal, organization_id: null } } as never;
    await expect(gateway.call(greet, { name: 'Ada' }, caller)).rejects.toMatchObject({ code: 'organization_required' });
  });

  test('names the field of a malformed request, and never repeats its value', async () => {
    const refusal = await gateway
      .call(greet, { name: 'a'.repeat(11), nmae: 1 } as never, viewer)
      .catch((e: Refusal) => e);
    expect(refusal).toMatchObject({ code: 'invalid_request' });
    expect((refusal as Refusal).errors?.map((fault) => fault.field).sort()).toEqual(['name', 'nmae']);
    expect(JSON.stringify(refusal)).not.toContain('aaaa');
  });

  test('brings a refusal back with its code and without its cause', async () => {
    const refusal = await gateway.call(open, { fail: 'refusal' }, viewer).catch((e: unknown) => e);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: 'conflict', publicMessage: 'Taken.', retryAfterSeconds: 3 });
    expect((refusal as Refusal).cause).toBeUndefined();
  });

  test.each(['surprise', 'reply'] as const)('brings a %s fault back as internal, with no text of it', async (fail) => {
    const refusal = await gateway.call(open, { fail }, viewer).catch((e: unknown) => e);
    expect(refusal).toMatchObject({ code: 'internal' });
    expect(JSON.stringify(refusal)).not.toContain('hunter2');
  });

  test('that nobody answers is unavailable, at once', async () => {
    const nobody: Operation = serviceOperation({ ...between, subject: 'audit.read', callers: ['gateway'] });
    await expect(gateway.call(nobody, {})).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('between services asks for no caller', async () => {
    await expect(gateway.call(between, {})).resolves.toEqual({ ok: true });
  });
});

describe('a message that is no JSON', () => {
  test.each([
    ['an exchange', 'client-registry', exchangeSubject('client-registry')],
    ['an acknowledgement', 'client-registry', appliedSubject('client-registry')],
    ['a marker', 'gateway', markerSubject('client-registry')],
    ['a report of what is kept', 'identity', committedSubject('identity')],
  ] as const)('as %s leaves the connection hearing', async (_name, service, subject) => {
    const report = (): void => undefined;
    const bus = await Bus.connect(service, specNatsUrl(service));
    const { connection } = bus;
    if (service === 'client-registry') {
      const authority = new EnforcementAuthority(bus, { store: {} as never, leaseSeconds: 2, report });
      authority.start();
      stopped.push(() => authority.stop());
    } else if (service === 'gateway') {
      const link = new EnforcerLink(bus, { id: 'enforcer' });
      link.start();
      stopped.push(() => link.stop());
    } else {
      const relay = new OutboxRelay(bus, noOutbox, report);
      relay.start();
      stopped.push(() => relay.stop());
    }
    await connection.flush();
    const admin = await specConnection('admin');
    admin.publish(subject, 'no JSON');
    await admin.flush();
    await expect(Promise.race([connection.rtt(), timeout(2_000)])).resolves.toBeGreaterThanOrEqual(0);
    for (const stop of stopped.splice(0)) await stop();
    await admin.close();
    await bus.close();
  });
  const stopped: (() => Promise<void> | void)[] = [];
  const timeout = (milliseconds: number) =>
    new Promise((_resolve, reject) => setTimeout(() => reject(new Error('deaf')), milliseconds).unref());
});

describe('a caller token', () => {
  const signer = new CallerSigner(gatewayKey, () => new Date());
  const body = JSON.stringify({ name: 'Ada' });
  const say = async (token: string | undefined, sent = body): Promise<unknown> => {
    const header = headers();
    if (token !== undefined) header.set(callerHeader, token);
    const reply = await gateway.connection.request(greet.subject, sent, { timeout: 2000, headers: header });
    return reply.json<{ ok?: unknown; refusal?: { code: string } }>();
  };
  const refused = { refusal: expect.objectContaining({ code: 'unauthenticated' }) as unknown };

  test('opens it for the largest caller there may be, who reaches a thousand buckets with the longest names', async () => {
    const buckets = Array.from({ length: 1_000 }, (_, index) => String(index).padStart(63, 'b'));
    const large = aCaller({ permissions: ['clients:view'], resources: { buckets } });
    await expect(gateway.call(greet, { name: 'Ada' }, large)).resolves.toEqual({ greeting: 'hello Ada' });
  });

  test('opens the message that it was signed for', async () => {
    await expect(say(signer.sign(greet.subject, body, viewer))).resolves.toEqual({ ok: { greeting: 'hello Ada' } });
  });

  const byStranger = (kid: string) =>
    new CallerSigner({ ...stranger, kid }, () => new Date()).sign(greet.subject, body, viewer);
  const at = (milliseconds: number) =>
    new CallerSigner(gatewayKey, () => new Date(Date.now() + milliseconds)).sign(greet.subject, body, viewer);

  test.each<{ name: string; token: () => string | undefined; sent?: string }>([
    { name: 'missing', token: () => undefined },
    { name: 'of another subject', token: () => signer.sign('client-registry.other', body, viewer) },
    { name: 'of another service', token: () => signer.sign('audit.list', body, viewer) },
    { name: 'of another body', token: () => signer.sign(greet.subject, body, viewer), sent: '{"name":"Eve"}' },
    { name: 'of a gateway that is not registered', token: () => byStranger(stranger.kid) },
    { name: 'of a stranger under the name of a registered gateway', token: () => byStranger(gatewayKey.kid) },
    { name: 'older than half a minute', token: () => at(-40_000) },
    { name: 'from the future', token: () => at(40_000) },
    { name: 'that is no token', token: () => 'a.b.c' },
  ])('$name opens nothing', async ({ token, sent }) => {
    await expect(say(token(), sent)).resolves.toEqual(refused);
  });

  test('cannot be had by a process that has no key', async () => {
    const audit = await Bus.connect('audit', specNatsUrl('audit'));
    await expect(audit.call(greet, { name: 'Ada' }, viewer)).rejects.toThrow(/cannot vouch/);
    await audit.close();
  });
});

test('a gateway is told what each service owes the record, by those that are there', async () => {
  expect([...(await gatherOutboxStates(gateway))].sort()).toEqual([
    ['api-key', outboxState],
    ['client-registry', outboxState],
    ['identity', outboxState],
  ]);
});

describe('the NATS user of a service', () => {
  test.each<[string, Parameters<typeof specConnection>[0], string]>([
    ['api-key cannot publish an event in the name of audit', 'api-key', 'audit.installation.audit.api-key.created'],
    ['api-key cannot publish an event in the name of identity', 'api-key', 'audit.installation.identity.user.created'],
    ['api-key cannot call what is not for it', 'api-key', 'identity.login'],
    ['api-key cannot report events as kept', 'api-key', 'committed.api-key'],
    ['api-key cannot revoke in the name of identity', 'api-key', 'enforcement.identity.marker'],
    ['the gateway cannot report events as kept', 'gateway', 'committed.identity'],
    ['api-key cannot ask what identity owes the record', 'api-key', 'outbox.identity'],
    ['the gateway cannot publish a marker', 'gateway', 'enforcement.api-key.marker'],
    ['audit cannot call api-key', 'audit', 'api-key.resolve'],
    ['identity cannot delete the stream', 'identity', '$JS.API.STREAM.DELETE.AUDIT'],
    ['audit cannot purge the stream', 'audit', '$JS.API.STREAM.PURGE.AUDIT'],
    ['the gateway cannot enforce in the name of a guard', 'gateway', 'enforcement.api-key.guard-exchange'],
  ])('%s', async (_name, user, subject) => {
    const connection = await specConnection(user);
    await expect(connection.request(subject, '{}', { timeout: 1000 })).rejects.toThrow(/Permissions Violation/i);
    await connection.close();
  });

  test.each<[string, Parameters<typeof specConnection>[0], string]>([
    ['api-key cannot answer for identity', 'api-key', 'identity.login'],
    ['api-key cannot listen in on another’s replies', 'api-key', '_INBOX.gateway.>'],
    ['client-registry cannot read the events', 'client-registry', 'audit.>'],
    ['audit cannot hear everything', 'audit', '>'],
    ['the gateway cannot answer for api-key', 'gateway', 'api-key.resolve'],
  ])('%s', async (_name, user, subject) => {
    const connection = await specConnection(user);
    const refusal = new Promise((resolve) => connection.subscribe(subject, { callback: (error) => resolve(error) }));
    await connection.flush();
    expect(String(await refusal)).toMatch(/Permissions Violation/i);
    await connection.close();
  });
});

describe('the NATS user of guards in other teams’ services', () => {
  const refused = /Permissions Violation/i;

  test('may call what names it as a caller, and no other operation', async () => {
    const connection = await specConnection('guard');
    const allowed: string[] = [];
    for (const { subject } of everyService.flatMap(operationsOf)) {
      const refusal = await connection.request(subject, '{}', { timeout: 1_000 }).then(() => '', String);
      if (!refused.test(refusal)) allowed.push(subject);
    }
    expect(allowed.sort()).toEqual([
      ...['api-key.resolve-grant', 'client-registry.resolve-grant'],
      ...['identity.keys', 'identity.resolve-family', 'identity.resolve-holder'],
    ]);
    await connection.close();
  });

  test.each([
    ...authorities.flatMap((authority) => [exchangeSubject(authority), appliedSubject(authority)]),
    ...authorities.map(markerSubject),
    ...everyService.map((service) => `health.${service}`),
    ...['audit.installation.gateway.policy.loaded', 'access.requests', 'committed.identity', 'policy.status'],
    ...['$JS.API.INFO', '$JS.API.STREAM.INFO.AUDIT', '$JS.API.CONSUMER.MSG.NEXT.AUDIT.audit', '$SYS.REQ.SERVER.PING'],
    ...['_INBOX.gateway.x', '_INBOX.guard.x'],
  ])('cannot say anything on %s', async (subject) => {
    const connection = await specConnection('guard');
    await expect(connection.request(subject, '{}', { timeout: 1_000 })).rejects.toThrow(refused);
    await connection.close();
  });

  test.each([
    ...['>', '*.>', 'audit.>', 'api-key.*', 'api-key.resolve-grant', 'identity.resolve-holder', 'access.requests'],
    ...authorities.flatMap((authority) => [exchangeSubject(authority, 'guard'), appliedSubject(authority, 'guard')]),
    ...['enforcement.>', '_INBOX.>', '_INBOX.gateway.>', 'policy.status', 'health.*', '$JS.>', '$SYS.>'],
  ])('cannot hear %s', async (subject) => {
    const connection = await specConnection('guard');
    const refusal = new Promise((resolve) => connection.subscribe(subject, { callback: (error) => resolve(error) }));
    await connection.flush();
    expect(String(await refusal)).toMatch(refused);
    await connection.close();
  });
});

function nothing(): Promise<void> {
  return Promise.resolve();
}
