import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Bus, CallerSigner, startService } from '@portcullis/bus';
import { ClientRecord, ClientRegistry, newId } from '@portcullis/contracts';
import { generateSigningKey } from '@portcullis/credentials';
import { aCaller, specDatabase, type SpecDatabase, specNatsUrl } from '@portcullis/testing';
import { assembleClientRegistry } from './assemble-client-registry.js';
import { clientRegistryDatabase } from './client-registry.module.js';

const gatewayKey = generateSigningKey();
let spec: SpecDatabase;
let service: { stop(): Promise<void> };
let gateway: Bus;

beforeAll(async () => {
  spec = await specDatabase(clientRegistryDatabase);
  service = await startService('client-registry', specNatsUrl('client-registry'), (bus, report) =>
    Promise.resolve({
      ...assembleClientRegistry(bus, spec.database, 2, report),
      gatewayKeys: { find: () => Promise.resolve(gatewayKey.publicKey) },
      close: () => Promise.resolve(),
    }),
  );
  gateway = await Bus.connect('gateway', specNatsUrl('gateway'), {
    signer: new CallerSigner(gatewayKey, () => new Date()),
  });
});
afterAll(async () => {
  await gateway.close();
  await service.stop();
  await spec.drop();
});

const now = new Date('2026-02-01T00:00:00.000Z');
const minutesLater = (minutes: number): Date => new Date(now.getTime() + minutes * 60_000);
const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

/** A client as its registration will write it: with one public key, or with several while one replaces another. */
const insert = async (
  organization: string,
  given: { disabledAt?: Date; revokedAt?: Date; keys?: KeyObject[] } = {},
): Promise<string> => {
  const id = newId('cli', now);
  const { disabledAt, revokedAt, keys = [generateKeyPairSync('ed25519').publicKey] } = given;
  await spec.database.transaction(async ({ manager }) => {
    await manager.query(
      `insert into client (id, organization_id, client_id, name, networks, roles, created_at, created_by, disabled_at,
                           revoked_at, revoked_by)
       values ($1, $2, $3, 'node', '{0.0.0.0/0}', '{layer1:role:user:viewer}', $4, 'usr_1', $5, $6, $7)`,
      [id, organization, `id-of-${id}`, now, disabledAt, revokedAt, revokedAt && 'usr_2'],
    );
    for (const [at, key] of keys.entries()) {
      await manager.query(
        `insert into client_key (client_id, fingerprint, algorithm, spki, created_at) values ($1, $2, $3, $4, $5)`,
        [id, createHash('sha256').update(spki(key)).digest('hex'), key.asymmetricKeyType, spki(key), minutesLater(at)],
      );
    }
  });
  return id;
};
const viewerOf = (organization_id: string) => aCaller({ organization_id, permissions: ['clients:view'] });

test('an organization sees its own clients, newest first, page by page', async () => {
  const [organization, other] = [newId('org', new Date()), newId('org', new Date())];
  const ids = [
    await insert(organization),
    await insert(organization),
    await insert(organization, { disabledAt: now }),
  ].reverse();
  await insert(other);
  const viewer = viewerOf(organization);
  const first = await gateway.call(ClientRegistry.list, { limit: 2 }, viewer);
  const second = await gateway.call(ClientRegistry.list, { limit: 2, cursor: first.next_cursor ?? '' }, viewer);
  expect([...first.items, ...second.items].map((client) => client.id)).toEqual(ids);
  expect(second.next_cursor).toBeNull();
  expect(ClientRecord.parse(first.items[0])).toMatchObject({
    enabled: false,
    status: 'disabled',
    role_count: '1 of 15',
    account_id: organization,
  });
});

test('a cursor leads nowhere but on in the list that it came from', async () => {
  const [organization, other] = [newId('org', now), newId('org', now)];
  await insert(organization);
  await insert(organization);
  const cursor = (await gateway.call(ClientRegistry.list, { limit: 1 }, viewerOf(organization))).next_cursor ?? '';
  for (const [given, caller] of [
    [cursor, viewerOf(other)],
    [`${cursor}A`, viewerOf(organization)],
    ['', viewerOf(organization)],
  ] as const) {
    await expect(gateway.call(ClientRegistry.list, { cursor: given }, caller)).rejects.toMatchObject({
      code: 'invalid_cursor',
    });
  }
});

test('a client shows its newest key, by fingerprint and by both ends, and never the whole of it', async () => {
  const organization = newId('org', now);
  const [old, current] = [0, 1].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey);
  await insert(organization, { keys: [old, current] as KeyObject[] });
  const [client] = (await gateway.call(ClientRegistry.list, {}, viewerOf(organization))).items;
  const der = spki(current as KeyObject);
  const base64 = der.toString('base64');
  expect(client?.public_key).toEqual({
    fingerprint: createHash('sha256').update(der).digest('hex'),
    algorithm: 'rsa',
    preview: `${base64.slice(0, 16)}…${base64.slice(-16)}`,
  });
});

test.each([
  ['active', {}],
  ['disabled', { disabledAt: now }],
  ['revoked', { revokedAt: now }],
  ['revoked', { revokedAt: now, disabledAt: now }],
])('a client is %s', async (status, given) => {
  const organization = newId('org', now);
  await insert(organization, given);
  const { items } = await gateway.call(ClientRegistry.list, {}, viewerOf(organization));
  expect(items).toMatchObject([{ status, enabled: !('disabledAt' in given) }]);
});

test('the list needs clients:view', async () => {
  await expect(gateway.call(ClientRegistry.list, {}, aCaller())).rejects.toMatchObject({ code: 'forbidden' });
});
