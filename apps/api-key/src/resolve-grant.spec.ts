import { type KeyHouse, openKeyHouse } from '../spec/key-house.js';
import { ResolveGrant } from './resolve-grant.js';

let house: KeyHouse;
beforeAll(async () => {
  house = await openKeyHouse();
});
afterAll(() => house.close());

const resolve = (id: string) => house.module.get(ResolveGrant).execute({ id });

test('a key is what its roles mean now, with the generations of its client secrets and no digest of one', async () => {
  const made = await house.create({
    forms: ['bearer', 'client_credentials'],
    roles: ['observer'],
    permissions: ['storage:objects:view'],
    buckets: ['logs'],
    networks: ['10.0.0.0/8'],
  });
  await house.rotate(made.id, 60);
  const { position, grant } = await resolve(made.id);
  expect(position.history).not.toBe('');
  expect(grant).toEqual({
    id: made.id,
    organization_id: house.organization_id,
    owner_id: made.owner.id,
    permissions: expect.arrayContaining(['counterparties:view', 'storage:objects:view']) as string[],
    resources: { 'storage:objects:view': ['logs'] },
    networks: ['10.0.0.0/8'],
    status: 'active',
    expires_at: made.expires_at,
    generations: [
      { generation: 1, expires_at: expect.any(String) as string },
      { generation: 2, expires_at: null },
    ],
  });
  const { lattice } = house.policy.current;
  expect(grant?.permissions).toEqual(
    lattice.names(lattice.grant({ roles: ['observer'], permissions: ['storage:objects:view'], buckets: ['logs'] })),
  );
  const { sha256 } = (await house.resolve({ id: made.id }))?.secrets[0] ?? { sha256: '' };
  expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(JSON.stringify(grant)).not.toContain(sha256);
});

test('a revoked key is an answer, and so is none at all', async () => {
  const { id } = await house.create();
  await house.revoke(id);
  expect((await resolve(id)).grant?.status).toBe('revoked');
  expect((await resolve('key_nobody')).grant).toBeNull();
});
