import { verifyPassword, Secret } from '@portcullis/credentials';
import { ConfigFault } from '@portcullis/settings';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { administrator } from '../../spec/identity-house.js';
import { identityDatabase } from '../identity.module.js';
import { UserStore } from '../users/user.store.js';
import { foundInstallation } from './found-installation.js';
import { OrganizationStore } from './organization.store.js';

let spec: SpecDatabase;
beforeEach(async () => {
  spec = await specDatabase(identityDatabase);
});
afterEach(() => spec.drop());

const rows = <Row>(sql: string): Promise<Row[]> => spec.database.read((manager) => manager.query<Row[]>(sql));

test('the first start makes the first organization and its owner, who can sign in', async () => {
  await foundInstallation(spec.database, administrator);
  const user = await new UserStore(spec.database).findByEmail('ada@example.com');
  expect(user).toMatchObject({
    status: 'active',
    memberships: [
      { organization_id: await new OrganizationStore(spec.database).firstId(), roles: ['owner'], permissions: [] },
    ],
  });
  expect(await verifyPassword(user?.passwordHash ?? null, administrator.password)).toBe(true);
  const events = await rows<{ event: { action: string } }>('select event from outbox order by id');
  expect(events.map(({ event }) => event.action)).toEqual(['organization.created', 'user.created']);
});

test('replicas that start together found one installation', async () => {
  await Promise.all(Array.from({ length: 4 }, () => foundInstallation(spec.database, administrator)));
  expect(await rows('select 1 from organization')).toHaveLength(1);
  expect(await rows('select 1 from user_account')).toHaveLength(1);
  expect(await rows('select 1 from outbox')).toHaveLength(2);
});

test('later starts change nothing, whatever the configuration says then', async () => {
  await foundInstallation(spec.database, administrator);
  await foundInstallation(spec.database, { email: 'other@example.com', password: Secret.of('another password') });
  await foundInstallation(spec.database, { email: undefined, password: undefined });
  expect(await rows('select email from user_account')).toEqual([{ email: 'Ada@Example.com' }]);
});

test.each([
  ['nobody', { email: undefined, password: undefined }],
  ['no password', { email: 'ada@example.com', password: undefined }],
  ['no e-mail', { email: undefined, password: administrator.password }],
])(
  'a first start that names %s is a fault of configuration, in one clear sentence, and makes nothing',
  async (_, given) => {
    const fault = await foundInstallation(spec.database, given).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(ConfigFault);
    expect(String(fault)).toContain('set PORTCULLIS_FIRST_ADMIN_EMAIL and PORTCULLIS_FIRST_ADMIN_PASSWORD');
    expect(await rows('select 1 from organization')).toEqual([]);
  },
);
