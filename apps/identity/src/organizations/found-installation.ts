import { newId } from '@portcullis/contracts';
import { hashPassword, type Secret } from '@portcullis/credentials';
import { type Database } from '@portcullis/persistence';
import { ConfigFault } from '@portcullis/settings';
import { MemberStore } from '../users/member.store.js';
import { UserStore } from '../users/user.store.js';
import { OrganizationStore } from './organization.store.js';

export interface FirstAdministrator {
  email: string | undefined;
  password: Secret | undefined;
}

/**
 * The first start: while there is no user at all, makes the organization "Default" and its owner, the administrator that the
 * configuration names. Later starts change nothing, whatever the configuration says then. Replicas that start together found one
 * installation. Throws `ConfigFault` when there is nobody yet and the configuration names nobody.
 */
export async function foundInstallation(database: Database, administrator: FirstAdministrator): Promise<void> {
  const users = new UserStore(database);
  if (await users.any()) return;
  const { email, password } = administrator;
  if (!email || !password) {
    throw new ConfigFault([
      'There is no user yet: set PORTCULLIS_FIRST_ADMIN_EMAIL and PORTCULLIS_FIRST_ADMIN_PASSWORD (or ' +
        'PORTCULLIS_FIRST_ADMIN_PASSWORD_FILE) for the first administrator. They are needed for this first start only.',
    ]);
  }
  // Before the lock: hashing takes its time, and nobody should wait for it but this process.
  const passwordHash = await hashPassword(password);
  await database.transaction(async (tx) => {
    await tx.manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', ['identity:found-installation']);
    if (await users.any(tx)) return;
    const now = database.now();
    const organizationId = newId('org', now);
    const userId = newId('usr', now);
    await new OrganizationStore(database).insert(tx, {
      id: organizationId,
      name: 'Default',
      first: true,
      createdAt: now,
    });
    await users.insert(tx, { id: userId, email, name: null, passwordHash, createdAt: now });
    await new MemberStore(database).join(tx, {
      userId,
      organizationId,
      roles: ['owner'],
      permissions: [],
      at: now,
      by: null,
    });
    await tx.owe({
      organization_id: organizationId,
      action: 'organization.created',
      resource: { kind: 'organization', id: organizationId },
      details: { name: 'Default', first: true },
    });
    await tx.owe({
      organization_id: organizationId,
      action: 'user.created',
      resource: { kind: 'user', id: userId },
      details: { roles: ['owner'] },
    });
  });
}
