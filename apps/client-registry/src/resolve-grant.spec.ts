import { type ClientHouse, openClientHouse } from '../spec/client-house.js';

let house: ClientHouse;
beforeAll(async () => {
  house = await openClientHouse();
});
afterAll(() => house.close());

test('a client is what its roles mean now, with the names of its live keys and nothing of what they are', async () => {
  const made = await house.create({ roles: ['layer1:role:payment:viewer'], networks: ['10.0.0.0/8'] });
  await house.rotate(made.id, 60);
  const { position, grant } = await house.grant(made.id);
  const { lattice } = house.policy.current;
  expect(position.history).not.toBe('');
  expect(grant).toEqual({
    id: made.id,
    organization_id: house.organization_id,
    permissions: lattice.names(lattice.grant({ roles: ['layer1:role:payment:viewer'], buckets: 'all' })),
    resources: {},
    networks: ['10.0.0.0/8'],
    status: 'active',
    keys: [
      { fingerprint: expect.not.stringContaining(made.public_key.fingerprint) as string, expires_at: null },
      { fingerprint: made.public_key.fingerprint, expires_at: '2026-03-01T12:01:00.000Z' },
    ],
  });
  expect(grant?.permissions).not.toEqual([]);
  house.after(60);
  expect((await house.grant(made.id)).grant?.keys).toHaveLength(1);
});

test('a revoked client is an answer, and so is none at all', async () => {
  const { id } = await house.create();
  await house.revoke(id);
  expect((await house.grant(id)).grant?.status).toBe('revoked');
  expect((await house.grant('cli_nobody')).grant).toBeNull();
});
