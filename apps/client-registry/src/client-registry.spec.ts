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

const insert = async (organization: string, disabled = false): Promise<string> => {
  const id = newId('cli', new Date());
  await spec.database.transaction(async ({ manager }) => {
    await manager.query(
      `insert into client (id, organization_id, client_id, name, networks, roles, created_at, created_by, disabled_at)
       values ($1, $2, $3, 'node', '{0.0.0.0/0}', '{layer1:role:user:viewer}', now(), 'usr_1', $4)`,
      [id, organization, `id-of-${id}`, disabled ? new Date() : null],
    );
    await manager.query(`insert into client_key values ($1, 'f', 'ed25519', '\\x00', now())`, [id]);
  });
  return id;
};

test('an organization sees its own clients, newest first, page by page', async () => {
  const [organization, other] = [newId('org', new Date()), newId('org', new Date())];
  const ids = [await insert(organization), await insert(organization), await insert(organization, true)].reverse();
  await insert(other);
  const viewer = aCaller({ organization_id: organization, permissions: ['clients:view'] });
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

test('the list needs clients:view', async () => {
  await expect(gateway.call(ClientRegistry.list, {}, aCaller())).rejects.toMatchObject({ code: 'forbidden' });
});
