import { Bus, CallerSigner, startService } from '@portcullis/bus';
import { ClientRegistry, newId } from '@portcullis/contracts';
import { generateSigningKey } from '@portcullis/credentials';
import { PolicyFile } from '@portcullis/policy';
import { aCaller, specDatabase, type SpecDatabase, specNatsUrl } from '@portcullis/testing';
import { aPublicKey } from '../spec/client-house.js';
import { assembleClientRegistry } from './assemble-client-registry.js';
import { clientRegistryDatabase } from './client-registry.module.js';

const gatewayKey = generateSigningKey();
let spec: SpecDatabase;
let policy: PolicyFile;
let service: { stop(): Promise<void> };
let gateway: Bus;

beforeAll(async () => {
  spec = await specDatabase(clientRegistryDatabase);
  policy = await PolicyFile.open(new URL('../../../config/policy.yaml', import.meta.url).pathname);
  service = await startService('client-registry', specNatsUrl('client-registry'), (bus, report) =>
    Promise.resolve({
      ...assembleClientRegistry({ bus, database: spec.database, policy, leaseSeconds: 2 }, report),
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
  await policy.close();
  await spec.drop();
});

const organization = newId('org', new Date());
const manager = () =>
  aCaller({ organization_id: organization, permissions: ['clients:manage', 'clients:view', 'layer1:payment:view'] });
const aClient = () => ({ name: 'node', public_key: aPublicKey(), roles: ['layer1:role:payment:viewer'] });

test('over the bus a client is made, found by its keyid, and its signed requests are taken once', async () => {
  const made = await gateway.call(ClientRegistry.create, aClient(), manager());
  const { client, position } = await gateway.call(ClientRegistry.resolve, { client_id: made.client_id });
  expect(client).toMatchObject({ id: made.id, organization_id: organization, status: 'active' });
  expect(client?.keys).toHaveLength(1);
  const claim = {
    client: made.id,
    digest: 'ab'.repeat(32),
    until: new Date(Date.now() + 600_000).toISOString(),
    client_ip: '192.0.2.1',
    user_agent: 'curl/8',
  };
  const claims = await Promise.all(
    Array.from({ length: 5 }, () => gateway.call(ClientRegistry.claim, { claims: [claim, claim] })),
  );
  expect(claims.flatMap(({ claimed }) => claimed).filter(Boolean)).toHaveLength(1);
  const two = [claim, { ...claim, digest: 'ef'.repeat(32) }, { ...claim, digest: 'ef'.repeat(32) }];
  expect(await gateway.call(ClientRegistry.claim, { claims: two })).toEqual({ claimed: [false, true, false] });

  const revoked = await gateway.call(ClientRegistry.revoke, { id: made.id }, manager());
  expect(revoked).toMatchObject({ status: 'revoked', enforcement: { enforcers: 0, fenced: 0 } });
  const after = await gateway.call(ClientRegistry.resolve, { client_id: made.client_id });
  expect(after.client?.status).toBe('revoked');
  expect(after.position).toEqual({ history: position.history, seq: position.seq + 1 });
});

test.each([
  ['create', ClientRegistry.create, aClient()],
  ['list', ClientRegistry.list, {}],
  ['read', ClientRegistry.read, { id: 'cli_1' }],
  ['update', ClientRegistry.update, { id: 'cli_1' }],
  ['rotate', ClientRegistry.rotate, { id: 'cli_1', public_key: 'x' }],
  ['enable', ClientRegistry.enable, { id: 'cli_1' }],
  ['disable', ClientRegistry.disable, { id: 'cli_1' }],
  ['revoke', ClientRegistry.revoke, { id: 'cli_1' }],
] as const)('%s needs its permission', async (_name, operation, request) => {
  await expect(gateway.call(operation, request as never, aCaller())).rejects.toMatchObject({ code: 'forbidden' });
});
